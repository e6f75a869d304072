"""Contract and invoice as PDF. Their text lies in templates/contracts/pdf/<version>, one folder for each edition."""

import re
from pathlib import Path

from django.conf import settings
from django.template.loader import render_to_string

from contracts.models import Invoice
from contracts.snapshot import Snapshot
from contracts.typesetting import typeset

TEMPLATES = "contracts/pdf"
FOLDER = settings.BASE_DIR / "templates" / TEMPLATES
VERSION = re.compile(r"v([0-9]+)")


def current_version() -> str:
    """The newest edition, such as `v1`."""
    return max(versions(), key=lambda name: int(name[1:]))


def versions() -> list[str]:
    return [path.name for path in FOLDER.iterdir() if path.is_dir() and VERSION.fullmatch(path.name)]


def render_contract(snapshot: Snapshot) -> bytes:
    """The contract in the edition that the snapshot names; the same snapshot gives the same bytes."""
    return _render("contract", snapshot.template_version, contract_context(snapshot))


def render_invoice(invoice: Invoice, snapshot: Snapshot) -> bytes:
    """The bill under the contract of the snapshot, in that contract's edition."""
    return _render("invoice", snapshot.template_version, contract_context(snapshot) | {"invoice": invoice})


def _render(name: str, version: str, context: dict) -> bytes:
    html = render_to_string(f"{TEMPLATES}/{version}/{name}.html", context)
    return typeset(keep_together(html), FOLDER / version / f"{name}.css")


def contract_context(snapshot: Snapshot) -> dict:
    """What the text of a contract may speak of."""
    contents = snapshot.contents
    return {
        "number": snapshot.number,
        "issued_on": snapshot.issued_on,
        "city": city(snapshot.company.address),
        "director": "",
        "company": snapshot.company,
        "person": contents.person,
        "devices": contents.devices,
        "tariff": contents.tariff,
        "surcharge": contents.surcharge,
    }


def city(address: str) -> str:
    found = re.search(r"\b(?:г\.|город)\s*([^,]+)", address)
    return f"г. {found[1].strip()}" if found else ""


def keep_together(html: str) -> str:
    return re.sub(r"(№|\bст\.|\bп\.|\bг\.|\bд\.) (?=\S)", "\\1\u00a0", html)
