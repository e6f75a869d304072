"""The payment code of an invoice: a QR code with a bank transfer (GOST R 56042-2014), which the apps of banks read."""

from decimal import Decimal

from django.utils.safestring import SafeString

from contracts.models import Invoice
from contracts.snapshot import Snapshot
from foundation.web.qr_codes import qr_svg

# Version 0001 of the format, with values in UTF-8 ("2"). "|" separates them.
HEADER = "ST00012"
SEPARATOR = "|"
# Longest values, in characters, of those that have no fixed length (table 2 of the standard).
MAX_LENGTHS = {"Name": 160, "BankName": 45, "Purpose": 210}


def payment_text(invoice: Invoice, snapshot: Snapshot) -> str:
    """Return the content of the code for the whole amount of the invoice, in kopecks."""
    company, person = snapshot.company, snapshot.contents.person
    values = {
        "Name": company.name,
        "PersonalAcc": company.bank_account,
        "BankName": company.bank,
        "BIC": company.bank_bik,
        "CorrespAcc": company.bank_correspondent,
        "Sum": str(int(invoice.amount * Decimal(100))),
        "Purpose": purpose(invoice, snapshot),
        "PayeeINN": company.inn,
        "KPP": company.kpp,
        "LastName": person.last_name,
        "FirstName": person.first_name,
        "MiddleName": person.middle_name,
    }
    pairs = (f"{name}={_clean(value)[: MAX_LENGTHS.get(name)]}" for name, value in values.items() if value)
    return SEPARATOR.join([HEADER, *pairs])


def purpose(invoice: Invoice, snapshot: Snapshot) -> str:
    """The purpose of the payment, which tells the accountant the invoice, the contract and the VAT."""
    sentences = [
        f"Оплата по счёту № {invoice.number}, договор № {snapshot.number}",
        snapshot.company.vat_text(invoice.amount),
    ]
    return ". ".join(filter(None, sentences))


def payment_svg(invoice: Invoice, snapshot: Snapshot) -> SafeString:
    return qr_svg(payment_text(invoice, snapshot))


def _clean(value: str) -> str:
    return " ".join(value.replace(SEPARATOR, " ").split())
