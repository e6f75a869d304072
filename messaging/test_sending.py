"""What `send` records: the app's message at once, all others queued, with their content encrypted."""

import pytest
from django.db import DatabaseError, transaction
from django.utils import timezone

from clients.models import AppUser, Client, ClientErased, ClientReassigned, Status
from conftest import ROLES, as_role
from managers.cipher import keyed_hash
from messaging.conftest import TEXT, queue
from messaging.models import Channel, Content, DeliveryState, OutgoingMessage, Purpose
from messaging.sending import ACCOUNT_DELETED, NO_CONTACT
from support.models import LogEntry, MaskedMessage, Message

pytestmark = pytest.mark.django_db


def test_message_of_the_app_is_written_at_once(client, anna):
    message = queue(client, Channel.APP)

    posted = Message.objects.get(pk=message.provider_id)
    assert (posted.body, MaskedMessage.objects.get(message=posted).body) == (TEXT, "Код •••")
    assert (message.state, message.accepted_at) == (DeliveryState.ACCEPTED, message.created_at)
    assert (message.recipient_hash, message.content, message.created_by) == ("", None, anna)
    assert LogEntry.objects.latest("created_at").body == "Код •••"


def test_message_of_the_app_fails_without_an_account(client, make):
    make.delete_account(client)
    message = queue(Client.objects.get(pk=client.pk), Channel.APP)
    message.refresh_from_db()
    assert message.delivery_label == f"не доставлено: {ACCOUNT_DELETED}"


@pytest.mark.parametrize(
    ("channel", "contact", "label"),
    [(Channel.SMS, "9771232323", "SMS"), (Channel.EMAIL, "petr@mail.example", "Электронная почта")],
)
def test_other_messages_are_queued(channel, contact, label, client):
    message = queue(client, channel)

    message.refresh_from_db()
    assert (message.state, message.delivery_label) == (DeliveryState.QUEUED, "отправляется")
    assert message.content == Content(contact, "Тема Ъюжная", TEXT)
    assert message.recipient_hash == keyed_hash(contact)
    assert contact not in message.encrypted_content
    assert not Message.objects.filter(body=TEXT).exists()
    assert LogEntry.objects.latest("created_at").body == f"{label}: Код •••"


def test_message_without_a_contact_fails_at_once(client, make):
    AppUser.objects.filter(pk=client.user_id).update(email=None)
    message = queue(make.fresh(client), Channel.EMAIL)
    message.refresh_from_db()
    assert (message.state, message.problem) == (DeliveryState.FAILED, NO_CONTACT)
    assert (message.content, message.recipient_hash) == (None, "")


@pytest.mark.parametrize("channel", Channel)
def test_nothing_is_sent_to_an_erased_or_reassigned_client(channel, client, make, boris, gleb):
    stale = make.fresh(client)
    client.reassign(to=boris, by=gleb)
    with pytest.raises(ClientReassigned):
        queue(stale, channel)

    client.change_status(Status.ERASED, by=gleb, now=timezone.now(), allowed_from=tuple(Status))
    with pytest.raises(ClientErased):
        queue(stale, channel)
    assert not OutgoingMessage.objects.exists()


@pytest.mark.parametrize(
    "values",
    [
        {"state": DeliveryState.DELIVERED, "accepted_at": timezone.now()},
        {"state": DeliveryState.ACCEPTED},
        {"purpose": Purpose.NOTICE},
        {"channel": Channel.EMAIL},
        {"created_at": timezone.now()},
        {"expires_at": timezone.now()},
    ],
)
def test_database_refuses_other_changes(values, client):
    message = queue(client)
    with as_role(ROLES.maintenance), pytest.raises(DatabaseError), transaction.atomic():
        OutgoingMessage.objects.filter(pk=message.pk).update(**values)


@pytest.mark.parametrize("final", [DeliveryState.DELIVERED, DeliveryState.FAILED])
def test_final_states_stay(final, client, maintenance):
    message, now = queue(client), timezone.now()
    assert not message.change_state(DeliveryState.DELIVERED, now=now)
    assert message.change_state(DeliveryState.ACCEPTED, now=now)
    assert message.change_state(final, now=now)
    for state in DeliveryState:
        assert not message.change_state(state, now=now)


def test_web_role_only_adds_messages(client):
    message = queue(client)
    for change in (
        lambda: message.change_state(DeliveryState.FAILED, now=timezone.now()),
        lambda: OutgoingMessage.objects.update(next_attempt_at=timezone.now()),
        message.delete,
    ):
        with pytest.raises(DatabaseError, match="permission denied"), transaction.atomic():
            change()
