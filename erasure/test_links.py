"""Links to the client's page are erased with the client; what the evidence says of them, with the contract."""

import json

import pytest
import time_machine
from django.db.models import CharField, GenericIPAddressField
from django.utils import timezone

from contracts import signature_consent, signing
from contracts.conftest import code_sent_to
from contracts.models import Contract
from erasure import erasing, retention
from erasure.conftest import LINK_ADDRESSES, MARK, all_rows_as_text, days
from erasure.models import DataCategory, Erasure, ErasureReason, ErasureScope
from links.models import Browser, Link

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("maintenance")]


def erase(client, gleb, **options) -> Erasure:
    return erasing.erase(client, ErasureReason.REQUEST, by=gleb, note="Заявление вх. 15", **options)


def test_links_are_deleted_and_named_in_the_act(declined_link, issued, gleb):
    texts = [field.name for field in Link._meta.concrete_fields if isinstance(field, CharField | GenericIPAddressField)]
    declined_link.refresh_from_db()
    assert all(getattr(declined_link, name) for name in texts), "a text column without a mark"
    link_ids = [str(pk) for pk in Link.objects.values_list("pk", flat=True)]

    erasure = erase(issued.client, gleb)

    assert not Link.objects.exists()
    assert erasure.lines.get(table="manager_client_links").count == 2
    assert erasure.lines.get(table="manager_client_links").category == DataCategory.LOG
    text = " ".join(all_rows_as_text().values())
    assert [word for word in (*link_ids, *LINK_ADDRESSES, "Android") if word in text] == []


@pytest.fixture
def signed_on_the_page(issued, anna) -> Contract:
    link, _ = Link.objects.issue(issued.client, issued.pk, by=anna, browser=Browser(LINK_ADDRESSES[0], "Firefox"))
    browser, version = Browser(LINK_ADDRESSES[1], "Android"), signature_consent.current_version()
    link.open("secret", browser)
    link.set(agreed_at=timezone.now(), pep_text_version=version)
    signing.request_code(issued, by=anna, link=link)
    code = code_sent_to(issued.client)
    return signing.sign(issued, code, consent=True, pep_text_version=version, by=anna, browser=browser, link=link)


def test_evidence_outlives_the_link_and_ends_with_the_contract(signed_on_the_page, gleb):
    contract = signed_on_the_page
    assert erase(contract.client, gleb, ended=True).scope == ErasureScope.CLIENT

    assert not Link.objects.exists()
    contract.refresh_from_db()
    (page,) = json.loads(contract.evidence)["client_pages"]
    assert (page["created_ip"], page["ip"]) == LINK_ADDRESSES

    with time_machine.travel(contract.signed_at + days(366 * 11)):
        now = timezone.now()
        assert retention.expired_contracts(now).filter(pk=contract.pk).exists()
        for rule, clients in retention.expired_clients(now):
            for client_id in list(clients):
                erasing.apply_rule(rule, client_id, now=now)
    contract.refresh_from_db()
    assert contract.evidence == ""
    text = " ".join(all_rows_as_text().values())
    assert [address for address in LINK_ADDRESSES if address in text] == []
    assert MARK not in contract.evidence


def test_links_stay_while_the_client_stays(signed_on_the_page, gleb):
    """Only the passport may be erased while the contract binds."""
    assert erase(signed_on_the_page.client, gleb).scope == ErasureScope.PASSPORT
    assert Link.objects.get().signed_at
