"""E-mails by a mail server that accepts, refuses for good or for now, is slow or is down."""

import pytest

from messaging.conftest import TEXT, make_due, queue, use_mail_server
from messaging.delivery import NO_ANSWER, check_next, send_next
from messaging.mail import WRONG_ADDRESS
from messaging.models import Channel, DeliveryState, OutgoingMessage, Purpose

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("maintenance")]


@pytest.fixture
def message(mail_server, client) -> OutgoingMessage:
    """A queued code by e-mail."""
    return queue(client, Channel.EMAIL)


def attempt(message) -> OutgoingMessage:
    make_due()
    assert send_next() == 1
    message.refresh_from_db()
    return message


def test_accepted(mail_server, message):
    attempt(message)

    ((recipients, text),) = mail_server.received
    assert recipients == ["petr@mail.example"]
    assert f"Message-ID: <{message.provider_id}@privet.example>" in text
    assert text.rstrip().endswith(f"\n\n{TEXT}")
    assert (message.state, message.content) == (DeliveryState.ACCEPTED, None)
    make_due()
    assert (send_next(), check_next()) == (0, 0), "mail servers send no reports"


@pytest.mark.parametrize(
    ("replies", "problem"),
    [
        ({"RCPT": "550 5.1.1 no such user"}, "почтовый сервер не принял этот адрес"),
        ({".": "554 5.7.1 looks like spam"}, "почтовый сервер не принял письмо"),
    ],
)
def test_refused_for_good(replies, problem, mail_server, message, logged):
    mail_server.replies = replies
    attempt(message)

    assert (message.state, message.problem, message.content) == (DeliveryState.FAILED, problem, None)
    make_due()
    assert send_next() == 0
    assert logged == []


def test_address_that_cannot_be_encoded_does_not_stop_other_messages(mail_server, message, client):
    """The app accepts it. It passes the check of e-mail addresses, but its domain is too long for IDNA."""
    address = f"a@{'я' * 60}.рф"
    unusable = queue(client, Channel.EMAIL, Purpose.NOTICE, recipient=address)
    assert (send_next(), send_next()) == (1, 1)

    unusable.refresh_from_db()
    message.refresh_from_db()
    assert (unusable.state, unusable.problem) == (DeliveryState.FAILED, WRONG_ADDRESS)
    assert message.state == DeliveryState.ACCEPTED


@pytest.mark.parametrize(
    "replies",
    [
        {"RCPT": "450 4.2.0 greylisted"},
        {"RCPT": "421 4.3.2 shutting down"},
        {"MAIL": "452 4.3.1 no space"},
        {"MAIL": "550 5.7.1 sender not allowed"},
        {".": "451 4.3.0 try again later"},
        {"EHLO": "502 no", "HELO": "502 no"},
    ],
)
def test_refused_for_now(replies, mail_server, message, logged):
    mail_server.replies = replies
    for attempts in range(1, 5):
        attempt(message)
        assert (message.state, message.attempts) == (DeliveryState.QUEUED, attempts)
    mail_server.replies = {}

    assert attempt(message).state == DeliveryState.ACCEPTED
    assert len(mail_server.received) == (4 if "." in replies else 0) + 1
    assert [secret for secret in ("petr@", "123 456", "Ъюжн") if secret in "".join(logged)] == []
    assert f"message {message.pk} was not sent, attempt 4" in "".join(logged)


@pytest.mark.parametrize("verb", ["", "MAIL", "DATA", "."])
@pytest.mark.parametrize("reply", [None, ""], ids=["drops the connection", "never answers"])
def test_server_that_does_not_answer(verb, reply, mail_server, message, settings):
    use_mail_server(settings, mail_server.server_address[1], timeout=0.2)
    mail_server.replies = {verb: reply}
    for _ in range(3):
        attempt(message)

    # Without a greeting there is no connection, so certainly nothing was sent.
    expected = (DeliveryState.FAILED, NO_ANSWER) if verb else (DeliveryState.QUEUED, "")
    assert (message.state, message.problem) == expected


def test_accepted_message_is_not_sent_again_if_the_server_says_goodbye_badly(mail_server, message):
    mail_server.replies = {"QUIT": None}
    assert attempt(message).state == DeliveryState.ACCEPTED
    assert len(mail_server.received) == 1


def test_server_that_is_down(mail_server, message, settings, refusing):
    use_mail_server(settings, int(refusing.rpartition(":")[2]))
    for _ in range(5):
        assert attempt(message).state == DeliveryState.QUEUED

    use_mail_server(settings, mail_server.server_address[1])
    assert attempt(message).state == DeliveryState.ACCEPTED


@pytest.mark.parametrize(
    "email",
    ["petr", "petr@mail.example, anna@mail.example", "petr@mail.example\nBcc: x@mail.example", "пётр@mail.example"],
)
def test_wrong_address(email, mail_server, client):
    message = attempt(queue(client, Channel.EMAIL, Purpose.NOTICE, recipient=email))

    assert message.delivery_label == "не доставлено: неверный адрес электронной почты"
    assert mail_server.received == []
