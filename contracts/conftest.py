"""Fixtures for issued and signed contracts, and functions that sign like a page."""

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
    """Return the six digits of the newest code message to the client."""
    bodies = Message.objects.filter(ticket__user=client.user, body__startswith="Код").order_by("-created_at")
    return re.search(r": (\d{6})\.", bodies.first().body)[1]


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
        "ip": "192.0.2.7",
        "user_agent": "Firefox",
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
def stored_files(settings):
    """A function that lists the storage keys under a prefix."""

    def keys(prefix: str) -> list[str]:
        root = Path(settings.STORAGES["default"]["OPTIONS"]["location"])
        return sorted(str(file.relative_to(root)) for file in (root / prefix).rglob("*") if file.is_file())

    return keys
