"""The list of documents and their files: all of the client's, as long as they are retained, and nobody else's."""

import io
from decimal import Decimal

import pytest
from django.test import Client as Browser
from django.urls import reverse
from django.utils import timezone
from pypdf import PdfReader

from agreements import consents
from agreements.models import AgreementKind
from clients.models import Client
from conftest import ROLES, as_role
from contracts import issuing, payment
from contracts.conftest import sign
from contracts.models import Contract, PaymentMethod
from copies.conftest import Reader, open_documents, set_password
from copies.documents import DocumentKind
from copies.models import CopyCode
from erasure import erasing
from erasure.models import DataCategory, ErasureReason, ErasureScope
from foundation.storage import object_storage
from managers import limits
from messaging.models import OutgoingMessage
from support.models import LogEntry, Message

pytestmark = pytest.mark.django_db


def text_of(pdf: bytes) -> str:
    return " ".join(" ".join(page.extract_text() for page in PdfReader(io.BytesIO(pdf)).pages).split())


def test_list_has_the_documents_of_the_client(reader, signed, consent):
    agreement = signed.client.agreements.get(kind=AgreementKind.ELECTRONIC_SIGNATURE)
    assert list(reader.files()) == [
        f"Договор {signed.number}",
        f"Счёт {signed.number}/1",
        agreement.get_kind_display(),
        consent.get_kind_display(),
    ]
    page = reader.documents().text
    assert "ожидает оплаты" in page
    assert consent.number in page


def test_files_are_those_that_were_signed(reader, signed, consent):
    files = reader.files()
    contract = reader.browser.get(files[f"Договор {signed.number}"])
    assert contract.content == object_storage.get(signed.pdf_key)
    assert contract.headers["Content-Type"] == "application/pdf"
    assert contract.headers["Content-Disposition"].startswith("attachment")
    assert contract.headers["Cache-Control"] == "no-store"
    assert reader.browser.get(files[consent.get_kind_display()]).content == object_storage.get(consent.pdf_key)


def test_invoice_has_the_code_until_it_is_paid(reader, signed, invoice, anna):
    url = reader.files()[f"Счёт {invoice.number}"]
    text = text_of(reader.browser.get(url).content)
    assert invoice.number in text
    assert "300,00" in text

    payment.confirm_payment(invoice, PaymentMethod.CASH, by=anna)
    assert "оплачен" in reader.documents().text
    assert reader.browser.get(url).status_code == 200


def test_cancelled_invoice_is_no_document(reader, signed, invoice, anna):
    payment.create_invoice(signed.client, amount=Decimal(100), description="Часть", due_on=invoice.due_on, by=anna)
    assert f"Счёт {invoice.number}" not in reader.files()
    assert reader.browser.get(reader.url("file", "invoice", invoice.pk)).status_code == 404


def test_withdrawal_has_a_confirmation(signed, consent, anna):
    consents.withdraw(signed.client, by=anna, reason="Написал в чат, внутренняя причина")
    message = Message.objects.filter(body__startswith="Вы отозвали").get().body
    assert message.endswith(f"/copy/, номер {consent.number}.")

    reader = open_documents(signed.client, consent.number)
    pdf = reader.browser.get(reader.files()[f"Подтверждение отзыва № {consent.number}"])
    text = text_of(pdf.content)
    for part in ("Подтверждение отзыва", consent.number, consent.get_kind_display(), str(signed.client), anna.name):
        assert part in text
    assert "внутренняя причина" not in text


def test_agreement_that_is_in_force_has_no_confirmation(reader, consent):
    assert reader.browser.get(reader.url("file", "withdrawal", consent.pk)).status_code == 404


def test_consent_before_the_first_contract(make, anna):
    client = make.consented(anna)
    consent = client.agreements.get()
    reader = open_documents(client, consent.number)
    assert list(reader.files()) == [consent.get_kind_display()]


@pytest.mark.parametrize("kind", [*DocumentKind, "passport", "x"])
def test_documents_of_others_are_not_found(reader, make, anna, kind):
    other = sign(issuing.issue(make.awaiting_contract(anna, devices=2), by=anna), anna)
    consents.withdraw(other.client, by=anna, reason="нет")
    withdrawn = other.client.agreements.filter(withdrawn_by__isnull=False).get()
    for pk in (other.pk, other.invoices.get().pk, withdrawn.pk):
        response = reader.browser.get(reader.url("file", kind, pk))
        assert response.status_code == 404
        assert other.number not in response.text


def test_unsigned_contract_is_no_document(reader, signed, make, anna):
    device = signed.client.devices.first()
    device.title = "Другая плита"
    device.save()
    signed.client.change_status("awaiting_contract", by=anna, now=signed.signed_at, allowed_from=("awaiting_payment",))
    draft = issuing.issue(make.fresh(signed.client), by=anna)
    assert f"Договор {draft.number}" not in reader.files()
    assert reader.browser.get(reader.url("file", "contract", draft.pk)).status_code == 404


def test_damaged_file_is_not_served(reader, signed, monkeypatch):
    url = reader.files()[f"Договор {signed.number}"]
    monkeypatch.setattr(object_storage, "get", lambda key: b"%PDF- changed")
    response = reader.browser.get(url)
    assert response.status_code == 503
    assert "Файл сейчас не открывается" in response.text


def test_storage_outage_keeps_the_list(reader, signed, monkeypatch):
    def fail(key):
        raise object_storage.StorageUnavailable(key)

    url = reader.files()[f"Договор {signed.number}"]
    monkeypatch.setattr(object_storage, "get", fail)
    response = reader.browser.get(url)
    assert response.status_code == 503
    assert f"Договор {signed.number}" in response.text


def test_downloads_are_limited(reader, signed):
    url = reader.files()[f"Договор {signed.number}"]
    statuses = [reader.browser.get(url).status_code for _ in range(limits.DOCUMENTS.at_most + 1)]
    assert statuses == [200] * limits.DOCUMENTS.at_most + [429]
    assert f"Договор {signed.number}" in reader.browser.get(url).text


def erase(client: Client, gleb, **options):
    with as_role(ROLES.maintenance):
        return erasing.erase(client, ErasureReason.ENDED, by=gleb, note="вх. 1", **options)


def test_contract_is_there_as_long_as_it_is_retained(signed, gleb, make):
    """The client, who uses the app, was released; the contract is still retained."""
    set_password(signed.client)
    reader = open_documents(signed.client, signed.number)
    erasure = erase(make.fresh(signed.client), gleb, ended=True)
    assert erasure.scope == ErasureScope.CLIENT
    assert erasure.lines.get(table="manager_copy_codes").category == DataCategory.LOG
    assert not CopyCode.objects.exists()
    assert reader.documents().status_code == 404

    later = open_documents(make.fresh(signed.client), signed.number)
    assert later.browser.get(later.files()[f"Договор {signed.number}"]).content == object_storage.get(signed.pdf_key)


def test_closed_client_gets_the_same_answer_as_an_unknown_number(signed, gleb, make):
    with as_role(ROLES.maintenance):
        erasing.erase(make.fresh(signed.client), ErasureReason.REQUEST, by=gleb, note="вх. 1", ended=True)
    before = OutgoingMessage.objects.count()
    reader = Reader()
    assert reader.request(signed.number).status_code == 302
    assert OutgoingMessage.objects.count() == before
    assert reader.enter(signed.number, "00000000").status_code == 422


def test_erased_contract_is_no_document(reader, signed, make):
    with as_role(ROLES.maintenance):
        Contract.objects.get(pk=signed.pk).erase(now=signed.signed_at)
    assert f"Договор {signed.number}" not in reader.files()
    assert reader.browser.get(reader.url("file", "contract", signed.pk)).status_code == 404


def test_messages_name_the_page_and_the_number(signed, invoice, consent, anna, make, settings):
    settings.APP_BASE_URL = "https://privet.example"
    hint = "Копия для вас: https://privet.example/copy/, номер {}."
    other = sign(issuing.issue(make.awaiting_contract(anna, devices=2), by=anna), anna)
    bodies = list(Message.objects.filter(ticket__user=other.client.user_id).values_list("body", flat=True))
    assert any(body.endswith(f"Спасибо! {hint.format(other.number)}") for body in bodies)
    assert any(body.endswith(hint.format(f"{other.number}/1")) for body in bodies)
    client = make.verified(anna)
    consents.record(client, AgreementKind.PERSONAL_DATA, consents.Recorder(anna))
    number = client.agreements.get().number
    assert Message.objects.get(ticket__user=client.user_id).body.endswith(hint.format(number))


def test_manager_sees_where_the_copy_is_and_the_confirmation(signed, consent, as_anna, anna, settings):
    done = as_anna.get(reverse("contracts:done", args=[signed.client_id])).text
    assert f"{settings.APP_BASE_URL}/copy/" in done
    assert consent.number in as_anna.get(reverse("contracts:card", args=[signed.client_id])).text

    act = reverse("agreements:withdrawal_act", args=[consent.pk])
    assert as_anna.get(act).status_code == 404
    consents.withdraw(signed.client, by=anna, reason="нет")
    assert act in as_anna.get(reverse("contracts:card", args=[signed.client_id])).text
    assert consent.number in text_of(as_anna.get(act).content)


def test_agreement_that_ended_in_another_way_has_no_confirmation(reader, consent):
    consent.withdraw(by=None, reason="Данные уничтожены", now=timezone.now())
    assert not [title for title in reader.files() if title.startswith("Подтверждение")]
    assert reader.browser.get(reader.url("file", "withdrawal", consent.pk)).status_code == 404


def test_each_download_is_in_the_client_log(reader, signed):
    reader.browser.get(reader.files()[f"Договор {signed.number}"])
    assert LogEntry.objects.filter(body=f"Клиент скачал копию: Договор {signed.number}").count() == 1


def test_signed_in_staff_are_sent_to_the_client_s_phone(as_anna, signed):
    response = as_anna.post(reverse("copies:start"), {"number": signed.number})
    assert response.status_code == 403
    assert "Эту страницу открывает клиент" in response.text
    assert not CopyCode.objects.exists()


def test_ended_page_of_a_link_leads_to_the_copies():
    page = Browser().get(reverse("client_page:open", args=["x" * 32]))
    assert f'href="{reverse("copies:start")}"' in page.text


def test_admins_see_the_codes_that_were_sent(reader, signed, as_gleb):
    page = as_gleb.get(reverse("admin:clients_client_change", args=[signed.client_id])).text
    assert "коды для копий" in page.lower()
    assert "документы открыты до" in page.lower()
