"""Changes of phone and e-mail by a manager: what is written when, and who is told."""

from datetime import timedelta

import pytest
from django.db import DatabaseError, IntegrityError, transaction
from django.utils import timezone

from agreements.models import AgreementKind
from clients.exceptions import ClientErased
from clients.models import AppUser, ClientReassigned, Status
from conftest import ROLES, as_role, execute_in_app
from contact import changes, codes
from contact.conftest import NEW_EMAIL, NEW_PHONE, OLD_EMAIL, OLD_PHONE, code_for, request_change
from contact.models import ChangeState, ContactChange, Way
from contact.refusals import (
    AccountClosed,
    ChangeClosed,
    ConfirmationNeeded,
    ContactDiffers,
    ContactTaken,
    NotAsked,
    NotPermitted,
    OwnRequest,
)
from contact.test_contact import log
from managers import cipher, limits
from managers.limits import TooManyTries
from managers.models import Manager, Role
from messaging.models import Channel, OutgoingMessage, Purpose
from support.models import Message

pytestmark = pytest.mark.django_db


def phone_of(client) -> str:
    return AppUser.objects.get(pk=client.user_id).phone


def notices(client) -> list[tuple[str, str]]:
    """Channel and recipient of the notices to the client, in order."""
    sent = OutgoingMessage.objects.filter(client=client, purpose=Purpose.NOTICE).order_by("created_at", "channel")
    return sorted((message.channel, message.content.recipient if message.content else "") for message in sent)


# What has to be confirmed


@pytest.mark.parametrize("new", [{"phone": NEW_PHONE}, {"email": NEW_EMAIL}, {"email": None}])
def test_contact_of_a_protected_account_stays_until_the_change_is_confirmed(protected, anna, new):
    change = request_change(protected, anna, name="Иванов Павел", address="г. Орёл", **new)

    user = AppUser.objects.get()
    assert (user.phone, user.email, user.name, user.address) == (OLD_PHONE, OLD_EMAIL, "Иванов Павел", "г. Орёл")
    assert (change.state, change.fields, change.values.new) == (ChangeState.WAITING, tuple(new), new)
    assert "Исправлено: имя, адрес." in log(protected)
    assert notices(protected) == []


def test_new_client_is_claimed_with_the_old_contact(make, anna):
    client = make.client(phone=OLD_PHONE, password_hash="set in the app")

    assert request_change(client, anna, phone=NEW_PHONE).is_open
    client = make.fresh(client)
    assert (client.status, client.manager, client.user.phone) == (Status.IN_VERIFICATION, anna, OLD_PHONE)


def test_first_email_of_a_protected_account_is_a_change(make, anna):
    client = make.verified(anna, email=None, password_hash="set in the app")
    assert request_change(client, anna, email=NEW_EMAIL).values.new == {"email": NEW_EMAIL}


def sign_in_to_app(client) -> None:
    execute_in_app("CREATE TABLE sessions (user_id uuid NOT NULL, refresh_token varchar NOT NULL)")
    execute_in_app("INSERT INTO sessions VALUES (%s, 'secret')", [client.user_id])


def test_account_with_a_session_in_the_app_is_protected(unknown, make, anna):
    other = make.verified(anna)
    sign_in_to_app(unknown)

    assert request_change(unknown, anna, phone=NEW_PHONE).is_open
    assert request_change(other, anna, phone="9035556600") is None


def test_phone_that_was_confirmed_by_a_code_has_to_be_confirmed(confirmed, anna):
    assert request_change(confirmed, anna, phone=NEW_PHONE).is_open
    assert phone_of(confirmed) == OLD_PHONE


def test_confirmation_of_another_phone_does_not_count(confirmed, anna):
    AppUser.objects.update(phone="9030000000")
    assert request_change(confirmed, anna, phone=NEW_PHONE) is None


def test_change_of_an_unknown_contact_is_written_at_once_and_recorded(unknown, anna):
    assert request_change(unknown, anna, phone=NEW_PHONE) is None

    change = ContactChange.objects.get()
    assert (phone_of(unknown), change.way, change.held_until) == (NEW_PHONE, Way.FREE, None)
    assert (change.requested_by, change.new_phone_hash) == (anna, cipher.keyed_hash(NEW_PHONE))
    assert changes.held_channels(unknown, timezone.now()) == set()
    assert change.values is None


def test_empty_email_is_none(make, anna):
    client = make.verified(anna, email=None, password_hash="set in the app")
    AppUser.objects.update(email="")
    assert request_change(client, anna, email=None, address="г. Орёл") is None
    assert not ContactChange.objects.exists()


def test_unchanged_contact_is_no_change(protected, anna):
    assert request_change(protected, anna, address="г. Орёл") is None
    assert not ContactChange.objects.exists()


def test_repeated_request_is_the_same_change(change, protected, anna):
    assert request_change(protected, anna, phone=NEW_PHONE) == change
    assert ContactChange.objects.count() == 1
    assert len([entry for entry in log(protected) if "Запрошено" in entry]) == 1


def test_another_request_cancels_the_earlier_one(change, protected, anna):
    newer = request_change(protected, anna, phone="9030000000")

    change.refresh_from_db()
    assert (change.state, change.cancelled_by, change.values) == (ChangeState.CANCELLED, anna, None)
    assert (newer.is_open, ContactChange.objects.open().count()) == (True, 1)


def test_request_of_a_manager_who_lost_the_client_is_replaced(change, protected, boris, gleb):
    protected.reassign(to=boris, by=gleb)
    newer = request_change(protected, boris, phone=NEW_PHONE)
    change.refresh_from_db()
    assert (change.state, newer.requested_by, newer.is_open) == (ChangeState.CANCELLED, boris, True)


def test_change_waits_while_other_data_is_saved(change, protected, anna):
    assert request_change(protected, anna, address="г. Орёл") is None
    change.refresh_from_db()
    assert change.is_open


# An admin decides


def test_approved_change_is_written_and_the_client_is_told(asked, protected, gleb, anna, gateway):
    changes.approve(asked, by=gleb, note="Звонил")

    asked.refresh_from_db()
    assert (asked.way, asked.decided_by, asked.decision_note) == (Way.APPROVAL, gleb, "Звонил")
    assert (asked.held_until, asked.requested_by, asked.values) == (None, anna, None)
    assert phone_of(protected) == NEW_PHONE
    assert notices(protected) == [("app", ""), ("email", OLD_EMAIL), ("sms", OLD_PHONE)]
    body = Message.objects.latest("created_at").body
    assert "Телефон вашей учётной записи «Привет Супер»: изменён, новый телефон оканчивается на …66-77." in body
    assert "Анна Смирнова" in body
    assert NEW_PHONE not in body


def test_client_is_told_of_a_first_email_at_the_phone(make, anna, gateway):
    """Who has no password does not read the app."""
    client = make.verified(anna, phone=OLD_PHONE, email=None)
    make.agreement(client, anna, AgreementKind.ELECTRONIC_SIGNATURE)
    request_change(client, anna, email=NEW_EMAIL)
    assert notices(client) == [("app", ""), ("sms", OLD_PHONE)]


def test_client_is_told_at_the_old_email(protected, anna, gleb, gateway):
    change = request_change(protected, anna, email=NEW_EMAIL)
    changes.ask_admin(change, "Опечатка", by=anna)
    changes.approve(change, by=gleb, note="Звонил")
    assert notices(protected) == [("app", ""), ("email", OLD_EMAIL), ("sms", OLD_PHONE)]


def test_admins_get_an_email_without_personal_data(change, anna, gleb, gateway, settings):
    other = Manager.objects.create_user("olga@privet.example", name="Ольга", role=Role.ADMIN)
    Manager.objects.create_user("left@privet.example", name="Ушёл", role=Role.ADMIN, is_active=False)

    for _ in range(2):
        changes.ask_admin(change, "Потерял телефон", by=anna)

    sent = [message.content for message in OutgoingMessage.objects.filter(purpose=Purpose.REQUEST)]
    assert sorted(content.recipient for content in sent) == sorted([gleb.email, other.email])
    url = f"{settings.APP_BASE_URL}/contact-changes/"
    assert sent[0].body == (
        f"Менеджер Анна Смирнова просит разрешить изменение контакта клиента.\n\nПосмотреть и решить: {url}"
    )
    assert "Менеджер Анна Смирнова просит" not in " ".join(log(change.client))


def test_requests_to_admins_are_limited(asked, protected, anna, gleb, gateway, monkeypatch):
    for _ in range(limits.APPROVAL_REQUESTS.at_most - 1):
        limits.APPROVAL_REQUESTS.consume(anna)
    other = request_change(protected, anna, phone="9030000000")
    with pytest.raises(TooManyTries):
        changes.ask_admin(other, "Ещё раз", by=anna)
    other.refresh_from_db()
    assert other.asked_at is None


def test_rejected_change_is_not_written(asked, protected, gleb):
    changes.reject(asked, by=gleb, note="Не похоже")

    asked.refresh_from_db()
    assert (asked.state, asked.decided_by, asked.decision_note) == (ChangeState.REJECTED, gleb, "Не похоже")
    assert (phone_of(protected), asked.values) == (OLD_PHONE, None)
    with pytest.raises(ChangeClosed):
        changes.approve(asked, by=gleb, note="Передумал")


def test_admin_decides_only_when_asked(change, gleb):
    for decide in (changes.approve, changes.reject):
        with pytest.raises(NotAsked):
            decide(change, by=gleb, note="Сам вижу")


def test_admin_cannot_approve_their_own_request(protected, gleb):
    change = request_change(protected, gleb, phone=NEW_PHONE)
    changes.ask_admin(change, "Прошу", by=gleb)

    with pytest.raises(OwnRequest):
        changes.approve(change, by=gleb, note="Разрешаю себе")
    assert phone_of(protected) == OLD_PHONE


def test_repeated_decisions_change_nothing(asked, protected, gleb):
    for note in ("Звонил", "Ещё раз"):
        changes.approve(asked, by=gleb, note=note)
    asked.refresh_from_db()
    assert asked.decision_note == "Звонил"
    with pytest.raises(ChangeClosed):
        changes.reject(asked, by=gleb, note="")


# What is checked again before writing


def applicable_refusals(protected, asked, make, gleb, boris):
    """What happens meanwhile, and how the approval is refused."""
    return {
        "phone": (lambda: AppUser.objects.update(phone="9030000000"), ContactDiffers),
        "email": (lambda: AppUser.objects.update(email="own@mail.example"), ContactDiffers),
        "taken": (lambda: make.user(phone=NEW_PHONE), ContactTaken),
        "closed": (lambda: make.close_account(protected), AccountClosed),
        "deleted": (lambda: make.delete_account(protected), AccountClosed),
        "reassigned": (lambda: protected.reassign(to=boris, by=gleb), NotPermitted),
    }


@pytest.mark.parametrize("meanwhile", ["phone", "email", "taken", "closed", "deleted", "reassigned"])
def test_change_is_not_written_if_its_conditions_changed(protected, asked, make, gleb, boris, meanwhile):
    happens, refusal = applicable_refusals(protected, asked, make, gleb, boris)[meanwhile]
    happens()
    asked = reloaded(asked)

    with pytest.raises(refusal):
        changes.approve(asked, by=gleb, note="Звонил")

    asked.refresh_from_db()
    assert (asked.is_open, asked.decided_by) == (True, None)
    assert not AppUser.objects.filter(pk=protected.user_id, phone=NEW_PHONE).exists()


def test_reassigned_and_erased_clients_are_no_longer_changed(asked, protected, boris, gleb):
    assert asked.client.manager
    protected.reassign(to=boris, by=gleb)
    with pytest.raises(ClientReassigned):
        changes.approve(asked, by=gleb, note="Звонил")
    with as_role(ROLES.maintenance):
        type(protected).objects.filter(pk=protected.pk).update(status=Status.ERASED)
    with pytest.raises(ClientErased):
        changes.cancel(reloaded(asked), by=gleb)


def reloaded(change) -> ContactChange:
    """The change with its client as they are now."""
    return ContactChange.objects.get(pk=change.pk)


# Without a confirmation


def test_confirmed_phone_may_be_changed_without_a_confirmation_but_gets_no_codes(confirmed, anna):
    change = request_change(confirmed, anna, phone=NEW_PHONE)
    before = timezone.now()
    changes.apply_unconfirmed(change, by=anna)

    change.refresh_from_db()
    assert (phone_of(confirmed), change.way) == (NEW_PHONE, Way.UNCONFIRMED)
    assert before + timedelta(hours=24) <= change.held_until <= timezone.now() + timedelta(hours=24)
    assert changes.held_channels(confirmed, timezone.now()) == {Channel.SMS}
    assert changes.held_channels(confirmed, change.held_until) == set()


def test_new_email_holds_the_app_too(confirmed, anna):
    """Who has the e-mail can set a new password in the app."""
    changes.apply_unconfirmed(request_change(confirmed, anna, email=NEW_EMAIL), by=anna)
    assert changes.held_channels(confirmed, timezone.now()) == {Channel.EMAIL, Channel.APP}


def test_second_change_does_not_get_around_the_hold_of_the_first(confirmed, anna):
    """The new phone is not confirmed, but that does not make the account an unknown one."""
    changes.apply_unconfirmed(request_change(confirmed, anna, phone=NEW_PHONE), by=anna)
    change = request_change(confirmed, anna, email=NEW_EMAIL)
    assert change.is_open

    changes.apply_unconfirmed(change, by=anna)
    assert changes.held_channels(confirmed, timezone.now()) == {Channel.SMS, Channel.EMAIL, Channel.APP}


def test_manager_cannot_skip_the_confirmation_of_a_protected_account(change, protected, anna, gleb):
    for by in (anna, protected.manager):
        with pytest.raises(ConfirmationNeeded):
            changes.apply_unconfirmed(change, by=by)
    assert phone_of(protected) == OLD_PHONE


def test_account_that_became_protected_is_no_longer_changed_freely(confirmed, anna):
    change = request_change(confirmed, anna, phone=NEW_PHONE)
    AppUser.objects.update(password_hash="set in the app")
    with pytest.raises(ConfirmationNeeded):
        changes.apply_unconfirmed(reloaded(change), by=anna)


def test_only_admin_may_skip_the_confirmation_which_stays_visible(protected, gleb):
    change = request_change(protected, gleb, phone=NEW_PHONE)
    changes.apply_unconfirmed(change, by=gleb)

    change.refresh_from_db()
    assert (phone_of(protected), change.way, bool(change.held_until)) == (NEW_PHONE, Way.ONLY_ADMIN, True)


def test_one_of_two_admins_may_not(protected, gleb):
    other = Manager.objects.create_user("olga@privet.example", name="Ольга", role=Role.ADMIN)
    change = request_change(protected, gleb, phone=NEW_PHONE)
    with pytest.raises(ConfirmationNeeded):
        changes.apply_unconfirmed(change, by=gleb)

    Manager.objects.filter(pk=other.pk).update(is_active=False)
    changes.apply_unconfirmed(change, by=gleb)
    assert phone_of(protected) == NEW_PHONE


def test_changes_are_found_by_time(unknown, anna):
    request_change(unknown, anna, phone=NEW_PHONE)
    at = ContactChange.objects.get().applied_at
    assert changes.changed_since(unknown, at).exists()
    assert not changes.changed_since(unknown, at + timedelta(microseconds=1)).exists()


def test_cancelled_change_is_not_written(change, protected, anna):
    changes.cancel(change, by=anna)
    changes.cancel(change, by=anna)
    change.refresh_from_db()
    assert (change.state, change.cancelled_by, phone_of(protected)) == (ChangeState.CANCELLED, anna, OLD_PHONE)
    with pytest.raises(ChangeClosed):
        changes.ask_admin(change, "Поздно", by=anna)


# Facts stay


@pytest.mark.parametrize(
    "values",
    [{"way": Way.CODE}, {"held_until": None}, {"reason": "Другая"}, {"decision_note": "Другая"}, {"applied_at": None}],
)
def test_closed_change_never_changes(asked, gleb, values):
    changes.approve(asked, by=gleb, note="Звонил")
    with pytest.raises(DatabaseError), transaction.atomic():
        ContactChange.objects.update(**values)


@pytest.mark.parametrize("values", [{"encrypted_values": "other"}, {"reason": "Другая"}])
def test_request_is_decided_as_it_was_made(asked, values):
    with pytest.raises(DatabaseError), transaction.atomic():
        ContactChange.objects.update(**values)


def test_change_is_never_deleted_or_rewritten(change, gleb):
    with as_role(ROLES.maintenance):
        for statement in (ContactChange.objects.all().delete, lambda: ContactChange.objects.update(requested_by=gleb)):
            with pytest.raises(DatabaseError), transaction.atomic():
                statement()


@pytest.mark.parametrize(
    "values",
    [
        {"applied_at": timezone.now(), "way": "", "encrypted_values": ""},
        {"applied_at": timezone.now(), "way": Way.UNCONFIRMED, "encrypted_values": ""},
        {"applied_at": timezone.now(), "way": Way.CODE},
        {"applied_at": timezone.now(), "rejected_at": timezone.now(), "way": Way.CODE, "encrypted_values": ""},
        {"applied_at": timezone.now(), "way": Way.APPROVAL, "encrypted_values": ""},
    ],
)
def test_database_refuses_impossible_changes(change, values):
    with pytest.raises(IntegrityError), transaction.atomic():
        ContactChange.objects.update(**values)


def test_code_that_confirmed_is_used_once(change, anna):
    codes.send_code(change, Channel.APP, by=anna)
    codes.enter_code(change, code_for(change.client), by=anna)
    change.refresh_from_db()
    with pytest.raises(DatabaseError), transaction.atomic():
        change.codes.update(used_at=None)
