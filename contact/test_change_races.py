"""Concurrent decisions about one change. Each test runs them on two connections, in both orders."""

import pytest

from clients.models import AppUser
from contact import changes, codes
from contact.conftest import NEW_PHONE, OLD_PHONE, code_for, request_change
from contact.models import ContactChange, Way
from contact.refusals import ChangeClosed, ContactDiffers
from contact.test_changes import phone_of
from contact.test_contact import log
from foundation.exceptions import Refusal
from managers.models import Manager, Role
from messaging.models import Channel

pytestmark = pytest.mark.django_db(transaction=True)


def reloaded(change) -> ContactChange:
    return ContactChange.objects.select_related("client__user").get(pk=change.pk)


def written(client) -> int:
    return len([entry for entry in log(client) if "Записано изменение" in entry])


def test_approval_given_twice_is_written_once(asked, protected, gleb, race):
    other = Manager.objects.create_user("olga@privet.example", name="Ольга", role=Role.ADMIN)

    outcomes = race(
        lambda: changes.approve(reloaded(asked), by=gleb, note="Звонил"),
        lambda: changes.approve(reloaded(asked), by=other, note="Тоже"),
        at=protected,
        in_order=True,
    )

    assert outcomes == [None, None]
    assert reloaded(asked).decided_by == gleb
    assert (phone_of(protected), written(protected)) == (NEW_PHONE, 1)


@pytest.mark.parametrize("first", ["approve", "cancel"])
def test_approval_and_cancelling_at_once_have_one_outcome(asked, protected, gleb, anna, race, first):
    steps = {
        "approve": lambda: changes.approve(reloaded(asked), by=gleb, note="Звонил"),
        "cancel": lambda: changes.cancel(reloaded(asked), by=anna),
    }
    second = {"approve": "cancel", "cancel": "approve"}[first]

    won, lost = race(steps[first], steps[second], at=protected, in_order=True)

    assert won is None
    assert isinstance(lost, ChangeClosed)
    assert phone_of(protected) == (NEW_PHONE if first == "approve" else OLD_PHONE)


@pytest.mark.parametrize("approves", [True, False])
def test_approval_and_rejection_at_once_have_one_outcome(asked, protected, gleb, race, approves):
    steps = [
        lambda: changes.approve(reloaded(asked), by=gleb, note="Звонил"),
        lambda: changes.reject(reloaded(asked), by=gleb, note=""),
    ]
    won, lost = race(*(steps if approves else steps[::-1]), at=protected, in_order=True)
    assert won is None
    assert isinstance(lost, Refusal)
    assert (phone_of(protected) == NEW_PHONE) == approves


def test_code_entered_while_the_client_changes_the_phone_in_the_app(change, protected, anna, race):
    codes.send_code(change, Channel.APP, by=anna)
    code = code_for(protected)

    _, refused = race(
        lambda: AppUser.objects.filter(pk=protected.user_id).update(phone="9030000000"),
        lambda: codes.enter_code(reloaded(change), code, by=anna),
        at=protected.user,
        in_order=True,
    )

    assert isinstance(refused, ContactDiffers)
    assert phone_of(protected) == "9030000000"
    assert reloaded(change).is_open


def test_code_and_approval_at_once_are_written_once(asked, protected, gleb, anna, race):
    codes.send_code(asked, Channel.APP, by=anna)
    code = code_for(protected)

    outcomes = race(
        lambda: codes.enter_code(reloaded(asked), code, by=anna),
        lambda: changes.approve(reloaded(asked), by=gleb, note="Звонил"),
        at=protected,
        in_order=True,
    )

    assert outcomes == [None, None]
    assert (reloaded(asked).way, written(protected)) == (Way.CODE, 1)


def test_two_people_request_changes_at_once(protected, anna, gleb, race):
    outcomes = race(
        lambda: request_change(protected, anna, phone=NEW_PHONE),
        lambda: request_change(protected, gleb, phone="9030000000"),
        at=protected,
        in_order=True,
    )

    earlier, later = (reloaded(change) for change in outcomes)
    assert (earlier.cancelled_by, later.is_open) == (gleb, True)
    assert phone_of(protected) == OLD_PHONE


def test_one_request_twice_at_once_is_one_change(protected, anna, race):
    first, second = race(
        lambda: request_change(protected, anna, phone=NEW_PHONE),
        lambda: request_change(protected, anna, phone=NEW_PHONE),
        at=protected,
        in_order=True,
    )
    assert first == second
    assert ContactChange.objects.count() == 1


def test_phone_taken_while_the_change_is_written(asked, protected, make, gleb, race):
    other = make.client(phone="9030000009")

    def take():
        AppUser.objects.filter(pk=other.user_id).update(phone=NEW_PHONE)

    race(take, lambda: changes.approve(reloaded(asked), by=gleb, note="Звонил"), at=AppUser)

    holders = AppUser.objects.filter(phone=NEW_PHONE)
    assert holders.count() == 1
    assert reloaded(asked).is_open == (holders.get().pk == other.user_id)
