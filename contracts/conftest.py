"""Fixtures for issued and signed contracts, and functions that sign like a page."""

import html
import re
import uuid
from pathlib import Path

import pytest
from django.db import connection
from django.db.models import F

from clients.models import Client
from conftest import appears_in, as_app, execute_in_app
from contracts import issuing, mirror, signature_consent, signing
from contracts.models import Contract, Invoice, SigningCode
from links.models import Browser
from managers.models import Manager
from messaging.codes import CODE_LIFETIME
from neighbour.installations import TABLES
from support.models import Message


def code_sent_to(client: Client) -> str:
    """Return the six digits of the newest code message to the client."""
    sent = Message.objects.filter(ticket__user=client.user, masked__isnull=False).latest("created_at")
    return "".join(re.search(r"Код (\d{3}) (\d{3})\b", sent.body).groups())


def code_appears_in(code: str, text: str) -> bool:
    """Whether the text or the page contains the digits of the code, with any separators between them."""
    return appears_in(r"\W{0,3}".join(code), html.unescape(text))


def sign(contract: Contract, by: Manager, code: str | None = None, **overrides) -> Contract:
    """Sign as the page does, with `code` or with a newly requested one."""
    if code is None:
        # Backdate earlier codes, so that the resend delay is over.
        SigningCode.objects.update(sent_at=F("sent_at") - CODE_LIFETIME * 6)
        signing.request_code(contract, by=by)
        code = code_sent_to(contract.client)
    details = {
        "consent": True,
        "pep_text_version": signature_consent.current_version(),
        "browser": Browser("192.0.2.7", "Firefox"),
    }
    return signing.sign(contract, code, by=by, **details | overrides)


def wrong_code(code: str) -> str:
    """Return six digits that differ from `code`."""
    return f"{(int(code) + 1) % 10**6:06}"


@pytest.fixture
def issued(make, anna) -> Contract:
    """An open contract of Анна's client with two devices at the tariff's fee of 150."""
    return issuing.issue(make.awaiting_contract(anna, devices=2), by=anna)


@pytest.fixture
def signed(issued, anna) -> Contract:
    """The same contract, signed; 300 rubles are due."""
    return sign(issued, anna)


@pytest.fixture
def invoice(signed) -> Invoice:
    """Its pending invoice of 300 rubles."""
    return signed.invoices.get()


@pytest.fixture
def stored_files(settings):
    """A function that lists the storage keys under a prefix."""

    def keys(prefix: str) -> list[str]:
        root = Path(settings.STORAGES["default"]["OPTIONS"]["location"])
        return sorted(str(file.relative_to(root)) for file in (root / prefix).rglob("*") if file.is_file())

    return keys


# The table as the older manager system made it; what migrations create is the app's own shape.
OLDER_SHAPE = (TABLES / "older_invoices.sql").read_text()


def alter_app_tables(sql: str) -> None:
    """Change the tables of invoices as a migration of the app does."""
    execute_in_app(sql)
    mirror.forget_shape()


@pytest.fixture(autouse=True)
def _shape_is_read_again():
    mirror.forget_shape()
    yield
    mirror.forget_shape()


@pytest.fixture(params=["app", "older"])
def shape(request, db) -> str:
    """Each of the two shapes of `user_invoices`."""
    if request.param == "older":
        alter_app_tables(OLDER_SHAPE)
    return request.param


def shown_in_app(client: Client) -> list[uuid.UUID]:
    """Ids of the invoices that the app shows, by its own statement."""
    with as_app(), connection.cursor() as cursor:
        cursor.execute(
            "SELECT id FROM user_invoices WHERE client_id = %s AND (due_date IS NULL OR due_date >= now())"
            " AND status <> 'paid'",
            [client.user_id],
        )
        return [row[0] for row in cursor.fetchall()]


def pay_in_app(
    invoice: Invoice, *, amount: int | None = None, payer_id: uuid.UUID | None = None, paid_at: str = "now"
) -> None:
    """Do what the app does when its client pays, with its statements."""
    payer_id = payer_id or invoice.contract.client.user_id
    with as_app(), connection.cursor() as cursor:
        cursor.execute("UPDATE user_invoices SET status = 'paid' WHERE id = %s", [invoice.pk])
        cursor.execute(
            "INSERT INTO user_invoice_payments (id, invoice_id, client_id, amount, status, paid_at)"
            " VALUES (gen_random_uuid(), %s, %s, %s, 'success', %s::timestamptz)",
            [invoice.pk, payer_id, invoice.amount if amount is None else amount, paid_at],
        )
