from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from clients.models import Client, Status
from conftest import appears_in
from contracts import issuing, payment, pdf, signing
from contracts.conftest import code_sent_to, sign
from contracts.current import current_contents
from contracts.models import MAX_ATTEMPTS_PER_CONTRACT, Contract, Invoice, InvoiceStatus, Payment
from contracts.snapshot import CompanyPart, Snapshot
from support.models import LogEntry, Message

CONTRACTS = reverse("admin:contracts_contract_changelist")
INVOICES = reverse("admin:contracts_invoice_changelist")


def issued(make, by, number="ИВ-261123-01", **client) -> Contract:
    client = make.awaiting_contract(by, fee=Decimal("300"), **client)
    snapshot = Snapshot(
        number=number,
        issued_on=timezone.localdate(),
        template_version=pdf.current_version(),
        company=CompanyPart.from_settings(),
        contents=current_contents(client),
    )
    return Contract.objects.create(
        client=client,
        number=number,
        template_version=pdf.current_version(),
        encrypted_snapshot=snapshot.encrypt(),
        surcharge=300,
        pdf_key=f"contracts/{client.pk}/{number}.pdf",
        pdf_sha256="0" * 64,
        issued_at=timezone.now(),
        issued_by=by,
    )


def signed(make, by, **fields) -> Contract:
    contract = issued(make, by, **fields)
    signing.request_code(contract, by=by)
    return sign(contract, by, code_sent_to(contract.client))


def page(row):
    return reverse(f"admin:contracts_{row._meta.model_name}_change", args=[row.pk])


def unlock(browser, *contracts):
    data = {"action": "unlock", "_selected_action": [contract.pk for contract in contracts]}
    return browser.post(CONTRACTS, data, follow=True)


def test_evidence_is_shown_and_verified(as_gleb, make, anna):
    contract = signed(make, anna)

    text = as_gleb.get(page(contract)).text

    for shown in ("192.0.2.7", "Firefox", contract.evidence_hmac, contract.pdf_sha256, "Анна Смирнова"):
        assert shown in text, shown
    assert "icon-yes" in text
    assert reverse("contracts:pdf", args=[contract.pk]) in text


def test_contract_contents_are_not_shown(as_gleb, make, anna):
    contract = signed(make, anna)

    for url in (page(contract), CONTRACTS, reverse("admin:clients_client_change", args=[contract.client_id])):
        text = as_gleb.get(url).text
        assert contract.encrypted_snapshot[:40] not in text
        assert not appears_in(contract.client.passport.number, text)
    assert "code_hash" not in as_gleb.get(page(contract)).text


def test_contracts_and_invoices_are_read_only(as_gleb, make, anna):
    contract = signed(make, anna)
    for row in (contract, Invoice.objects.get()):
        model = type(row)
        before = model.objects.values().get()
        name = f"admin:contracts_{model._meta.model_name}"
        forged = {"number": "ИВ-1", "surcharge": "0", "due": "0", "amount": "1", "status": "paid", "signed_at_0": ""}

        assert as_gleb.post(page(row), forged).status_code == 403
        assert as_gleb.post(reverse(f"{name}_delete", args=[row.pk]), {"post": "yes"}).status_code == 403
        assert as_gleb.post(reverse(f"{name}_add"), forged).status_code == 403
        as_gleb.post(
            reverse(f"{name}_changelist"), {"action": "delete_selected", "_selected_action": [row.pk], "post": "yes"}
        )
        assert model.objects.values().get() == before


def test_admin_unlocks_signing(as_gleb, gleb, make, anna):
    contract = issued(make, anna)
    Contract.objects.update(failed_tries=MAX_ATTEMPTS_PER_CONTRACT)
    assert "Подписание заблокировано" in as_gleb.get(page(contract)).text

    response = unlock(as_gleb, contract)

    assert "Разблокировано договоров: 1" in response.text
    contract.refresh_from_db()
    assert contract.failed_tries == 0
    entry = LogEntry.objects.latest("created_at")
    assert (entry.author, entry.thread.client) == (gleb, contract.client)


def test_contract_can_be_unlocked_on_its_own_page(as_gleb, make, anna):
    contract = issued(make, anna)
    Contract.objects.update(failed_tries=MAX_ATTEMPTS_PER_CONTRACT)
    form = as_gleb.get(page(contract)).context["action_form"]

    as_gleb.post(page(contract), {form["action"].html_name: "unlock", "_selected_action": contract.pk})

    contract.refresh_from_db()
    assert contract.failed_tries == 0


def test_unlocking_does_not_change_a_signed_contract(as_gleb, make, anna):
    contract = signed(make, anna)
    before = Contract.objects.values().get()

    response = unlock(as_gleb, contract)

    assert "нет заблокированных" in response.text
    assert Contract.objects.values().get() == before


def choose(browser, action: str, invoice):
    """Choose the action on the invoice's page."""
    data = {"CHANGE_FORM-action": action, "_selected_action": invoice.pk}
    return browser.post(page(invoice), data, follow=True)


def test_admin_confirms_and_undoes_the_payment_of_a_client_without_an_account(as_gleb, gleb, make, anna):
    """Managers can't open such a client."""
    contract = signed(make, anna)
    make.delete_account(contract.client)
    message_count, invoice = Message.objects.count(), Invoice.objects.get()
    form = choose(as_gleb, "confirm_payment", invoice)
    assert form.redirect_chain == [(reverse("contracts:payment", args=[invoice.pk]), 302)]

    response = as_gleb.post(form.request["PATH_INFO"], {"method": "qr"})

    assert response.url == page(invoice)
    invoice.refresh_from_db(), contract.refresh_from_db()
    assert (invoice.status, invoice.paid_by) == (InvoiceStatus.PAID, gleb)
    assert (contract.paid_by, Client.objects.get().status) == (gleb, Status.PROCESSED)
    assert Message.objects.count() == message_count
    assert LogEntry.objects.filter(body__startswith="Оплата 300,00", author=gleb).count() == 1
    assert "Перевод по QR-коду" in as_gleb.get(page(invoice)).text

    form = choose(as_gleb, "undo_payment", invoice)
    data = {"confirmed_at": invoice.paid_at.isoformat(), "reason": "Не тот клиент"}
    assert as_gleb.post(form.request["PATH_INFO"], data).url == page(invoice)

    assert Invoice.objects.get().status == InvoiceStatus.PENDING
    assert Message.objects.count() == message_count
    assert "Не тот клиент" in as_gleb.get(page(invoice)).text


def test_manager_cannot_confirm_for_a_client_without_an_account(as_anna, make, anna):
    make.delete_account(signed(make, anna).client)

    response = as_anna.post(reverse("contracts:payment", args=[Invoice.objects.get().pk]), {"method": "qr"})

    assert (response.status_code, Invoice.objects.get().status) == (404, InvoiceStatus.PENDING)


def test_actions_that_do_not_fit_the_invoice_are_refused_in_the_admin(as_gleb, make, anna):
    contract = signed(make, anna)
    assert "Этот счёт не оплачен" in choose(as_gleb, "undo_payment", Invoice.objects.get()).text
    with transaction.atomic():
        payment.cancel_pending_invoices(contract.client, by=anna, now=timezone.now())

    assert "уже не ждёт оплаты" in choose(as_gleb, "confirm_payment", Invoice.objects.get()).text


def test_payments_are_read_only_in_the_admin(as_gleb, anna, make):
    contract = signed(make, anna)
    payment.confirm_payment(Invoice.objects.get(), "terminal", by=anna, note="Чек 15")
    row = Payment.objects.get()
    before = Payment.objects.values().get()

    listed = as_gleb.get(reverse("admin:contracts_payment_changelist"), {"q": "Иванов"}).text
    assert all(shown in listed for shown in (f"{contract.number}/1", "Терминал", "300,00", anna.name))
    assert "Чек 15" in as_gleb.get(page(row)).text
    assert as_gleb.post(page(row), {"method": "cash", "note": ""}).status_code == 403
    assert as_gleb.post(reverse("admin:contracts_payment_delete", args=[row.pk]), {"post": "yes"}).status_code == 403
    assert as_gleb.post(reverse("admin:contracts_payment_add"), {}).status_code == 403
    assert Payment.objects.values().get() == before


def test_payments_cannot_be_confirmed_from_the_list(as_gleb, make, anna):
    signed(make, anna)

    as_gleb.post(INVOICES, {"action": "confirm_payment", "_selected_action": [Invoice.objects.get().pk]})

    assert Invoice.objects.get().status == InvoiceStatus.PENDING


def test_only_admins_unlock_signing(as_anna, as_vera, make, anna):
    contract = issued(make, anna)
    Contract.objects.update(failed_tries=MAX_ATTEMPTS_PER_CONTRACT)

    for browser in (as_anna, as_vera):
        browser.post(CONTRACTS, {"action": "unlock", "_selected_action": [contract.pk]})

    contract.refresh_from_db()
    assert contract.failed_tries == MAX_ATTEMPTS_PER_CONTRACT


@pytest.mark.parametrize("query", ["ИВ-261123-07", "сидорова", "+7(916)000-00-00"])
def test_search_by_number_and_client(as_gleb, make, anna, query):
    wanted = signed(make, anna, number="ИВ-261123-07", name="Сидорова Анна", phone="9160000000")
    signed(make, anna, number="ИВ-261123-08")

    assert set(as_gleb.get(CONTRACTS, {"q": query}).context["cl"].queryset) == {wanted}
    assert {bill.contract for bill in as_gleb.get(INVOICES, {"q": query}).context["cl"].queryset} == {wanted}


@pytest.mark.parametrize("url", [CONTRACTS, INVOICES])
def test_contracts_of_a_client_without_an_account_are_listed_and_found(as_gleb, make, anna, url):
    contract = signed(make, anna, number="ИВ-261123-07")
    make.delete_account(contract.client)

    for query in ({}, {"q": "ИВ-261123-07"}, {"q": "Иванов"}):
        text = as_gleb.get(url, query).text
        assert ("ИВ-261123-07" in text, "Учётная запись удалена" in text) == (True, True), query
    for row in (contract, Invoice.objects.get()):
        assert "Учётная запись удалена" in as_gleb.get(page(row)).text


def test_contract_of_a_client_without_an_account_can_be_unlocked(as_gleb, make, anna):
    contract = issued(make, anna)
    Contract.objects.update(failed_tries=MAX_ATTEMPTS_PER_CONTRACT)
    make.delete_account(contract.client)

    assert "Разблокировано договоров: 1" in unlock(as_gleb, contract).text


def test_filter_by_state(as_gleb, make, anna):
    waiting, done = issued(make, anna), signed(make, anna, number="ИВ-261123-02")

    def in_state(state):
        return set(as_gleb.get(CONTRACTS, {"state": state}).context["cl"].queryset)

    assert in_state("waiting") == {waiting}
    assert in_state("signed") == {done}
    assert in_state("locked") == in_state("void") == in_state("paid") == set()
    assert in_state("nonsense") == {waiting, done}


def test_paid_filter_matches_the_paid_label(as_gleb, make, anna):
    free = sign(issuing.issue(make.awaiting_contract(anna, fee=Decimal(0)), by=anna), anna)
    paid = sign(issuing.issue(make.awaiting_contract(anna), by=anna), anna)
    payment.confirm_payment(paid.invoices.get(), "cash", by=anna)
    waiting = sign(issuing.issue(make.awaiting_contract(anna), by=anna), anna)

    found = as_gleb.get(CONTRACTS, {"state": "paid"}).context["cl"].queryset

    assert set(found) == {free, paid}
    assert {contract.status_label for contract in found} == {"Подписан, оплачен"}
    assert waiting.status_label == "Подписан"


@pytest.mark.parametrize("url", [CONTRACTS, INVOICES])
def test_query_count_is_constant(as_gleb, make, anna, url):
    def queries():
        with CaptureQueriesContext(connection) as captured:
            assert as_gleb.get(url).status_code == 200
        return len(captured)

    signed(make, anna)
    one = queries()
    for number in range(2, 11):
        contract = signed(make, anna, number=f"ИВ-261123-{number:02}")
        if number % 2:
            make.delete_account(contract.client)

    assert queries() == one


def test_client_page_query_count_does_not_depend_on_contracts(as_gleb, make, anna):
    contract = signed(make, anna)
    url = reverse("admin:clients_client_change", args=[contract.client_id])

    def queries():
        with CaptureQueriesContext(connection) as captured:
            as_gleb.get(url)
        return len(captured)

    queries()  # fills Django's cache of content types
    one = queries()
    fields = Contract.objects.values().get()
    for number in range(2, 6):
        again = fields | {"id": None, "number": f"ИВ-{number}", "pdf_key": f"{number}", "issued_at": timezone.now()}
        Contract.objects.create(**{name: value for name, value in again.items() if name != "id"})

    assert Client.objects.get().contracts.count() == 5
    assert queries() == one
    assert timezone.now() - contract.issued_at < timedelta(minutes=1)
