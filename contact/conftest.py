"""Clients whose contact a manager can't change alone, and the codes that they get."""

import re

import pytest

from agreements.models import AgreementKind
from clients.models import Client
from contact import changes
from contact.models import ContactChange
from managers.models import Manager
from messaging.models import Channel, OutgoingMessage, Purpose
from support.models import Message

OLD_PHONE, OLD_EMAIL = "9771112233", "petr@mail.example"
NEW_PHONE, NEW_EMAIL = "9035556677", "new@mail.example"
CODE = re.compile(r"код (\d{3}) (\d{3})\b")


def code_for(client: Client) -> str:
    """Return the six digits of the newest code for a change of the client's contact, by any channel."""
    message = OutgoingMessage.objects.filter(client=client, purpose=Purpose.CONTACT_CODE).latest("created_at")
    is_app = message.channel == Channel.APP
    body = Message.objects.get(pk=message.provider_id).body if is_app else message.content.body
    return "".join(CODE.search(body).groups())


def wrong(code: str) -> str:
    return f"{(int(code) + 1) % 10**6:06}"


def request_change(client: Client, by: Manager, **new) -> ContactChange | None:
    """Change contact data at step 1."""
    client = Client.objects.select_related("user").get(pk=client.pk)
    return changes.save_contact(client, client.user.contact | new, original=None, by=by)


@pytest.fixture
def gateway(settings) -> None:
    """SMS and e-mails can be sent to clients who have agreed to that."""
    settings.SMS_GATEWAY = "outbox"


@pytest.fixture
def protected(make, anna) -> Client:
    """Анна's client, who has a password in the app."""
    client = make.verified(anna, phone=OLD_PHONE, email=OLD_EMAIL, password_hash="set in the app")
    make.agreement(client, anna, AgreementKind.ELECTRONIC_SIGNATURE)  # names phone and e-mail as channels
    return client


@pytest.fixture
def confirmed(make, anna) -> Client:
    """Анна's client, who has no password, but once named a code that was sent to the phone."""
    client = make.verified(anna, phone=OLD_PHONE, email=OLD_EMAIL)
    make.agreement(client, anna, AgreementKind.ELECTRONIC_SIGNATURE)
    client.mark_phone_confirmed(OLD_PHONE)
    return client


@pytest.fixture
def unknown(make, anna) -> Client:
    """Анна's client. Nothing is known that connects them with the account."""
    return make.verified(anna, phone=OLD_PHONE, email=OLD_EMAIL)


@pytest.fixture
def change(protected, anna) -> ContactChange:
    """A change of the phone that waits for a confirmation."""
    return request_change(protected, anna, phone=NEW_PHONE)


@pytest.fixture
def asked(change, anna) -> ContactChange:
    changes.ask_admin(change, "Потерял телефон", by=anna)
    change.refresh_from_db()
    return change
