"""Requests and codes that come at the same time, on two connections each."""

import pytest

from conftest import ROLES, as_role
from contracts.conftest import wrong_code
from copies import codes
from copies.conftest import Reader, code_for, open_documents
from copies.models import CopyCode
from erasure import erasing
from erasure.models import ErasureReason
from messaging.codes import MAX_ATTEMPTS_PER_CODE

pytestmark = pytest.mark.django_db(transaction=True)


def test_double_click_sends_one_code(race, signed):
    responses = race(*[lambda: Reader().request(signed.number)] * 2, at=signed.client)
    assert [response.status_code for response in responses] == [302, 302]
    assert CopyCode.objects.count() == 1


def test_one_code_opens_the_documents_in_one_browser(race, signed):
    Reader().request(signed.number)
    code, readers = code_for(signed.client), [Reader(), Reader()]
    responses = race(*[lambda reader=reader: reader.enter(signed.number, code) for reader in readers], at=signed.client)
    assert sorted(response.status_code for response in responses) == [302, 422]
    opened = CopyCode.objects.get()
    for reader in readers:
        reader.pk = opened.pk
    assert sorted(reader.documents().status_code for reader in readers) == [200, 404]


def test_wrong_codes_are_all_counted(race, signed):
    Reader().request(signed.number)
    wrong = wrong_code(code_for(signed.client))
    race(*[lambda: Reader().enter(signed.number, wrong)] * 7, at=signed.client)
    assert CopyCode.objects.get().failed_tries == MAX_ATTEMPTS_PER_CODE


def erase(client, gleb):
    with as_role(ROLES.maintenance):
        return erasing.erase(client, ErasureReason.REQUEST, by=gleb, note="вх. 1", ended=True)


def test_client_erased_while_the_code_is_requested_or_entered(race, signed, gleb, make):
    reader = Reader()
    reader.request(signed.number)
    code, client = code_for(signed.client), make.fresh(signed.client)
    _, requested, entered = race(
        lambda: erase(client, gleb),
        lambda: Reader().request(signed.number),
        lambda: reader.enter(signed.number, code),
        at=client,
        in_order=True,
    )
    assert (requested.status_code, entered.status_code) == (302, 422)
    assert not CopyCode.objects.exists()


def test_closed_while_a_file_is_loaded(race, signed):
    reader = open_documents(signed.client, signed.number)
    opened = CopyCode.objects.get()
    race(lambda: codes.close(opened), lambda: codes.close(opened), at=opened)
    assert reader.documents().status_code == 404
