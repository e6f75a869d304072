"""Contracts brought to where a test begins, and the code as the client reads it in the app."""

import re
from pathlib import Path

import pytest
from django.db.models import F

from clients.models import Client
from contracts import issuing, signature_consent, signing
from contracts.models import CODE_LIFETIME, Contract, SigningCode
from managers.models import Manager
from support.models import Message


def code_sent_to(client: Client) -> str:
    """The six digits of the newest code message in the client's app."""
    bodies = Message.objects.filter(ticket__user=client.user, body__startswith="Код").order_by("-created_at")
    return re.search(r": (\d{6})\.", bodies.first().body)[1]


def sign(contract: Contract, by: Manager, code: str | None = None, **overrides) -> Contract:
    """Request a code and sign with it, or with `code` when given, as the page does."""
    if code is None:
        # As if earlier codes had been sent long ago, so that a new one may be asked for.
        SigningCode.objects.update(sent_at=F("sent_at") - CODE_LIFETIME * 6)
        signing.request_code(contract, by=by)
        code = code_sent_to(contract.client)
    details = {
        "consent": True,
        "pep_text_version": signature_consent.current_version(),
        "ip": "192.0.2.7",
        "user_agent": "Firefox",
    }
    return signing.sign(contract, code, by=by, **details | overrides)


def wrong_code(code: str) -> str:
    """Six digits that are not `code`."""
    return f"{(int(code) + 1) % 10**6:06}"


@pytest.fixture
def issued(make, anna) -> Contract:
    """A contract of Анна's client with two devices at the tariff's 150, waiting for a signature."""
    return issuing.issue(make.awaiting_contract(anna, devices=2), by=anna)


@pytest.fixture
def signed(issued, anna) -> Contract:
    """The same, signed; 300 roubles are due."""
    return sign(issued, anna)


@pytest.fixture
def stored_files(settings):
    """The keys that exist in the storage under a prefix."""

    def keys(prefix: str) -> list[str]:
        root = Path(settings.STORAGES["default"]["OPTIONS"]["location"])
        return sorted(str(file.relative_to(root)) for file in (root / prefix).rglob("*") if file.is_file())

    return keys
