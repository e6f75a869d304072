"""The codes: where they go, how many, how long they are valid, and that unknown numbers get the same answers."""

import re
import uuid
from datetime import timedelta
from urllib.parse import unquote_plus

import pytest
import time_machine
from django.db import DatabaseError, connection, transaction
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from agreements.models import AgreementKind
from client_page.conftest import path_of
from clients.models import AccountStatus, AppUser
from conftest import ROLES, as_role
from contact.models import HOLD
from contracts import issuing, signing
from contracts.conftest import code_sent_to, sign
from copies import codes
from copies.conftest import (
    Reader,
    backdate_codes,
    code_for,
    newest_message,
    number_in,
    open_documents,
    set_password,
    work,
    wrong,
)
from copies.models import OPEN_FOR, CopyCode
from managers import limits
from messaging.codes import CODE_LIFETIME, MAX_ATTEMPTS_PER_CODE
from messaging.delivery import send_next
from messaging.models import Channel, OutgoingMessage
from support import bridge
from support.models import Author, LogEntry, MaskedMessage, Message, Ticket

pytestmark = pytest.mark.django_db

UNKNOWN = "ИВ-200101-99"


def page_of(response) -> str:
    """The page without what differs in every response."""
    return re.sub(r'name="csrfmiddlewaretoken" value="[^"]+"', "", response.text)


def answers(number: str) -> list[str]:
    """What a new browser gets for this number: to the request, to wrong codes, to another request, and the queries."""
    reader, shown = Reader(), []

    def note(function, *args):
        with CaptureQueriesContext(connection) as queries:
            response = function(*args)
        headers = {name: value for name, value in response.headers.items() if name != "X-Request-ID"}
        headers["Location"] = unquote_plus(headers.get("Location", ""))
        parts = response.status_code, headers, sorted(response.cookies), len(queries), page_of(response)
        shown.append(str(parts).replace(number, "NUMBER"))

    note(reader.post_number, number)
    work()
    note(reader.browser.get, f"{reverse('copies:code')}?number={number}")
    for _ in range(MAX_ATTEMPTS_PER_CODE + 1):
        note(reader.enter, number, "00000000")
    note(reader.post_number, number)
    return shown


def test_unknown_number_gets_the_same_answers(signed):
    answers("ИВ-200101-97")  # the first of all creates rows of the rate limits
    with time_machine.travel(timezone.now(), tick=False):
        assert answers(signed.number) == answers(UNKNOWN)
    assert Message.objects.filter(body__contains="откроет копии").count() == 1


def test_code_opens_the_documents(signed):
    reader = Reader()
    response = reader.request(signed.number)
    assert number_in(response) == signed.number
    assert signed.number in reader.browser.get(response.url).text

    assert reader.enter(signed.number, code_for(signed.client)).status_code == 302
    page = reader.documents()
    assert page.status_code == 200
    assert f"Договор {signed.number}" in page.text
    assert LogEntry.objects.filter(body="Клиент открыл копии своих документов по коду").exists()


def test_staff_never_see_the_digits(signed):
    Reader().request(signed.number)
    message, code = Message.objects.get(pk=newest_message(signed.client).provider_id), code_for(signed.client)
    masked = MaskedMessage.objects.get(message=message).body
    digits = re.compile(rf"{code[:4]}\s?{code[4:]}")
    assert digits.search(message.body)
    assert not digits.search(masked)
    assert not any(digits.search(entry.body) for entry in LogEntry.objects.all())
    assert code not in CopyCode.objects.get().code_hash


def test_code_goes_to_the_app_by_default(signed, gateway):
    set_password(signed.client)
    Reader().request(signed.number)
    assert newest_message(signed.client).channel == Channel.APP


@pytest.mark.parametrize("channel", [Channel.SMS, Channel.EMAIL])
def test_code_goes_where_the_client_wants_it(signed, gateway, channel):
    Reader().request(signed.number, channel=channel.value)
    assert newest_message(signed.client).channel == channel


def test_code_goes_to_the_best_channel_if_the_chosen_one_is_not_allowed(signed, gateway):
    """The agreement names another phone and e-mail."""
    set_password(signed.client)
    signed.client.user.update_contact(**signed.client.user.contact | {"phone": "9031112200"}, now=timezone.now())
    Reader().request(signed.number, channel="sms")
    assert newest_message(signed.client).channel == Channel.APP


def test_contact_that_nobody_confirmed_gets_no_code(signed, gateway, anna):
    """The new e-mail resets the app's password, so the app is no other channel."""
    client = signed.client
    client.contact_changes.create(
        requested_at=timezone.now(), requested_by=anna, applied_at=timezone.now(), way="unconfirmed",
        held_until=timezone.now() + HOLD, new_email_hash="a" * 64, new_phone_hash="b" * 64,
    )  # fmt: skip
    before = OutgoingMessage.objects.count()
    assert Reader().request(signed.number).status_code == 302
    assert OutgoingMessage.objects.count() == before


@pytest.mark.parametrize("status", [AccountStatus.BLOCKED, AccountStatus.DELETED])
def test_closed_account_gets_no_code_in_the_app(signed, status):
    AppUser.objects.filter(pk=signed.client.user_id).update(status=status)
    assert Reader().request(signed.number).status_code == 302
    assert CopyCode.objects.get().client is None


def test_account_blocked_since_the_code_was_sent_opens_nothing(signed):
    reader = Reader()
    reader.request(signed.number)
    AppUser.objects.filter(pk=signed.client.user_id).update(status=AccountStatus.BLOCKED)
    assert reader.enter(signed.number, code_for(signed.client)).status_code == 422


def test_client_without_a_password_gets_an_sms_instead_of_a_message_in_the_app(signed, gateway):
    Reader().request(signed.number, channel="app")
    assert newest_message(signed.client).channel == Channel.SMS


def test_sms_is_not_sent_to_a_phone_that_was_changed_before(signed, gateway):
    Reader().request(signed.number, channel="sms")
    signed.client.user.update_contact(**signed.client.user.contact | {"phone": "9031112200"}, now=timezone.now())
    with as_role(ROLES.maintenance):
        send_next()
    message = newest_message(signed.client)
    assert (message.state, message.problem) == ("failed", "контакт клиента изменился")


def test_deleted_account_gets_no_code(make, signed):
    make.delete_account(signed.client)
    assert Reader().request(signed.number).status_code == 302
    assert CopyCode.objects.get().client is None


def test_second_code_within_a_minute_is_not_sent(signed):
    reader = Reader()
    reader.request(signed.number)
    reader.request(signed.number)
    assert CopyCode.objects.count() == 1
    assert reader.enter(signed.number, code_for(signed.client)).status_code == 302


def test_new_code_replaces_the_earlier_one(signed):
    reader = Reader()
    reader.request(signed.number)
    first = code_for(signed.client)
    backdate_codes()
    reader.request(signed.number)
    second = code_for(signed.client)
    assert first != second
    assert reader.enter(signed.number, first).status_code == 422
    assert reader.enter(signed.number, second).status_code == 302


def test_stranger_does_not_make_the_client_s_code_useless(signed):
    """Neither with requests nor with wrong codes."""
    reader, stranger = Reader(), Reader(ip="198.51.100.1")
    reader.request(signed.number)
    code = code_for(signed.client)
    stranger.request(signed.number)
    for _ in range(MAX_ATTEMPTS_PER_CODE + 1):
        stranger.enter(signed.number, "00000000")
    assert stranger.enter(signed.number, code).status_code == 422
    assert reader.enter(signed.number, code).status_code == 302


def codes_after(number: str, addresses: list[str]) -> int:
    """Request a code from new browsers at these addresses. Return how many codes were sent in all."""
    for ip in addresses:
        Reader(ip=ip).request(number)
    return CopyCode.objects.exclude(client=None).count()


def test_codes_per_day_are_limited_per_address_and_client(signed):
    one = ["198.51.100.1"] * 7
    assert codes_after(signed.number, one) == codes.MAX_CODES_PER_DAY_AND_ADDRESS
    many = [f"198.51.100.{number}" for number in range(2, 10)]
    assert codes_after(signed.number, many) == codes.MAX_CODES_PER_DAY
    with time_machine.travel(timezone.now() + timedelta(days=1, minutes=1), tick=True):
        assert codes_after(signed.number, one[:1]) == codes.MAX_CODES_PER_DAY + 1


def test_expensive_messages_are_limited_and_then_codes_go_to_the_app(signed, gateway, monkeypatch):
    monkeypatch.setattr(limits, "COPY_MESSAGES", limits.RateLimit("copy messages", 1, per=timedelta(hours=1)))
    for channel in (Channel.SMS, Channel.APP):
        Reader().request(signed.number, channel="sms")
        assert newest_message(signed.client).channel == channel


def test_old_requests_for_unknown_numbers_are_deleted(signed):
    Reader().request(UNKNOWN)
    Reader().request(signed.number)
    with time_machine.travel(timezone.now() + timedelta(days=1, minutes=1), tick=True):
        work()
    assert CopyCode.objects.get().client == signed.client


def test_request_that_the_worker_finds_too_late_sends_nothing(signed):
    reader = Reader()
    reader.post_number(signed.number)
    with time_machine.travel(timezone.now() + CODE_LIFETIME, tick=True):
        work()
    request = CopyCode.objects.get()
    assert (request.client, bool(request.handled_at)) == (None, True)


def test_code_does_not_count_as_an_answer_to_the_client(signed):
    """Its ticket is another one, so that a question of the client stays open."""
    ticket = Ticket.objects.get(user=signed.client.user_id)
    question = Message.objects.create(ticket=ticket, author=Author.USER, body="Когда приедет мастер?")
    Reader().request(signed.number)
    assert ticket.messages.latest("created_at") == question
    assert Ticket.objects.get(subject=bridge.COPY_SUBJECT).messages.count() == 1


@pytest.mark.parametrize("network", ["one", "many"])
def test_requests_are_limited_by_network_and_in_total(signed, network, monkeypatch):
    at_most = limits.COPY_REQUESTS.at_most
    if network == "many":
        monkeypatch.setattr(limits, "ALL_COPY_REQUESTS", limits.RateLimit("all", at_most, per=timedelta(hours=1)))
    addresses = [f"198.51.{number if network == 'many' else 100}.7" for number in range(at_most + 1)]
    responses = [Reader(ip=ip).post_number(UNKNOWN) for ip in addresses]
    assert [response.status_code for response in responses] == [302] * at_most + [429]
    assert "Попробуйте через" in responses[-1].text
    assert responses[-1].headers["Retry-After"]


def test_entered_codes_are_limited_by_network(signed):
    reader, neighbour = Reader(), Reader(ip="198.51.100.9")
    reader.request(UNKNOWN)
    neighbour.request(UNKNOWN)
    statuses = {reader.enter(UNKNOWN, "00000000").status_code for _ in range(limits.COPY_CODES.at_most)}
    assert statuses == {422}
    assert reader.enter(UNKNOWN, "00000000").status_code == 429
    assert neighbour.enter(UNKNOWN, "00000000").status_code == 422


def test_code_is_valid_for_five_attempts(signed):
    reader = Reader()
    reader.request(signed.number)
    code = code_for(signed.client)
    for _ in range(MAX_ATTEMPTS_PER_CODE):
        assert reader.enter(signed.number, wrong(code)).status_code == 422
    assert reader.enter(signed.number, code).status_code == 422


def test_code_is_valid_for_ten_minutes(signed):
    reader = Reader()
    reader.request(signed.number)
    code = code_for(signed.client)
    with time_machine.travel(timezone.now() + CODE_LIFETIME, tick=False):
        assert reader.enter(signed.number, code).status_code == 422


def test_code_opens_the_documents_once_and_in_the_browser_of_the_request(signed):
    reader = Reader()
    reader.request(signed.number)
    code = code_for(signed.client)
    opened = path_of(reader.enter(signed.number, code))
    assert opened == reader.url("documents")
    assert path_of(reader.enter(signed.number, code)) == opened, "the second of two clicks"
    assert path_of(Reader().enter(signed.number, code)) == reverse("copies:start")
    reader.close()
    assert path_of(reader.enter(signed.number, code)) == reverse("copies:start")


def test_code_of_another_client_opens_nothing(make, signed, anna):
    other = sign(issuing.issue(make.awaiting_contract(anna), by=anna), anna)
    reader = Reader()
    reader.request(signed.number)
    reader.request(other.number)
    assert reader.enter(other.number, code_for(signed.client)).status_code == 422


def test_signing_code_opens_nothing(issued, anna):
    """Nor would its six digits be enough."""
    signing.request_code(issued, by=anna)
    reader = Reader()
    reader.request(issued.number)
    assert reader.enter(issued.number, code_sent_to(issued.client)).status_code == 422


def test_documents_are_open_for_half_an_hour_in_one_browser(signed):
    reader = open_documents(signed.client, signed.number)
    stranger = Reader()
    stranger.pk = reader.pk
    stranger.browser.cookies.load({"client": "guess"})
    unknown = Reader()
    unknown.pk = uuid.uuid4()
    assert stranger.documents().status_code == unknown.documents().status_code == 404
    assert page_of(stranger.documents()) == page_of(unknown.documents())

    with time_machine.travel(timezone.now() + OPEN_FOR - timedelta(seconds=1), tick=False):
        assert reader.documents().status_code == 200
    with time_machine.travel(timezone.now() + OPEN_FOR, tick=False):
        assert reader.documents().status_code == 404
        assert reader.browser.get(reader.url("file", "contract", signed.pk)).status_code == 404


def test_documents_can_be_closed(reader, signed):
    closed = reader.close()
    assert closed.url == f"{reverse('copies:start')}?closed=1"
    assert "Документы закрыты." in reader.browser.get(closed.url).text
    assert reader.documents().status_code == 404
    assert "Документы закрыты" in reader.documents().text


def test_entered_code_is_not_changed_in_the_database(reader):
    later = timezone.now() + timedelta(days=1)
    for values in ({"browser_hash": "f" * 64}, {"number": UNKNOWN}, {"open_until": later}, {"used_at": later}):
        with pytest.raises(DatabaseError), transaction.atomic():
            CopyCode.objects.filter(pk=reader.pk).update(**values)


def test_client_without_sms_agreement_gets_no_sms(signed, gateway):
    """The agreement was withdrawn, so only the app is left."""
    for agreement in signed.client.agreements.filter(kind=AgreementKind.ELECTRONIC_SIGNATURE):
        agreement.withdraw(by=None, reason="нет", now=timezone.now())
    Reader().request(signed.number, channel="sms")
    assert newest_message(signed.client).channel == Channel.APP
