"""The client reads, accepts and signs a contract on their own phone."""

import pytest

from agreements.models import AgreementKind
from client_page.conftest import Phone, issue_link, path_of
from clients.models import Status
from contracts import issuing, signing
from contracts.conftest import code_sent_to, wrong_code
from contracts.evidence import evidence_is_intact
from contracts.models import Contract
from foundation.storage import object_storage
from links.models import Place
from support.models import Message

pytestmark = pytest.mark.django_db


def without_agreement(client) -> None:
    """Withdraw the agreement on electronic signatures, which the fixtures record."""
    agreement = client.agreements.get(kind=AgreementKind.ELECTRONIC_SIGNATURE)
    agreement.withdraw(by=client.manager, reason="тест", now=agreement.given_at)


def test_page_shows_who_asks_for_what_the_amounts_and_the_text(phone, issued):
    text = phone.get().text
    assert "ООО «Привет Сервис»" in text
    assert "Анна Смирнова" in text
    assert "300,00\u00a0₽" in text.replace(" ", "\u00a0")
    assert "500,00\u00a0₽" in text.replace(" ", "\u00a0")
    assert "Устройство 1" in text
    assert "Общие условия" in text


def test_page_shows_what_changed_since_the_signed_contract(signed, anna, make):
    phone, client = Phone(), make.fresh(signed.client)
    make.device(client, anna, title="Утюг Philips")
    again = issuing.issue(make.fresh(client), by=anna)
    phone.open(*issue_link(client, anna, again))

    text = phone.get().text
    assert f"Что изменилось с договора {signed.number}" in text
    assert "Добавлено устройство «Утюг Philips»" in text


def test_client_signs(phone, issued):
    assert path_of(phone.accept()) == phone.url("page")
    assert path_of(phone.sign()) == phone.url("page")

    contract = Contract.objects.get()
    assert contract.signed_by.name == "Анна Смирнова"
    assert contract.code_entered_on == Place.CLIENT_PAGE
    assert (contract.signer_ip, contract.user_agent) == ("203.0.113.5", "Android")
    assert contract.client.status == Status.AWAITING_PAYMENT
    assert evidence_is_intact(contract)
    text = phone.get().text
    assert "Договор подписан" in text
    assert contract.pdf_sha256 in text
    file = phone.get("pdf")
    assert file.content == object_storage.get(contract.pdf_key)


def test_client_accepts_the_agreement_on_the_page(phone, issued):
    without_agreement(issued.client)
    assert "Соглашение об использовании простой электронной подписи" in phone.get().text
    phone.accept()

    agreement = issued.client.agreements.get(kind=AgreementKind.ELECTRONIC_SIGNATURE, withdrawn_at=None)
    assert agreement.accepted_on == Place.CLIENT_PAGE
    assert (agreement.ip, agreement.user_agent) == ("203.0.113.5", "Android")
    phone.sign()
    assert Contract.objects.get().signed_at


@pytest.mark.parametrize("missing", ["agreed", "consent"])
def test_code_needs_both_ticks(phone, issued, missing):
    without_agreement(issued.client)
    data = phone.form("code") | {"agreed": "on", "consent": "on"}
    del data[missing]

    response = phone.post("code", data)
    assert response.status_code == 422
    assert "Отметьте, что вы прочитали" in response.text
    assert not Message.objects.filter(body__startswith="Код").exists()
    assert not issued.client.agreements.filter(kind=AgreementKind.ELECTRONIC_SIGNATURE, withdrawn_at=None).exists()


def test_code_without_consent_on_this_page_signs_nothing(phone, issued, anna):
    """A code of the manager's way, typed on a page where nothing was accepted."""
    signing.request_code(issued, by=anna)
    response = phone.sign()
    assert response.status_code == 422
    assert "согласны подписать" in response.text
    assert not Contract.objects.get().signed_at


def test_older_consent_text_has_to_be_read_again(phone, issued):
    response = phone.post("code", phone.form("code") | {"consent": "on", "version": "v1"})
    assert response.status_code == 422
    assert "Текст согласия обновился" in response.text


def test_wrong_code_is_counted_and_reported(phone, issued):
    phone.accept()
    response = phone.sign(wrong_code(code_sent_to(issued.client)))
    assert response.status_code == 422
    assert "Неверный код. Осталось попыток: 4." in response.text
    assert Contract.objects.get().failed_tries == 1


@pytest.mark.parametrize("code", ["", "12345", "абвгде", "1" * 10_000, "12\x003456", "🔑" * 6])
def test_malformed_code_counts_no_attempt(phone, issued, code):
    phone.accept()
    response = phone.sign(code) if code else phone.post("signature", {"code": ""})
    assert response.status_code == 422
    assert Contract.objects.get().failed_tries == 0
