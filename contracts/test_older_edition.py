"""An open contract of an older edition is not signed: a new one is issued instead."""

import pytest
from django.urls import reverse

from contracts import issuing, pdf, signature_consent, signing
from contracts.conftest import code_sent_to, sign
from contracts.models import Contract, SigningCode
from devices.saving import delete_device

OLD = "v2"
NEW_TEXT = "Изменился текст договора: новая редакция"


@pytest.fixture
def before_deploy(monkeypatch):
    """A function that runs another one as a process from before the deploy would."""

    def run(function):
        with monkeypatch.context() as old:
            old.setattr(pdf, "current_version", lambda: OLD)
            return function()

    return run


@pytest.fixture
def older(make, anna, before_deploy) -> Contract:
    """An open contract of the older edition with unchanged contents, and a code that was sent for it."""

    def issue_and_send_code():
        contract = issuing.issue(make.awaiting_contract(anna, devices=2), by=anna)
        signing.request_code(contract, by=anna)
        return contract

    return before_deploy(issue_and_send_code)


def test_no_code_is_sent(older, anna):
    with pytest.raises(signing.ContractEditionOld, match="новая редакция"):
        signing.request_code(older, by=anna)

    assert SigningCode.objects.count() == 1


def test_an_earlier_code_does_not_sign(older, anna):
    with pytest.raises(signing.ContractEditionOld):
        sign(older, anna, code_sent_to(older.client))

    older.refresh_from_db()
    assert older.signed_at is None
    assert older.codes.get().used_at is None


def test_issuing_again_voids_it_and_issues_the_newest_edition(older, anna, make):
    again = issuing.issue(make.fresh(older.client), by=anna)

    older.refresh_from_db()
    assert older.void_at
    assert again.template_version == again.snapshot.template_version == pdf.current_version() != OLD
    assert again.snapshot.contents == older.snapshot.contents
    assert issuing.open_contract(older.client) == again
    assert sign(again, anna).signed_at


def test_one_that_is_issued_meanwhile_by_an_older_process_is_replaced(make, anna, monkeypatch, before_deploy):
    client, render, meanwhile = make.awaiting_contract(anna), pdf.render_contract, []

    def issue_meanwhile_and_render(snapshot):
        if not meanwhile:
            meanwhile.append(None)
            meanwhile[0] = before_deploy(lambda: issuing.issue(make.fresh(client), by=anna))
        return render(snapshot)

    monkeypatch.setattr(pdf, "render_contract", issue_meanwhile_and_render)
    issued = issuing.issue(client, by=anna)

    older = Contract.objects.get(pk=meanwhile[0].pk)
    assert older.template_version == OLD
    assert older.void_at
    assert issued != older
    assert issuing.open_contract(client) == issued


def test_step_4_says_that_the_text_changed(older, as_anna):
    page = as_anna.get(reverse("contracts:contract", args=[older.client_id])).text

    assert NEW_TEXT in page
    assert "Сформировать заново" in page
    assert "Подписать" not in page


def test_step_4_lists_changed_data_too(older, as_anna, anna, make):
    make.device(make.fresh(older.client), anna, title="Плита")

    page = as_anna.get(reverse("contracts:contract", args=[older.client_id])).text

    assert page.index(NEW_TEXT) < page.index("Добавлено устройство «Плита»")


@pytest.mark.parametrize("name", ["code", "signature"])
def test_a_page_opened_before_the_deploy_shows_the_reason(older, as_anna, name):
    form = {
        "contract": older.pk,
        "consent": "on",
        "pep_version": signature_consent.current_version(),
        "code": code_sent_to(older.client),
    }

    response = as_anna.post(reverse(f"contracts:{name}", args=[older.client_id]), form)

    assert response.status_code == 409
    assert NEW_TEXT in response.text
    assert Contract.objects.get().signed_at is None


def test_a_signed_one_stays_in_force(make, anna, as_anna, before_deploy):
    client = make.awaiting_contract(anna)
    signed = before_deploy(lambda: sign(issuing.issue(client, by=anna), anna))
    delete_device(make.device(make.fresh(client), anna, title="По ошибке"), by=anna)
    assert issuing.matching_signed_contract(make.fresh(client)) == signed

    issuing.restore_signed_contract(make.fresh(client), by=anna)

    assert as_anna.get(reverse("contracts:contract", args=[client.pk])).url.endswith("/done/")
    assert Contract.objects.get() == signed
