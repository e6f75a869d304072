"""Whatever the order of invoices, payments, undos and new contracts, all places agree about the amounts."""

import html
import io
import math
import re
from decimal import Decimal

import pytest
from django.db import transaction
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pypdf import PdfReader

from clients.models import SIGNED, Client, Status
from conftest import browser_for
from contracts import app_payments, audit, issuing, payment, pdf
from contracts.conftest import pay_in_app, shown_in_app, sign
from contracts.models import Invoice, InvoiceStatus
from contracts.payment_code import payment_text
from contracts.payment_undo import undo_payment
from contracts.refusals import SigningRefused
from contracts.shared import SharedInvoice
from contracts.statistics import Period, totals_by_day, totals_by_manager, totals_by_method
from contracts.test_pages import url
from devices.models import Tariff
from devices.saving import delete_device, save_device
from devices.surcharge import fix_surcharge
from foundation.russian import money

OPERATIONS = st.lists(
    st.tuples(
        st.sampled_from(["confirm", "confirm", "undo", "undo", "bill", "add", "remove", "restore", "claim", "dismiss"]),
        st.integers(0, 5),
    ),
    min_size=3,
    max_size=7,
)


class Story:
    """A signed client. Its operations do nothing if the state does not allow them."""

    def __init__(self, make, anna, gleb):
        self.make, self.anna, self.gleb = make, anna, gleb
        contract = sign(issuing.issue(make.awaiting_contract(anna, devices=2), by=anna), anna)
        self.pk = contract.client_id

    @property
    def client(self) -> Client:
        return self.make.fresh(Client(pk=self.pk))

    def invoices(self, status: InvoiceStatus) -> list[Invoice]:
        invoices = Invoice.objects.filter(contract__client=self.pk, status=status).order_by("created_at")
        return list(invoices.select_related("contract__client"))

    def do(self, name: str, number: int) -> None:
        try:
            with transaction.atomic():
                getattr(self, name)(number)
        except (payment.PaymentRefused, SigningRefused):
            pass

    def confirm(self, number: int) -> None:
        for invoice in self.invoices(InvoiceStatus.PENDING)[number % 2 :][:1]:
            payment.confirm_payment(invoice, ["cash", "app", "qr"][number % 3], by=self.anna)

    def undo(self, number: int) -> None:
        paid = self.invoices(InvoiceStatus.PAID)
        if paid:
            invoice = paid[number % len(paid)]
            undo_payment(invoice, confirmed_at=invoice.paid_at, by=self.gleb, reason="Ошибка")

    def bill(self, number: int) -> None:
        amount = (payment.Balance.for_client(self.client).billable / (number + 1)).quantize(money.KOPECK)
        if amount:
            today = timezone.localdate()
            payment.create_invoice(self.client, amount=amount, description="Часть", due_on=today, by=self.anna)

    def add(self, number: int) -> None:
        self.make.device(self.client, self.anna, title=f"Ещё {number}", extra_fee=Decimal("70.50") * number)
        self.sign_again()

    def remove(self, number: int) -> None:
        devices = list(self.client.devices.all())
        if len(devices) > 1:
            delete_device(devices[number % len(devices)], by=self.anna)
            self.sign_again()

    def sign_again(self) -> None:
        fix_surcharge(self.client, Tariff.objects.get(), by=self.anna)
        sign(issuing.issue(self.client, by=self.anna), self.anna)

    def restore(self, number: int) -> None:
        """Change a device and undo it, as `contracts:kept` does."""
        device = self.client.devices.first()
        fee = device.extra_fee
        for value in (Decimal(999), fee):
            device.extra_fee = value
            save_device(device, by=self.anna, changed=["доплата"])
        if self.client.status == Status.AWAITING_CONTRACT:
            issuing.restore_signed_contract(self.client, by=self.anna)

    def claim(self, number: int) -> None:
        for invoice in self.invoices(InvoiceStatus.PENDING)[:1]:
            pay_in_app(invoice)
            app_payments.note_claims()

    def dismiss(self, number: int) -> None:
        for invoice in Invoice.objects.filter(contract__client=self.pk).select_related("contract__client"):
            shown = [str(claim.pk) for claim in invoice.open_claims]
            payment.dismiss_claims(invoice, by=self.anna, shown=shown)


def rubles_in(text: str) -> Decimal:
    return Decimal(re.sub(r"[^\d,]", "", text).replace(",", "."))


def shown_on_done_page(story: Story) -> tuple[Decimal, Decimal]:
    """Return the sums of pending and of paid invoices in the list of the done page."""
    page = html.unescape(browser_for(story.anna).get(url("done", story.client)).text)
    items = re.findall(r'<strong class="money">([^<]+)</strong>\s*<span class="badge (\w+)">', page)
    sums = {
        status: sum(rubles_in(amount) for amount, kind in items if kind == status) for status in ("pending", "paid")
    }
    return sums["pending"], sums["paid"]


def check(story: Story, start: tuple) -> None:
    client = story.client
    pending, paid = (story.invoices(status) for status in (InvoiceStatus.PENDING, InvoiceStatus.PAID))
    due, received = (sum((invoice.amount for invoice in invoices), Decimal(0)) for invoices in (pending, paid))
    balance = payment.Balance.for_client(client)
    assert (balance.pending, balance.paid) == (due, received)
    assert balance.outstanding == max(Decimal(0), balance.contract.surcharge - received)
    # Nobody is asked for more than they owe, and a client who owes nothing is processed.
    assert due <= balance.outstanding
    assert client.status in SIGNED
    assert (client.status == Status.AWAITING_PAYMENT) == bool(balance.outstanding)
    assert shown_on_done_page(story) == (due, received)
    payable = [invoice for invoice in pending if invoice.is_payable]
    codes = [payment_text(invoice, invoice.contract.snapshot) for invoice in payable]
    assert sum(int(re.search(r"\|Sum=(\d+)\|", code)[1]) for code in codes) == 100 * sum(
        invoice.amount for invoice in payable
    )
    # In the app: all that is payable. What the app itself reports as paid is not shown until it was checked.
    assert sorted(shown_in_app(client)) == sorted(invoice.pk for invoice in payable)
    rows = SharedInvoice.objects.filter(pk__in=[invoice.pk for invoice in payable])
    assert sum(math.ceil(invoice.amount) for invoice in payable) == sum(rows.values_list("amount", flat=True))
    period = Period.latest(2)
    by_place = [totals_by_day(period), totals_by_manager(period), totals_by_method(period)]
    before = start[0]
    assert [sum(row.amount for row in rows) - before for rows in by_place] == [received] * 3
    assert [sum(row.paid for row in rows) - start[1] for rows in by_place] == [len(paid)] * 3
    assert list(audit.find_faults()) == []


@settings(max_examples=6, suppress_health_check=[HealthCheck.function_scoped_fixture], database=None)
@given(operations=OPERATIONS)
def test_amounts_agree_after_any_operations(make, anna, gleb, operations):
    paid = Invoice.objects.filter(status=InvoiceStatus.PAID)
    start = sum(paid.values_list("amount", flat=True)), paid.count()
    story = Story(make, anna, gleb)
    for name, number in operations:
        story.do(name, number)
        check(story, start)


def test_invoice_pdf_has_the_code_only_while_it_is_payable(invoice, anna):
    def text() -> str:
        fresh = Invoice.objects.get()
        reader = PdfReader(io.BytesIO(pdf.render_invoice(fresh, fresh.contract.snapshot)))
        return " ".join(page.extract_text() for page in reader.pages)

    before = text()
    payment.confirm_payment(invoice, "cash", by=anna)
    while_paid = text()
    undo_payment(invoice, confirmed_at=invoice.paid_at, by=anna)

    assert "300,00" in before
    assert while_paid != before
    assert text() == before


@pytest.mark.parametrize(
    "operations",
    [
        [("bill", 2), ("confirm", 0), ("bill", 0), ("undo", 0), ("confirm", 0), ("undo", 0)],
        [("confirm", 0), ("remove", 0), ("undo", 0), ("claim", 0), ("dismiss", 0)],
        [("confirm", 0), ("confirm", 0), ("add", 1)],
        [("claim", 0), ("confirm", 1), ("undo", 0), ("remove", 0), ("dismiss", 0)],
    ],
)
def test_amounts_agree_after_these_operations(make, anna, gleb, operations):
    story = Story(make, anna, gleb)
    for name, number in operations:
        story.do(name, number)
        check(story, (0, 0))
