"""Requests and codes that come at the same time, on two connections each."""

import copy

import pytest
from django.urls import reverse

from client_page.conftest import path_of
from conftest import ROLES, as_role
from copies import codes
from copies.conftest import Reader, code_for, open_documents, work, wrong
from copies.models import CopyCode
from erasure import erasing
from erasure.models import ErasureReason
from managers.models import Spending
from messaging.codes import MAX_ATTEMPTS_PER_CODE
from messaging.models import OutgoingMessage, Purpose
from support.models import LogEntry

pytestmark = pytest.mark.django_db(transaction=True)


def test_double_click_sends_one_code(race, signed):
    """Both requests come before the worker sees one of them. The code is that of either."""
    reader = Reader()
    reader.browser.get(reverse("copies:start"))
    pages = [copy.copy(reader), copy.copy(reader)]
    race(*[lambda page=page: page.post_number(signed.number) for page in pages], at=Spending)
    work()
    assert CopyCode.objects.exclude(client=None).count() == 1
    assert reader.enter(signed.number, code_for(signed.client)).status_code == 302


def test_slow_worker_and_the_next_one_send_one_code(race, signed):
    Reader().post_number(signed.number)
    code = CopyCode.objects.get()

    def send() -> None:
        with as_role(ROLES.maintenance):
            codes._send(code, signed.client)

    race(send, send, at=signed.client)
    assert OutgoingMessage.objects.filter(purpose=Purpose.COPY_CODE).count() == 1


def test_two_browsers_cannot_exceed_the_codes_of_a_day(race, signed, monkeypatch):
    monkeypatch.setattr(codes, "MAX_CODES_PER_DAY", 1)
    for _ in range(2):
        Reader().post_number(signed.number)
    race(work, work, at=signed.client)
    assert CopyCode.objects.exclude(client=None).count() == 1


def test_code_entered_twice_at_once_opens_the_documents_once(race, signed):
    reader = Reader()
    reader.request(signed.number)
    code, pages = code_for(signed.client), [copy.copy(reader), copy.copy(reader)]
    responses = race(*[lambda page=page: page.enter(signed.number, code) for page in pages], at=signed.client)
    assert [path_of(response) for response in responses] == [pages[0].url("documents")] * 2
    assert LogEntry.objects.filter(body__startswith="Клиент открыл копии").count() == 1


def test_wrong_codes_are_all_counted(race, signed):
    reader = Reader()
    reader.request(signed.number)
    digits = wrong(code_for(signed.client))
    race(*[lambda: copy.copy(reader).enter(signed.number, digits)] * 7, at=CopyCode)
    assert CopyCode.objects.get().failed_tries == MAX_ATTEMPTS_PER_CODE


def erase(client, gleb):
    with as_role(ROLES.maintenance):
        return erasing.erase(client, ErasureReason.REQUEST, by=gleb, note="вх. 1", ended=True)


def test_client_erased_while_the_code_is_requested_or_entered(race, signed, gleb, make):
    reader = Reader()
    reader.request(signed.number)
    code, client = code_for(signed.client), make.fresh(signed.client)
    Reader().post_number(signed.number)
    _, _, entered = race(
        lambda: erase(client, gleb), work, lambda: reader.enter(signed.number, code), at=client, in_order=True
    )
    assert entered.status_code == 422
    assert not CopyCode.objects.exclude(client=None).exists()


def test_closed_twice_at_once(race, signed):
    reader = open_documents(signed.client, signed.number)
    opened = CopyCode.objects.get()
    assert race(opened.close, opened.close, at=opened) == [None, None]
    assert reader.documents().status_code == 404
