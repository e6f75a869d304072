"""The code with which the client confirms a change: where it goes, what it says, how often it may be tried."""

from datetime import timedelta

import pgtrigger
import pytest
import time_machine
from django.conf import settings as django_settings
from django.db import DatabaseError, transaction
from django.db.models import F
from django.utils import timezone

from agreements.models import AgreementKind
from clients.models import AppUser
from conftest import ROLES, as_role
from contact import changes, codes
from contact.conftest import NEW_EMAIL, NEW_PHONE, OLD_PHONE, code_for, request_change, wrong
from contact.models import ContactChange, ContactCode, Way
from contact.refusals import (
    ChangeClosed,
    ChannelUnavailable,
    CodeLate,
    CodeNotSent,
    CodesLocked,
    CodeTooSoon,
    CodeUsedUp,
    CodeWrong,
    ContactDiffers,
    TooManyCodes,
)
from contact.test_changes import phone_of
from contact.test_contact import log
from managers import limits
from managers.limits import TooManyTries
from messaging.codes import HOUR
from messaging.models import Channel
from support.models import MaskedMessage, Message

pytestmark = pytest.mark.django_db


def send(change, by, channel: Channel = Channel.APP) -> str:
    """Send a code and return it; earlier codes are an hour old."""
    age_codes()
    codes.send_code(change, channel, by=by)
    return code_for(change.client)


def age_codes() -> None:
    with as_role(ROLES.maintenance), pgtrigger.ignore("contact.ContactCode:code_is_frozen"):
        ContactCode.objects.update(sent_at=F("sent_at") - HOUR, expires_at=F("expires_at") - HOUR)


@pytest.mark.parametrize(("channel", "recipient"), [("app", ""), ("sms", OLD_PHONE), ("email", "petr@mail.example")])
def test_code_to_the_old_contact_confirms_the_change(change, protected, anna, gateway, channel, recipient):
    code = send(change, anna, Channel(channel))

    message = ContactCode.objects.get().message
    assert (message.channel, message.content.recipient if message.content else "") == (channel, recipient)
    codes.enter_code(change, code, by=anna)

    change.refresh_from_db()
    assert (phone_of(protected), change.way, change.held_until) == (NEW_PHONE, Way.CODE, None)
    assert ContactCode.objects.get().used_at


def test_message_says_what_the_code_allows(change, anna):
    code = send(change, anna)
    assert Message.objects.get().body == (
        "Менеджер Анна Смирнова меняет телефон вашей учётной записи «Привет Супер» на номер, который оканчивается на"
        f" …66-77. Если вы согласны, назовите менеджеру код {code[:3]} {code[3:]}. Код действует 10 минут. Если нет,"
        f" никому его не называйте и сообщите нам: {django_settings.COMPANY_PHONE}."
    )


@pytest.mark.parametrize(
    ("new", "text"),
    [
        ({"email": NEW_EMAIL}, "меняет электронную почту вашей учётной записи «Привет Супер»: n…@mail.example."),
        ({"email": None}, "удаляет электронную почту вашей учётной записи «Привет Супер»."),
        ({"phone": NEW_PHONE, "email": NEW_EMAIL}, "оканчивается на …66-77 и меняет электронную почту"),
    ],
)
def test_message_describes_every_kind_of_change(protected, anna, new, text):
    send(request_change(protected, anna, **new), anna)
    assert text in Message.objects.get().body


def test_staff_never_read_the_code(change, protected, anna, settings):
    settings.MASK_CODE_IN_MANAGER_LOG = False
    code = send(change, anna)
    assert f"{code[:3]} {code[3:]}" not in " ".join(log(protected)) + MaskedMessage.objects.get().body
    assert "код ••••••" in log(protected)[-1]


def test_code_to_the_phone_confirms_the_phone(protected, anna, gateway, make):
    change = request_change(protected, anna, email=NEW_EMAIL)
    assert not make.fresh(protected).has_confirmed_phone
    codes.enter_code(change, send(change, anna, Channel.SMS), by=anna)
    assert make.fresh(protected).has_confirmed_phone


def test_code_in_the_app_does_not_confirm_the_phone(protected, anna, make):
    change = request_change(protected, anna, email=NEW_EMAIL)
    codes.enter_code(change, send(change, anna), by=anna)
    assert not make.fresh(protected).has_confirmed_phone


def test_channels_are_those_at_which_the_client_was_before(protected, anna, gateway, settings, make):
    def channels(client):
        return codes.code_channels(make.fresh(client), timezone.now())

    assert channels(protected) == [Channel.APP, Channel.SMS, Channel.EMAIL]
    AppUser.objects.filter(pk=protected.user_id).update(status="blocked")
    assert channels(protected) == [Channel.SMS, Channel.EMAIL]
    agreement = protected.agreements.get()
    agreement.withdraw(by=anna, reason="тест", now=timezone.now())
    assert channels(protected) == []


def test_client_without_a_password_gets_no_code_in_the_app(confirmed, gateway):
    assert codes.code_channels(confirmed, timezone.now()) == [Channel.SMS, Channel.EMAIL]


@pytest.mark.parametrize("phone", ["not a number", "4951232323", "9٠٠٠٠٠٠٠٠٠"])
@pytest.mark.parametrize("email", [None, "none", "a b@mail.example"])
def test_contact_that_can_receive_nothing_gets_no_code(make, anna, gateway, phone, email):
    client = make.verified(anna, phone=phone, email=email, password_hash="set in the app")
    make.agreement(client, anna, AgreementKind.ELECTRONIC_SIGNATURE)
    assert codes.code_channels(client, timezone.now()) == [Channel.APP]


def test_code_never_goes_to_a_contact_that_is_held(confirmed, anna, gateway, make):
    """Otherwise a new phone would confirm the next change."""
    changes.apply_unconfirmed(request_change(confirmed, anna, phone=NEW_PHONE), by=anna)
    confirmed = make.fresh(confirmed)
    confirmed.mark_phone_confirmed(NEW_PHONE)
    confirmed.agreements.get().withdraw(by=anna, reason="тест", now=timezone.now())
    make.agreement(confirmed, anna, AgreementKind.ELECTRONIC_SIGNATURE)

    change = request_change(confirmed, anna, email=NEW_EMAIL)

    assert codes.code_channels(change.client, timezone.now()) == [Channel.EMAIL]
    with pytest.raises(ChannelUnavailable):
        codes.send_code(change, Channel.SMS, by=anna)


def test_wrong_codes_are_counted_and_end_the_code(change, protected, anna):
    code = send(change, anna)
    for left in (4, 3, 2, 1, 0):
        with pytest.raises(CodeWrong, match=f"попыток: {left}" if left else "Попыток больше нет"):
            codes.enter_code(change, wrong(code), by=anna)
    with pytest.raises(CodeUsedUp):
        codes.enter_code(change, code, by=anna)
    assert phone_of(protected) == OLD_PHONE


def test_another_change_does_not_reset_the_count(change, protected, anna):
    for _ in range(2):
        code = send(change, anna)
        for _ in range(5):
            with pytest.raises(CodeWrong):
                codes.enter_code(change, wrong(code), by=anna)
        change = request_change(protected, anna, phone=f"903000000{ContactChange.objects.count()}")
    with pytest.raises(CodesLocked):
        codes.send_code(change, Channel.APP, by=anna)


def test_wrong_code_counts_even_if_the_change_could_not_be_written(change, anna):
    code = send(change, anna)
    AppUser.objects.update(phone="9030000000")
    with pytest.raises(CodeWrong):
        codes.enter_code(change, wrong(code), by=anna)
    assert ContactCode.objects.get().failed_tries == 1
    with pytest.raises(ContactDiffers):
        codes.enter_code(change, code, by=anna)


def test_count_cannot_be_reset(change, anna):
    code = send(change, anna)
    with pytest.raises(CodeWrong):
        codes.enter_code(change, wrong(code), by=anna)
    with pytest.raises(DatabaseError), transaction.atomic():
        ContactCode.objects.update(failed_tries=0)


def test_code_is_bound_to_its_change(change, protected, anna):
    code = send(change, anna)
    other = request_change(protected, anna, phone="9030000000")

    with pytest.raises(CodeNotSent):
        codes.enter_code(other, code, by=anna)
    with pytest.raises(ChangeClosed):
        codes.enter_code(change, code, by=anna)
    row = ContactCode.objects.get()
    row.change = other
    assert not row.matches(code)


def test_only_the_newest_code_confirms(change, anna):
    first, second = send(change, anna), send(change, anna)
    if first != second:
        with pytest.raises(CodeWrong):
            codes.enter_code(change, first, by=anna)
    codes.enter_code(change, second, by=anna)


def test_repeated_entry_changes_nothing(change, protected, anna):
    code = send(change, anna)
    for _ in range(2):
        codes.enter_code(change, code, by=anna)
    assert len([entry for entry in log(protected) if "Записано изменение" in entry]) == 1


def test_late_code_is_refused(change, anna):
    code = send(change, anna)
    with time_machine.travel(timezone.now() + timedelta(minutes=10)), pytest.raises(CodeLate):
        codes.enter_code(change, code, by=anna)


def test_codes_are_limited_per_client_and_per_manager(change, anna):
    with time_machine.travel(timezone.now(), tick=False) as clock:
        codes.send_code(change, Channel.APP, by=anna)
        with pytest.raises(CodeTooSoon):
            codes.send_code(change, Channel.APP, by=anna)
        for _ in range(4):
            clock.shift(60)
            codes.send_code(change, Channel.APP, by=anna)
        clock.shift(60)
        with pytest.raises(TooManyCodes):
            codes.send_code(change, Channel.APP, by=anna)
        clock.shift(3600)
        for _ in range(limits.CODES.at_most):
            limits.CODES.consume(anna)
        with pytest.raises(TooManyTries, match="Слишком много кодов"):
            codes.send_code(change, Channel.APP, by=anna)


def test_unknown_channel_is_refused(change, anna):
    with pytest.raises(ChannelUnavailable):
        codes.send_code(change, Channel.SMS, by=anna)
    assert not ContactCode.objects.exists()
