"""SMS by a gateway that works, refuses, fails, is slow, answers nonsense or answers nothing."""

import json
from http.server import ThreadingHTTPServer

import pytest
import urllib3
from django.utils import timezone

from managers.cipher import keyed_hash
from messaging import delivery, exolve
from messaging.channels import configured_channels
from messaging.conftest import API_KEY, SENDER, TEXT, GatewayHandler, make_due, queue
from messaging.delivery import NO_ANSWER, check_next, send_next
from messaging.models import Channel, DeliveryState, OutgoingMessage, Purpose

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("maintenance")]

SECRETS = ("9771232323", "123 456", "Ъюжн", API_KEY)


@pytest.fixture
def message(gateway, client) -> OutgoingMessage:
    """A queued code by SMS."""
    return queue(client)


@pytest.fixture
def sent(message) -> OutgoingMessage:
    assert send_next() == 1
    message.refresh_from_db()
    assert message.state == DeliveryState.ACCEPTED
    return message


def status(number: int):
    return lambda handler, *_: handler.reply(number, b'{"error": {"message": "9771232323"}}')


def raw(data: bytes):
    return lambda handler, *_: handler.reply(200, data)


def never_answer(handler, *_):
    handler.server.gateway.released.wait()
    handler.close_connection = True


def drop(handler, *_):
    handler.close_connection = True


def attempt(message) -> OutgoingMessage:
    """Let the worker try once more; return the message as it is then."""
    make_due()
    assert send_next() == 1
    message.refresh_from_db()
    return message


def test_accepted(gateway, message):
    assert send_next() == 1

    assert gateway.send_requests == [{"number": SENDER, "destination": "79771232323", "text": TEXT}]
    message.refresh_from_db()
    assert (message.state, message.provider_id) == (DeliveryState.ACCEPTED, next(iter(gateway.accepted)))
    assert message.accepted_at
    assert message.content is None
    assert message.recipient_hash == keyed_hash("9771232323")
    assert message.delivery_label.startswith("отправлено в ")
    make_due()
    assert send_next() == 0


def test_refused_number(gateway, message, logged):
    gateway.unknown_numbers.add("79771232323")
    assert send_next() == 1

    message.refresh_from_db()
    assert (message.state, message.content) == (DeliveryState.FAILED, None)
    assert message.delivery_label == "не доставлено: оператор не принял номер или текст"
    make_due()
    assert send_next() == 0
    assert logged == []


@pytest.mark.parametrize("phone", ["4951232323", "7012345678", "977123232", "19771232323", "9٠٠٠٠٠٠٠٠٠"])
def test_numbers_that_are_not_mobile_are_not_sent_to_the_gateway(phone, gateway, client):
    message = attempt(queue(client, purpose=Purpose.NOTICE, recipient=phone))

    assert gateway.send_requests == []
    assert message.delivery_label == "не доставлено: на этот номер нельзя отправить SMS"


@pytest.mark.parametrize("number", [301, 401, 402, 403, 404, 429, 500, 502, 503])
def test_message_waits_while_the_gateway_refuses_to_work(number, gateway, message, logged):
    gateway.other_answers = [status(number)] * 5
    for attempts in range(1, 6):
        attempt(message)
        assert (message.state, message.attempts) == (DeliveryState.QUEUED, attempts)
        assert message.next_attempt_at < timezone.now() + delivery.SEND_TIME

    attempt(message)

    assert (message.state, message.attempts) == (DeliveryState.ACCEPTED, 0)
    assert [secret for secret in SECRETS if secret in "".join(logged)] == []
    assert f"message {message.pk} was not sent, attempt 5: SendSMS: status {number}" in "".join(logged)


def test_redirect_is_not_followed(gateway, message):
    other = ThreadingHTTPServer(("127.0.0.1", 0), GatewayHandler)
    with other:
        target = f"http://127.0.0.1:{other.server_port}/messaging/v1/SendSMS"
        gateway.other_answers = [lambda handler, *_: handler.reply(307, b"", Location=target)]
        assert attempt(message).state == DeliveryState.QUEUED
        other.socket.setblocking(False)
        with pytest.raises(BlockingIOError):
            other.socket.accept()


ANSWERS_WITHOUT_ID = {
    "not JSON": raw(b"<html>OK</html>"),
    "not UTF-8": raw(b"\xff\xfe\xff"),
    "empty": raw(b""),
    "huge": raw(json.dumps({"message_id": "1", "x": "x" * exolve.MAX_ANSWER_BYTES}).encode()),
    "a list": raw(b"[]"),
    "no id": raw(b"{}"),
    "no usable id": raw(b'{"message_id": "1\\u0000"}'),
    "a long id": raw(json.dumps({"message_id": "1" * 101}).encode()),
    "an object as id": raw(b'{"message_id": {"a": 1}}'),
    "dropped": drop,
    "late": never_answer,
}


@pytest.mark.usefixtures("short_timeout")
@pytest.mark.parametrize("answer", ANSWERS_WITHOUT_ID.values(), ids=ANSWERS_WITHOUT_ID)
def test_message_without_an_answer_is_sent_again_but_not_forever(answer, gateway, message, logged):
    gateway.other_answers = [answer] * 10
    for attempts in (1, 2):
        assert (attempt(message).state, message.attempts) == (DeliveryState.QUEUED, attempts)
        assert message.content.body == TEXT

    attempt(message)

    assert (message.state, message.problem, message.content) == (DeliveryState.FAILED, NO_ANSWER, None)
    make_due()
    assert send_next() == 0
    assert len(gateway.send_requests) == 3
    assert [secret for secret in SECRETS if secret in "".join(logged)] == []


def test_gateway_that_is_down_is_tried_until_it_works(gateway, message, settings, refusing):
    settings.EXOLVE_URL = refusing
    for _ in range(6):
        assert attempt(message).state == DeliveryState.QUEUED

    settings.EXOLVE_URL = gateway.url
    assert attempt(message).state == DeliveryState.ACCEPTED
    assert len(gateway.send_requests) == 1


def test_errors_name_neither_the_key_nor_the_message(gateway, message, settings, refusing):
    gateway.other_answers = [status(500)]
    for url in (gateway.url, refusing):
        settings.EXOLVE_URL = url
        with pytest.raises(exolve.TransportUnavailable) as raised:
            exolve.Exolve().send(message.content)
        error = raised.value
        while error:
            assert [secret for secret in SECRETS if secret in f"{error!r}"] == []
            error = error.__cause__ or error.__context__


def test_timeouts_are_short():
    assert isinstance(exolve.TIMEOUT, urllib3.Timeout)
    assert exolve.TIMEOUT.connect_timeout + exolve.TIMEOUT.read_timeout <= 10


def test_an_id_may_be_a_number(gateway, message):
    gateway.other_answers = [raw(b'{"message_id": 439166538239448536}')]
    assert attempt(message).provider_id == "439166538239448536"


@pytest.mark.parametrize(
    ("reported", "state", "label"),
    [
        ("DELIVERY_STATUS_DELIVERED", DeliveryState.DELIVERED, "доставлено в "),
        ("Delivered", DeliveryState.DELIVERED, "доставлено в "),
        ("DELIVERY_STATUS_UNDELIVERED", DeliveryState.FAILED, "не доставлено: телефон недоступен"),
        ("MESSAGE_EXPIRED", DeliveryState.FAILED, "не доставлено: телефон был выключен"),
        ("REJECTED", DeliveryState.FAILED, "не доставлено: оператор отклонил"),
        ("DELIVERY_STATUS_FAILED", DeliveryState.FAILED, "не доставлено: оператор не смог"),
        ("DELIVERY_STATUS_NOT_DELIVERED", DeliveryState.ACCEPTED, "отправлено в "),
        ("PARTIALLY_DELIVERED", DeliveryState.ACCEPTED, "отправлено в "),
        ("DELIVERY_STATUS_QUEUED", DeliveryState.ACCEPTED, "отправлено в "),
        ("READ", DeliveryState.ACCEPTED, "отправлено в "),
        ("", DeliveryState.ACCEPTED, "отправлено в "),
        (None, DeliveryState.ACCEPTED, "отправлено в "),
        (["DELIVERED"], DeliveryState.ACCEPTED, "отправлено в "),
    ],
)
def test_report(reported, state, label, gateway, sent):
    gateway.statuses[sent.provider_id] = reported
    assert check_next() == 1

    sent.refresh_from_db()
    assert sent.state == state
    assert sent.delivery_label.startswith(label)
    assert gateway.list_requests == [{"message_id": sent.provider_id}]


def test_first_final_report_stays(gateway, sent):
    """Duplicate, late and contradicting reports change nothing; a final message is not asked for again."""
    gateway.statuses[sent.provider_id] = "DELIVERY_STATUS_UNDELIVERED"
    assert check_next() == 1
    make_due()
    assert check_next() == 0

    sent.refresh_from_db()
    assert not sent.change_state(DeliveryState.DELIVERED, now=timezone.now())
    assert not sent.change_state(DeliveryState.FAILED, now=timezone.now())
    sent.refresh_from_db()
    assert (sent.state, sent.delivered_at) == (DeliveryState.FAILED, None)


def test_report_may_come_after_the_code_expired(gateway, sent):
    OutgoingMessage.objects.filter(pk=sent.pk).update(accepted_at=timezone.now() - delivery.MAX_AGE_OF_REPORTS / 2)
    gateway.statuses[sent.provider_id] = "DELIVERY_STATUS_DELIVERED"
    assert check_next() == 1
    sent.refresh_from_db()
    assert sent.state == DeliveryState.DELIVERED


def test_old_message_is_not_asked_for(gateway, sent):
    OutgoingMessage.objects.filter(pk=sent.pk).update(accepted_at=timezone.now() - delivery.MAX_AGE_OF_REPORTS)
    assert check_next() == 0
    assert gateway.list_requests == []


def test_report_of_another_message_is_ignored(gateway, sent):
    other = {"message_id": "1", "delivery_status": "DELIVERY_STATUS_DELIVERED"}
    gateway.other_answers = [raw(json.dumps({"messages": [other, "text", None]}).encode())]
    check_next()
    sent.refresh_from_db()
    assert sent.state == DeliveryState.ACCEPTED


@pytest.mark.usefixtures("short_timeout")
@pytest.mark.parametrize(
    "answer",
    [
        *ANSWERS_WITHOUT_ID.values(), *map(status, (307, 400, 401, 429, 500)), raw(b'{"messages": null}'),
        raw(b'{"messages": {"a": 1}}'), raw(b'{"messages": []}'),
    ],
)  # fmt: skip
def test_failing_request_for_a_report_is_repeated_later(answer, gateway, sent, logged):
    gateway.other_answers = [answer]
    assert check_next() == 1
    sent.refresh_from_db()
    assert (sent.state, sent.attempts) == (DeliveryState.ACCEPTED, 1)
    assert sent.next_attempt_at > timezone.now()

    gateway.statuses[sent.provider_id] = "DELIVERY_STATUS_DELIVERED"
    make_due()
    assert check_next() == 1
    sent.refresh_from_db()
    assert sent.state == DeliveryState.DELIVERED
    assert len(gateway.send_requests) == 1
    assert [secret for secret in SECRETS if secret in "".join(logged)] == []


def test_sms_is_offered_only_with_a_gateway(settings):
    settings.SMTP_HOST = ""
    assert configured_channels() == [Channel.APP]
    settings.SMS_GATEWAY = "exolve"
    assert configured_channels() == [Channel.APP, Channel.SMS]
    settings.SMTP_HOST = "mail.internal"
    assert configured_channels() == [Channel.APP, Channel.SMS, Channel.EMAIL]
    settings.SMS_GATEWAY, settings.SMTP_HOST = "outbox", ""
    assert configured_channels() == [Channel.APP, Channel.SMS, Channel.EMAIL]
