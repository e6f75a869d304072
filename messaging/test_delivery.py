"""The worker: expiry, switched off channels, retries, several workers, and contacts that change meanwhile."""

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta

import pytest
from django.utils import timezone

from clients.models import AppUser
from conftest import run_on_own_connection
from foundation.testing import PATIENCE
from foundation.worker import registered_jobs
from messaging import delivery
from messaging.conftest import TEXT, make_due, queue
from messaging.delivery import CONTACT_CHANGED, EXPIRED, NOT_CONFIGURED, check_next, oldest_queued, send_next
from messaging.models import Channel, DeliveryState, OutgoingMessage, Purpose

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("maintenance")]
REAL = pytest.mark.django_db(transaction=True)

CODES = [Purpose.SIGNING_CODE, Purpose.CONTACT_CODE]
FOR_CLIENT_ONLY = [*CODES, Purpose.LINK]


def minutes(number: float) -> timedelta:
    return timedelta(minutes=number)


def outcome(message) -> tuple[str, str]:
    message.refresh_from_db()
    return message.state, message.problem


def test_nothing_to_send(gateway):
    assert (send_next(), check_next(), oldest_queued()) == (0, 0, None)


def test_jobs_are_registered():
    jobs = {job.name: job for job in registered_jobs()}
    assert (jobs["messages"].run, jobs["messages"].oldest) == (send_next, oldest_queued)
    assert (jobs["delivery_reports"].run, jobs["delivery_reports"].oldest) == (check_next, None)


def test_expired_message_is_not_sent(gateway, client):
    message = queue(client, expires_at=timezone.now())
    assert send_next() == 1
    assert outcome(message) == (DeliveryState.FAILED, EXPIRED)
    assert message.content is None
    assert gateway.send_requests == []


def test_message_without_an_expiry_waits_for_a_day(gateway, client, settings, refusing):
    settings.EXOLVE_URL = refusing
    message = queue(client, purpose=Purpose.NOTICE)
    assert send_next() == 1
    assert outcome(message) == (DeliveryState.QUEUED, "")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(delivery, "MAX_QUEUED", timedelta())
        make_due()
        assert send_next() == 1
    assert outcome(message) == (DeliveryState.FAILED, EXPIRED)


@pytest.mark.parametrize("channel", [Channel.SMS, Channel.EMAIL])
def test_channel_that_was_switched_off(channel, client, settings):
    settings.SMS_GATEWAY = settings.SMTP_HOST = ""
    message = queue(client, channel)
    assert send_next() == 1
    assert outcome(message) == (DeliveryState.FAILED, NOT_CONFIGURED)
    assert message.content is None


def test_reports_are_not_requested_without_a_gateway(gateway, client, settings):
    queue(client)
    assert send_next() == 1
    settings.SMS_GATEWAY = ""
    assert check_next() == 0


def test_outbox_sends_nothing_and_keeps_the_content(client, settings):
    settings.SMS_GATEWAY = "outbox"
    message = queue(client)
    assert send_next() == 1
    assert outcome(message) == (DeliveryState.ACCEPTED, "")
    assert message.content.body == TEXT
    make_due()
    assert check_next() == 1
    assert outcome(message) == (DeliveryState.ACCEPTED, "")


def test_oldest_queued(gateway, client):
    first, second = queue(client), queue(client)
    OutgoingMessage.objects.filter(pk=second.pk).update(next_attempt_at=timezone.now() - minutes(1))
    assert oldest_queued() == first.created_at
    send_next()
    assert oldest_queued() == first.created_at
    send_next()
    assert oldest_queued() is None


def test_failing_messages_do_not_delay_others(gateway, client):
    first, second = queue(client), queue(client)
    gateway.other_answers = [lambda handler, *_: handler.reply(500, b"")]
    assert (send_next(), send_next()) == (1, 1)
    assert outcome(first)[0] == DeliveryState.QUEUED
    assert outcome(second)[0] == DeliveryState.ACCEPTED


def test_pauses_grow_and_are_shorter_than_the_reserved_time(gateway, client):
    message, pauses = queue(client), []
    gateway.other_answers = [lambda handler, *_: handler.reply(503, b"")] * 12
    for _ in range(12):
        make_due()
        assert send_next() == 1
        message.refresh_from_db()
        pauses.append((message.next_attempt_at - timezone.now()).total_seconds())
    assert 0 < pauses[0] <= 1
    assert pauses[0] < pauses[2] < pauses[5] < pauses[8]
    assert 200 < pauses[11] <= 300
    assert send_next() == 0


def test_killed_worker_leaves_the_message_queued(gateway, client, monkeypatch):
    message = queue(client)
    with monkeypatch.context() as patch:
        patch.setattr(OutgoingMessage, "change_state", kill)
        with pytest.raises(SystemExit):
            send_next()
    assert outcome(message) == (DeliveryState.QUEUED, "")
    assert send_next() == 0, "the next attempt is not due"

    make_due()
    assert send_next() == 1
    assert outcome(message)[0] == DeliveryState.ACCEPTED
    assert [sms["text"] for sms in gateway.send_requests] == [TEXT, TEXT]


def kill(*args, **options):
    raise SystemExit


def test_slower_worker_does_not_undo_the_faster_one(gateway, client):
    """The message became due while the first worker waited for its answer."""
    message = queue(client)
    slow = delivery.worker.claim(OutgoingMessage.objects.all(), reserve=delivery.SEND_TIME)
    make_due()
    gateway.other_answers = [lambda handler, *_: handler.reply(500, b"")]
    assert send_next() == 1  # the second attempt
    message.refresh_from_db()
    assert message.attempts == 2
    scheduled = message.next_attempt_at

    delivery._retry(slow)
    message.refresh_from_db()
    assert message.next_attempt_at == scheduled

    make_due()
    assert send_next() == 1
    message.refresh_from_db()
    assert message.state == DeliveryState.ACCEPTED
    assert not slow.change_state(DeliveryState.FAILED, now=timezone.now(), problem=EXPIRED)
    assert outcome(message) == (DeliveryState.ACCEPTED, "")


@contextmanager
def while_sending(gateway):
    """Run the block while another worker waits for the answer of the gateway."""
    arrived, go_on = threading.Event(), threading.Event()

    def wait_and_reply(handler, status, answer):
        arrived.set()
        go_on.wait(PATIENCE)
        handler.reply(status, b'{"message_id": "%s"}' % answer["message_id"].encode())

    gateway.other_answers = [wait_and_reply]
    with ThreadPoolExecutor(1) as pool:
        worker = pool.submit(run_on_own_connection, send_next)
        try:
            assert arrived.wait(PATIENCE)
            yield
        finally:
            go_on.set()
        assert worker.result(timeout=PATIENCE) == 1


@REAL
@pytest.mark.usefixtures("maintenance")
def test_two_workers_send_a_message_once(gateway, client):
    message = queue(client)
    with while_sending(gateway):
        assert send_next() == 0
    assert send_next() == 0
    assert outcome(message)[0] == DeliveryState.ACCEPTED
    assert len(gateway.accepted) == 1


@REAL
@pytest.mark.usefixtures("maintenance")
@pytest.mark.parametrize("purpose", CODES)
def test_code_reaches_the_old_contact_if_it_changes_while_it_is_sent(purpose, gateway, client):
    message = queue(client, purpose=purpose)
    with while_sending(gateway):
        AppUser.objects.filter(pk=client.user_id).update(phone="9770000001")
    assert outcome(message) == (DeliveryState.ACCEPTED, "")
    assert [sms["destination"] for sms in gateway.send_requests] == ["79771232323"]


@REAL
@pytest.mark.usefixtures("maintenance")
@pytest.mark.parametrize("purpose", FOR_CLIENT_ONLY)
def test_code_or_link_is_not_sent_if_the_contact_changed_before(purpose, gateway, client):
    message = queue(client, purpose=purpose)
    with ThreadPoolExecutor(1) as pool:
        change = AppUser.objects.filter(pk=client.user_id).update
        pool.submit(run_on_own_connection, lambda: change(phone="9770000001")).result(timeout=PATIENCE)

    assert send_next() == 1

    assert outcome(message) == (DeliveryState.FAILED, CONTACT_CHANGED)
    assert message.content is None
    assert gateway.send_requests == []


@pytest.mark.parametrize("purpose", FOR_CLIENT_ONLY)
def test_code_or_link_is_not_sent_to_a_changed_email(purpose, mail_server, client):
    message = queue(client, Channel.EMAIL, purpose)
    AppUser.objects.filter(pk=client.user_id).update(email="other@mail.example")
    assert send_next() == 1
    assert outcome(message) == (DeliveryState.FAILED, CONTACT_CHANGED)
    assert mail_server.received == []


def test_code_is_not_sent_if_the_account_was_deleted(gateway, client, make):
    message = queue(client)
    make.delete_account(client)
    assert send_next() == 1
    assert outcome(message) == (DeliveryState.FAILED, CONTACT_CHANGED)
    assert gateway.send_requests == []


def test_notices_may_go_to_a_former_contact(gateway, client):
    message = queue(client, purpose=Purpose.NOTICE, recipient="9770000002")
    assert send_next() == 1
    assert outcome(message)[0] == DeliveryState.ACCEPTED
    assert gateway.send_requests[0]["destination"] == "79770000002"
