"""The codes: where they go, how many, how long they are valid, and that unknown numbers get the same answers."""

import re
import uuid
from datetime import timedelta
from urllib.parse import unquote_plus

import pytest
import time_machine
from django.db import DatabaseError, transaction
from django.urls import reverse
from django.utils import timezone

from agreements.models import AgreementKind
from clients.models import AccountStatus, AppUser
from contact.models import HOLD
from contracts import issuing, signing
from contracts.conftest import code_sent_to, sign, wrong_code
from copies import codes
from copies.conftest import Reader, backdate_codes, code_for, newest_message, number_in, open_documents, set_password
from copies.models import OPEN_FOR, CopyCode
from managers import limits
from messaging.codes import CODE_LIFETIME, MAX_ATTEMPTS_PER_CODE, MAX_CODES_PER_HOUR
from messaging.models import Channel, OutgoingMessage
from support.models import LogEntry, MaskedMessage, Message

pytestmark = pytest.mark.django_db

UNKNOWN = "ИВ-200101-99"


def page_of(response) -> str:
    """The page without what differs in every response: the form token, the number."""
    return re.sub(r'name="csrfmiddlewaretoken" value="[^"]+"', "", response.text)


def answers(number: str, code: str) -> list[tuple[int, str]]:
    """What a new browser gets for this number: to the request, to a wrong code, and to the next request."""
    reader = Reader()
    requested = reader.request(number)
    shown = reader.browser.get(requested.url)
    entered = reader.enter(number, code)
    again = reader.request(number)
    pages = [shown, entered, reader.browser.get(again.url)]
    return [
        *((response.status_code, unquote_plus(response.url).replace(number, "")) for response in (requested, again)),
        *((page.status_code, page_of(page).replace(number, "")) for page in pages),
    ]


def test_unknown_number_gets_the_same_answers(signed):
    assert answers(signed.number, "000000") == answers(UNKNOWN, "000000")
    assert CopyCode.objects.count() == 1


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
    digits = re.compile(rf"{code[:3]}\s?{code[3:]}")
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


def test_code_goes_to_the_best_channel_if_the_chosen_one_is_not_allowed(make, signed, gateway, anna):
    """The agreement names another phone and e-mail."""
    set_password(signed.client)
    signed.client.user.update_contact(**signed.client.user.contact | {"phone": "9031112200"}, now=timezone.now())
    Reader().request(signed.number, channel="sms")
    assert newest_message(signed.client).channel == Channel.APP


def test_contact_that_nobody_confirmed_gets_no_code(signed, gateway, gleb, anna, make):
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
    assert not CopyCode.objects.exists()


def test_deleted_account_gets_no_code(make, signed):
    make.delete_account(signed.client)
    assert Reader().request(signed.number).status_code == 302
    assert not CopyCode.objects.exists()


def test_second_code_within_a_minute_is_not_sent(signed):
    reader = Reader()
    reader.request(signed.number)
    reader.request(signed.number)
    assert CopyCode.objects.count() == 1


def test_new_code_replaces_the_earlier_one(signed):
    reader = Reader()
    reader.request(signed.number)
    first = code_for(signed.client)
    backdate_codes()
    reader.request(signed.number)
    second = code_for(signed.client)
    if first != second:
        assert reader.enter(signed.number, first).status_code == 422
    assert reader.enter(signed.number, second).status_code == 302


def request_many(number: str, times: int) -> None:
    for _ in range(times):
        Reader(ip="198.51.100.1").request(number)
        backdate_codes()


def test_codes_per_hour_and_per_day_are_limited(signed):
    start = timezone.now()
    request_many(signed.number, MAX_CODES_PER_HOUR + 2)
    assert CopyCode.objects.count() == MAX_CODES_PER_HOUR
    for hours in (2, 4):
        with time_machine.travel(start + timedelta(hours=hours), tick=True):
            request_many(signed.number, MAX_CODES_PER_HOUR + 2)
    assert CopyCode.objects.count() == codes.MAX_CODES_PER_DAY
    with time_machine.travel(start + timedelta(hours=30), tick=True):
        request_many(signed.number, 1)
    assert CopyCode.objects.count() == codes.MAX_CODES_PER_DAY + 1


@pytest.mark.parametrize("network", ["one", "many"])
def test_requests_are_limited_by_network_and_in_total(signed, network, monkeypatch):
    if network == "many":
        monkeypatch.setattr(limits, "ALL_COPY_REQUESTS", limits.RateLimit("all", 20, per=timedelta(hours=1)))
    addresses = [f"198.51.{number if network == 'many' else 100}.7" for number in range(21)]
    responses = [Reader(ip=ip).request(UNKNOWN) for ip in addresses]
    assert [response.status_code for response in responses] == [302] * 20 + [429]
    assert "Попробуйте через" in responses[-1].text
    assert responses[-1].headers["Retry-After"]


def test_entered_codes_are_limited_by_network(signed):
    reader = Reader()
    statuses = {reader.enter(UNKNOWN, "000000").status_code for _ in range(limits.COPY_CODES.at_most)}
    assert statuses == {422}
    assert reader.enter(UNKNOWN, "000000").status_code == 429
    assert Reader(ip="198.51.100.9").enter(UNKNOWN, "000000").status_code == 422


def test_code_is_valid_for_five_attempts(signed):
    reader = Reader()
    reader.request(signed.number)
    code = code_for(signed.client)
    for _ in range(MAX_ATTEMPTS_PER_CODE):
        assert reader.enter(signed.number, wrong_code(code)).status_code == 422
    assert reader.enter(signed.number, code).status_code == 422


def test_code_is_valid_for_ten_minutes_and_once(signed):
    reader = Reader()
    reader.request(signed.number)
    code = code_for(signed.client)
    with time_machine.travel(timezone.now() + CODE_LIFETIME, tick=False):
        assert reader.enter(signed.number, code).status_code == 422
    assert reader.enter(signed.number, code).status_code == 302
    assert Reader().enter(signed.number, code).status_code == 422


def test_wrong_codes_of_a_month_are_counted_together(signed):
    reader, start = Reader(), timezone.now()
    for number in range(codes.MAX_ATTEMPTS // MAX_ATTEMPTS_PER_CODE):
        with time_machine.travel(start + timedelta(days=number), tick=True):
            reader.request(signed.number)
            code = code_for(signed.client)
            for _ in range(MAX_ATTEMPTS_PER_CODE):
                reader.enter(signed.number, wrong_code(code))
    sent = CopyCode.objects.count()
    with time_machine.travel(start + timedelta(days=10), tick=True):
        reader.request(signed.number)
        assert CopyCode.objects.count() == sent
    with time_machine.travel(start + codes.COUNTED_FOR + timedelta(days=1), tick=True):
        reader.request(signed.number)
        assert CopyCode.objects.count() == sent + 1


def test_code_of_another_client_opens_nothing(make, signed, anna):
    other = sign(issuing.issue(make.awaiting_contract(anna), by=anna), anna)
    reader = Reader()
    reader.request(signed.number)
    reader.request(other.number)
    if code_for(signed.client) != code_for(other.client):
        assert reader.enter(other.number, code_for(signed.client)).status_code == 422


def test_signing_code_opens_nothing(issued, anna):
    signing.request_code(issued, by=anna)
    assert Reader().enter(issued.number, code_sent_to(issued.client)).status_code == 422


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
    for values in ({"browser_hash": "f" * 64}, {"open_until": later}, {"used_at": later}):
        with pytest.raises(DatabaseError), transaction.atomic():
            CopyCode.objects.filter(pk=reader.pk).update(**values)


def test_client_without_sms_agreement_gets_no_sms(make, signed, gateway):
    """The agreement was withdrawn, so only the app is left."""
    for agreement in signed.client.agreements.filter(kind=AgreementKind.ELECTRONIC_SIGNATURE):
        agreement.withdraw(by=None, reason="нет", now=timezone.now())
    Reader().request(signed.number, channel="sms")
    assert newest_message(signed.client).channel == Channel.APP
