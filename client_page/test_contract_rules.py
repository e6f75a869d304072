"""What the page hides, refuses, limits and records."""

import json
import re
from datetime import timedelta
from decimal import Decimal

import pytest
from django.db.models import F
from django.urls import reverse

from agreements.documents import AgreementDocument
from agreements.models import AgreementKind
from agreements.test_agreements import text_of
from client_page.conftest import Phone, issue_link, path_of
from client_page.test_contract import without_agreement
from clients.models import AccountStatus, AppUser
from contracts import audit, issuing, pdf, signature_consent, signing
from contracts.conftest import code_sent_to, sign
from contracts.models import Contract, SigningCode
from foundation.storage import object_storage
from foundation.templatetags.formats import phone as format_phone
from links.models import MAX_PASSPORT_ATTEMPTS, Link
from managers import limits
from messaging.codes import CODE_RESEND_DELAY
from support.models import LogEntry, Message

pytestmark = pytest.mark.django_db


def test_passport_is_masked_until_the_digits_of_the_phone(phone, issued):
    person = issued.snapshot.contents.person
    number = f"№\u00a0{person.passport_number}"
    text = phone.get().text
    assert number not in text
    assert "••••••" in text
    assert format_phone(person.phone) not in text
    assert path_of(phone.get("pdf")) == phone.url("page")

    assert phone.post("passport", {"digits": person.phone[-4:]}).status_code == 302
    text = phone.get().text
    assert number in text
    assert format_phone(person.phone) in text
    assert phone.get("pdf").content == object_storage.get(issued.pdf_key)


def test_digits_can_be_tried_five_times(phone, issued):
    right = issued.snapshot.contents.person.phone[-4:]
    wrong = f"{(int(right) + 1) % 10000:04}"
    for left in reversed(range(MAX_PASSPORT_ATTEMPTS)):
        response = phone.post("passport", {"digits": wrong})
        assert response.status_code == 422
        assert (f"Осталось попыток: {left}" if left else "Попыток больше нет") in response.text
    assert phone.post("passport", {"digits": right}).status_code == 422
    assert f"№\u00a0{issued.snapshot.contents.person.passport_number}" not in phone.get().text


@pytest.mark.parametrize("digits", ["", "12", "abcd", "１２３４", "\x00123", "1" * 1000])
def test_malformed_digits_count_no_attempt(phone, digits):
    assert phone.post("passport", {"digits": digits}).status_code == 422
    phone.link.refresh_from_db()
    assert phone.link.passport_attempts == 0


def test_refusal_is_recorded_and_signs_no_more(phone, issued, as_anna):
    phone.accept()
    code = code_sent_to(issued.client)
    phone.post("refusal", {"reason": "amount", "comment": "Дорого"})

    text = phone.get().text
    assert "Вы отказались" in text
    assert "Не согласен(на) с суммой: Дорого" in text
    phone.sign(code)
    assert not Contract.objects.get().signed_at
    assert LogEntry.objects.filter(body__contains="Клиент отказался").get().author is None
    page = as_anna.get(f"/clients/{issued.client_id}/contract/").text
    assert "Не согласен(на) с суммой: Дорого" in page


def test_refusal_needs_a_reason(phone):
    for data in ({}, {"reason": "whatever"}, {"reason": "other", "comment": "x" * 500}):
        assert phone.post("refusal", data).status_code == 422
    phone.link.refresh_from_db()
    assert phone.link.refused_at is None


def test_client_can_sign_after_a_refusal_on_a_new_link(phone, issued, anna):
    phone.post("refusal", {"reason": "later"})
    phone.open(*issue_link(issued.client, anna, issued))
    phone.accept()
    phone.sign()
    assert Contract.objects.get().signed_at


def test_calling_the_manager_is_seen_on_both_sides(phone, issued, as_anna):
    phone.post("call")
    assert "Вы позвали менеджера" in phone.get().text
    assert "Клиент зовёт вас" in as_anna.get(f"/clients/{issued.client_id}/contract/").text


def test_contract_issued_again_ends_the_page(phone, issued, anna, make):
    phone.accept()
    code = code_sent_to(issued.client)
    make.device(make.fresh(issued.client), anna, title="Утюг")
    response = phone.sign(code)
    assert response.status_code == 409
    assert "данные изменились" in response.text

    issuing.issue(make.fresh(issued.client), by=anna)
    response = phone.get()
    assert response.status_code == 409
    assert "Этот договор заменён" in response.text
    phone.sign(code)
    assert not Contract.objects.signed().exists()


def test_closed_account_gets_no_code(phone, issued):
    AppUser.objects.update(status=AccountStatus.BLOCKED)
    response = phone.post("code", phone.form("code") | {"agreed": "on", "consent": "on"})
    assert response.status_code == 409
    assert "ваша учётная запись в «Привет Супер» закрыта" in response.text


def test_text_is_readable_while_the_storage_is_down(phone, issued, monkeypatch):
    phone.post("passport", {"digits": issued.snapshot.contents.person.phone[-4:]})

    def fail(key):
        raise object_storage.StorageUnavailable(key)

    monkeypatch.setattr(object_storage, "get", fail)
    response = phone.get("pdf")
    assert response.status_code == 503
    assert "Файл сейчас не открывается" in response.text
    assert "Общие условия" in response.text
    phone.link.refresh_from_db()
    assert phone.link.pdf_opened_at is None


def test_code_of_the_page_is_refused_in_the_manager_s_way(phone, issued, anna):
    phone.accept()
    with pytest.raises(signing.CodeForClientPage):
        sign(issued, anna, code_sent_to(issued.client))
    assert Contract.objects.get().failed_tries == 0


def test_evidence_names_who_entered_the_code_where_and_what_was_accepted(phone, issued):
    without_agreement(issued.client)
    phone.post("reading")
    phone.post("passport", {"digits": issued.snapshot.contents.person.phone[-4:]})
    phone.get("pdf")
    phone.accept()
    phone.sign()

    contract = Contract.objects.get()
    evidence = json.loads(contract.evidence)
    (page,) = evidence["client_pages"]
    assert evidence["client_page"] == page["link"]
    assert evidence["code_entered_on"] == "client_page"
    assert (page["ip"], page["user_agent"]) == ("203.0.113.5", "Android")
    assert (page["created_ip"], page["created_user_agent"]) == ("192.0.2.7", "Firefox")
    for name in ("created_at", "opened_at", "read_at", "pdf_opened_at", "agreed_at"):
        assert page[name], name
    accepted = {consent["kind"]: consent for consent in evidence["consents"]}
    assert accepted["personal_data"]["accepted_on"] == "manager"
    assert accepted["electronic_signature"]["accepted_on"] == "client_page"
    assert accepted["signature"]["version"] == signature_consent.current_version()
    assert accepted["signature"]["text_sha256"] == signature_consent.text_sha256(signature_consent.current_version())


def test_evidence_of_the_manager_s_way_says_so(issued, anna):
    evidence = json.loads(sign(issued, anna).evidence)
    assert evidence["code_entered_on"] == "manager"
    assert (evidence["client_page"], evidence["client_pages"]) == (None, [])


def test_manager_s_way_can_be_disabled(issued, as_anna, anna, settings, phone):
    settings.CODE_BY_MANAGER = False
    page = as_anna.get(f"/clients/{issued.client_id}/contract/")
    assert "Ввести код за клиента" not in page.text
    response = as_anna.post(f"/clients/{issued.client_id}/contract/code/", {"contract": issued.pk})
    assert response.status_code == 409
    for function in (lambda: signing.request_code(issued, by=anna), lambda: sign(issued, anna, "123456")):
        with pytest.raises(signing.CodeByManagerDisabled):
            function()
    phone.accept()
    phone.sign()
    assert Contract.objects.get().signed_at


def test_free_contract_says_that_nothing_is_to_pay(make, anna, phone):
    client = make.awaiting_contract(anna, devices=1, fee=Decimal("0"))
    contract = issuing.issue(client, by=anna)
    phone.open(*issue_link(client, anna, contract))
    assert "ничего" in phone.get().text
    phone.accept()
    assert "без доплаты" in Message.objects.filter(ticket__user=client.user).latest("created_at").body


def test_older_edition_of_the_agreement_has_to_be_replaced_first(make, anna, phone, monkeypatch):
    """The client's page signs nothing under the edition by which the code is told to the worker."""
    with monkeypatch.context() as patch:
        patch.setattr(AgreementKind, "current_version", "v1")
        client = make.awaiting_contract(anna)
    contract = issuing.issue(make.fresh(client), by=anna)
    phone.open(*issue_link(client, anna, contract))
    older = client.agreements.get(kind=AgreementKind.ELECTRONIC_SIGNATURE)
    assert older.version == "v1"

    assert phone.post("code", phone.form("code") | {"consent": "on"}).status_code == 422
    assert not SigningCode.objects.filter(contract=contract).exists()
    phone.accept()
    phone.sign()
    contract.refresh_from_db()
    assert contract.signed_at
    accepted = [consent for consent in json.loads(contract.evidence)["consents"] if consent["kind"] == older.kind]
    assert {consent["version"]: consent["accepted_on"] for consent in accepted} == {
        "v1": "manager", AgreementKind.ELECTRONIC_SIGNATURE.current_version: "client_page",
    }  # fmt: skip


def test_agreement_on_the_page_does_not_show_the_digits_of_the_phone(phone, issued):
    without_agreement(issued.client)
    number = format_phone(issued.snapshot.contents.person.phone)
    text = phone.get().text
    assert "•••-••-••" in text
    assert number not in text
    phone.accept()
    document = issued.client.agreements.get(kind=AgreementKind.ELECTRONIC_SIGNATURE, withdrawn_at=None)
    assert number in text_of(object_storage.get(document.pdf_key)).replace("\u00a0", " ")


def test_page_with_the_older_consent_text_offers_the_newer_one(phone):
    response = phone.post("code", phone.form("code") | {"consent": "on", "version": "v1"})
    version = re.search(r'name="version" value="(\w+)"', response.text)[1]
    assert version == signature_consent.current_version()


def test_page_says_that_no_code_was_sent_yet(phone, issued, anna, make):
    """The last code belonged to the contract before, so a new one has to wait."""
    phone.accept()
    make.device(make.fresh(issued.client), anna, title="Утюг")
    again = issuing.issue(make.fresh(issued.client), by=anna)
    phone.open(*issue_link(issued.client, anna, again))
    phone.post("code", phone.form("code") | {"consent": "on"})
    text = phone.get().text
    assert "Код ещё не отправлен. Подождите и нажмите «Получить код»." in text
    assert "Получить новый код" not in text


def test_page_says_which_codes_may_be_told_to_the_manager(phone, issued, anna):
    phone.accept()
    assert "Никому его не называйте" in phone.get().text
    SigningCode.objects.update(sent_at=F("sent_at") - CODE_RESEND_DELAY)
    signing.request_code(issued, by=anna)
    text = phone.get().text
    assert "назовите менеджеру, который рядом" in text
    assert "Никому его не называйте" not in text


def test_page_shows_unpaid_invoices_of_earlier_contracts(signed, anna, make):
    phone = Phone()
    make.device(make.fresh(signed.client), anna, title="Утюг", extra_fee=Decimal("0"))
    again = issuing.issue(make.fresh(signed.client), by=anna)
    phone.open(*issue_link(signed.client, anna, again))
    invoice = signed.invoices.get()
    for act in (lambda: None, lambda: (phone.accept(), phone.sign())):
        act()
        assert f"Счёт {invoice.number}" in phone.get().text
    assert "Нового счёта не будет." in phone.get().text
    assert "Платить сейчас ничего не нужно" not in phone.get().text


def test_first_agreement_to_sign_counts(phone):
    """Two requests at once: the second was loaded before the first was saved."""
    stale = Link.objects.get(pk=phone.link.pk)
    phone.accept()
    agreed_at = Link.objects.get().agreed_at
    stale.agree_to_sign(signature_consent.current_version())
    assert Link.objects.get().agreed_at == agreed_at
    phone.sign()
    stale.agree_to_sign("v1")
    assert Link.objects.get().pep_text_version == signature_consent.current_version()


def test_evidence_of_the_manager_s_way_has_what_the_client_did_on_their_page(phone, issued, anna):
    phone.post("refusal", {"reason": "amount", "comment": "Дорого"})
    contract = sign(issued, anna)

    evidence = json.loads(contract.evidence)
    (page,) = evidence["client_pages"]
    assert (evidence["client_page"], evidence["code_entered_on"]) == (None, "manager")
    assert (page["ip"], page["refusal_reason"]) == ("203.0.113.5", "Не согласен(на) с суммой: Дорого")
    kinds = list(contract.events.order_by("number").values_list("what", flat=True))
    assert kinds == ["issued", "declined", "code_requested", "signed", "billed"]
    assert list(audit.find_faults()) == []


def test_repeated_calls_are_one_call(phone):
    for _ in range(5):
        phone.post("call")
    assert LogEntry.objects.filter(body__contains="зовёт менеджера").count() == 1


def test_documents_that_the_page_renders_are_limited(phone, issued, monkeypatch):
    without_agreement(issued.client)
    monkeypatch.setattr(limits, "DOCUMENTS", limits.RateLimit("documents", 1, per=timedelta(hours=1)))
    limits.DOCUMENTS.consume(str(phone.link.pk))
    response = phone.post("code", phone.form("code") | {"agreed": "on", "consent": "on"})
    assert response.status_code == 429
    assert "Слишком" in response.text
    assert "К списку" not in response.text


def test_contract_of_an_older_edition_has_no_page(issued, anna, as_anna, phone, monkeypatch):
    monkeypatch.setattr(pdf, "current_version", lambda: "v9")
    response = phone.get()
    assert response.status_code == 409
    assert "Этот договор заменён" in response.text
    before = Link.objects.count()
    response = as_anna.post(f"/clients/{issued.client_id}/contract/link/", {"contract": issued.pk})
    assert response.status_code == 409
    assert "новая редакция" in response.text
    assert Link.objects.count() == before


def test_without_the_manager_s_way_only_the_client_accepts_the_agreement(make, anna, as_anna, settings):
    settings.CODE_BY_MANAGER = False
    client = make.awaiting_contract(anna)
    without_agreement(client)
    url = reverse("agreements:agreement", args=[client.pk, "electronic_signature"])
    text = AgreementDocument.for_client(client, AgreementKind.ELECTRONIC_SIGNATURE, by=anna).text_sha256
    as_anna.post(url, {"agreed": "on", "shown": text})
    assert not client.agreements.filter(kind=AgreementKind.ELECTRONIC_SIGNATURE, withdrawn_at=None).exists()
