"""Codes do not go to contacts that a manager has changed and nobody confirmed."""

import pytest
import time_machine
from django.utils import timezone

from client_page.conftest import Phone, backdate_codes, code_in, issue_link, newest_code_message
from clients.models import AppUser, Client
from contact import changes
from contact.models import HOLD, ContactChange
from contracts import issuing, signing
from contracts.code_channels import ClientChannels
from messaging.models import Channel, OutgoingMessage, Purpose

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("gateway")]


@pytest.fixture
def client(client_with_password) -> Client:
    return client_with_password


@pytest.fixture
def stranger_phone() -> str:
    """A phone of the manager, who wants to sign for the client."""
    return "9990001122"


def change_phone(client, phone: str, by) -> ContactChange | None:
    contact = client.user.contact | {"phone": phone}
    return changes.save_contact(client, contact, original=client.user.contact, by=by)


def test_manager_who_changes_the_phone_does_not_get_the_code(agreed, client, issued, anna, stranger_phone):
    """The attack: change the phone of a client who uses the app, then sign with a code to the new one."""
    assert change_phone(client, stranger_phone, anna).is_open
    assert AppUser.objects.get(pk=client.user_id).phone != stranger_phone
    signing.request_code(issued, by=anna, channel="sms")
    assert newest_code_message().content.recipient == client.user.phone


def test_confirmed_phone_that_changes_without_a_confirmation_gets_no_code(phone, client, issued, anna, stranger_phone):
    """The client has no password, but a code to their phone was entered before."""
    AppUser.objects.filter(pk=client.user_id).update(password_hash=client.initial_password_hash or "x")
    Client.objects.filter(pk=client.pk).update(
        initial_password_hash=AppUser.objects.get(pk=client.user_id).password_hash
    )
    client = Client.objects.get(pk=client.pk)
    client.mark_phone_confirmed(client.user.phone)
    change = change_phone(client, stranger_phone, anna)
    changes.apply_unconfirmed(change, by=anna)

    client = Client.objects.get(pk=client.pk)
    newer = issuing.issue(client, by=anna)
    second = Phone()
    second.open(*issue_link(client, anna, newer))
    assert 'value="sms"' not in second.get().text
    second.accept()
    backdate_codes()
    assert second.post("code", {"channel": "sms"}).status_code == 409
    assert not OutgoingMessage.objects.filter(purpose=Purpose.SIGNING_CODE, channel=Channel.SMS).exists()
    with time_machine.travel(timezone.now() + HOLD):
        assert Channel.SMS in ClientChannels.of(Client.objects.get(pk=client.pk)).for_code(None, agreeing=True)


def test_code_by_sms_confirms_the_phone(agreed, issued):
    agreed.post("code", {"channel": "sms"})
    assert not Client.objects.get(pk=issued.client_id).has_confirmed_phone
    agreed.sign(code_in(newest_code_message()))
    assert Client.objects.get(pk=issued.client_id).has_confirmed_phone
