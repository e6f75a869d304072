"""Render contracts and invoices. The templates are in templates/contracts/pdf/<version>, one folder per edition."""

import re
from functools import cache

from django.conf import settings
from django.template.loader import render_to_string
from django.utils.safestring import SafeString, mark_safe

from contracts import payment_code
from contracts.models import Invoice
from contracts.snapshot import Snapshot
from documents import editions
from documents.rendering import render_pdf

TEMPLATES = "contracts/pdf"
FOLDER = settings.BASE_DIR / "templates" / TEMPLATES


def current_version() -> str:
    """Return the newest edition, such as `v1`. New contracts are issued in it."""
    return editions.newest(FOLDER)


def versions() -> list[str]:
    return editions.versions(FOLDER)


def render_contract(snapshot: Snapshot) -> bytes:
    """Render the contract as PDF in the snapshot's edition. Deterministic."""
    version, values = snapshot.template_version, _values(snapshot)
    return render_pdf(_html(version, "contract", values), FOLDER / version / "contract.css", annex=_terms(version))


def contract_html(snapshot: Snapshot) -> SafeString:
    """Return the body of the contract and its general terms as HTML, for a page.

    Only editions from `v3` on have these templates; others raise TemplateDoesNotExist.
    """
    version = snapshot.template_version
    html = _html(version, "body", _values(snapshot)) + _html(version, "terms-body", {})
    return mark_safe(html)  # noqa: S308  rendered by templates that escape every value


def render_invoice(invoice: Invoice, snapshot: Snapshot) -> bytes:
    """Render an invoice as PDF, in the edition of its contract."""
    version, values = snapshot.template_version, _values(snapshot) | _invoice_values(invoice, snapshot)
    return render_pdf(_html(version, "invoice", values), FOLDER / version / "invoice.css")


def _invoice_values(invoice: Invoice, snapshot: Snapshot) -> dict:
    return {
        "invoice": invoice,
        "vat": snapshot.company.vat_text(invoice.amount),
        "purpose": payment_code.purpose(invoice, snapshot),
        "payment_code": payment_code.payment_svg(invoice, snapshot) if invoice.is_payable else "",
    }


@cache
def _terms(version: str) -> str:
    """HTML of an edition's general terms. Cached, because they contain no values."""
    return _html(version, "terms", {})


def _html(version: str, name: str, values: dict) -> str:
    return editions.keep_together(render_to_string(f"{TEMPLATES}/{version}/{name}.html", values))


def _values(snapshot: Snapshot) -> dict:
    """Template context of a contract; documented in docs/contract-text.md."""
    contents = snapshot.contents
    return {
        "number": snapshot.number,
        "issued_on": snapshot.issued_on,
        "city": _city(snapshot.company.address),
        "company": snapshot.company,
        "director": _short_name(snapshot.company.director),
        "person": contents.person,
        "devices": contents.devices,
        "tariff": contents.tariff,
        "surcharge": contents.surcharge,
    }


def _city(address: str) -> str:
    """«125009, г. Москва, ул. Тверская» → «г. Москва»; "" if there is no «г.» in the address."""
    found = re.search(r"\bг\.\s*([^,]+)", address)
    return f"г. {found[1].strip()}" if found else ""


def _short_name(full_name: str) -> str:
    """«Соколова Марина Андреевна» → «Соколова М. А.»"""
    last, *others = full_name.split() or [""]
    return " ".join([last, *(f"{name[0]}." for name in others)])
