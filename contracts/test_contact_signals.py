"""Fraud signals about changes of the client's phone or e-mail by a manager."""

from datetime import timedelta

import pytest
import time_machine
from django.urls import reverse
from django.utils import timezone

from agreements.models import AgreementKind
from conftest import ROLES, as_role
from contact import changes
from contact.conftest import NEW_PHONE, request_change
from contact.models import Way
from contracts import contact_signals, issuing, signing
from contracts.conftest import sign
from contracts.models import FraudSignal, SignalKind
from messaging.models import Channel, OutgoingMessage, Purpose

pytestmark = pytest.mark.django_db

PASSWORD_SET_IN_APP = "set in the app"


def record() -> int:
    with as_role(ROLES.maintenance):
        return contact_signals.record_signals()


@pytest.fixture
def protected(make, anna):
    """A claimed client who uses the app."""
    return make.verified(anna, password_hash=PASSWORD_SET_IN_APP)


@pytest.mark.parametrize(
    ("hours", "is_signal"), [(0, True), (23, True), (25, False)], ids=["at once", "within a day", "a day later"]
)
def test_signature_soon_after_a_change(make, anna, hours, is_signal):
    client = make.awaiting_contract(anna)
    changes.save_contact(client, client.user.contact | {"phone": NEW_PHONE}, original=None, by=anna)
    with time_machine.travel(timezone.now() + timedelta(hours=hours)):
        client = make.fresh(client)
        make.agreement(client, anna, AgreementKind.ELECTRONIC_SIGNATURE)
        contract = sign(issuing.issue(client, by=anna), anna)

    details = contract.signals.filter(kind=SignalKind.CONTACT_CHANGED).values_list("details", flat=True).first()
    assert bool(details) is is_signal
    if is_signal:
        assert details == f"Контакт изменён меньше чем за сутки до подписи: {Way.FREE.label.lower()}"


def test_change_of_the_address_is_no_signal(make, anna):
    client = make.awaiting_contract(anna)
    changes.save_contact(client, client.user.contact | {"address": "г. Тула, ул. Мира, д. 1"}, original=None, by=anna)
    contract = sign(issuing.issue(make.fresh(client), by=anna), anna)
    assert not contract.signals.filter(kind=SignalKind.CONTACT_CHANGED).exists()


def test_attack_fails_and_leaves_a_signal(make, anna, settings):
    """Анна writes her own phone into the account of a client who uses the app, to get the code of the contract."""
    settings.SMS_GATEWAY = "outbox"
    client = make.awaiting_contract(anna, password_hash=PASSWORD_SET_IN_APP)
    phone = client.user.phone
    contract = issuing.issue(client, by=anna)
    changes.save_contact(client, client.user.contact | {"phone": NEW_PHONE}, original=None, by=anna)
    for channel in (Channel.SMS, Channel.APP):
        signing.SigningCode.objects.update(sent_at=timezone.now() - timedelta(hours=2))
        signing.request_code(contract, by=anna, channel=channel)

    sent = OutgoingMessage.objects.filter(channel=Channel.SMS, purpose=Purpose.SIGNING_CODE).get()
    assert sent.content.recipient == phone
    assert make.fresh(client).user.phone == phone
    with time_machine.travel(timezone.now() + timedelta(minutes=61)):
        assert record() == 1
    signal = FraudSignal.objects.get()
    assert (signal.kind, signal.client, signal.contract) == (SignalKind.CONTACT_UNCONFIRMED, client, None)
    assert signal.manager == anna
    assert phone not in signal.details
    assert NEW_PHONE not in signal.details


def test_change_that_waits_is_no_signal_at_first(protected, anna):
    request_change(protected, anna, phone=NEW_PHONE)
    assert record() == 0


def test_cancelled_change(protected, anna):
    change = request_change(protected, anna, phone=NEW_PHONE)
    changes.cancel(change, by=anna)
    assert record() == 1
    assert record() == 0
    assert FraudSignal.objects.get().details == contact_signals.DETAILS["cancelled_at"]


def test_rejected_change(protected, anna, gleb):
    change = request_change(protected, anna, phone=NEW_PHONE)
    changes.ask_admin(change, "Ошибка в номере", by=anna)
    changes.reject(change, by=gleb, note="Не похоже на ошибку")
    assert record() == 1
    assert FraudSignal.objects.get().details == contact_signals.DETAILS["rejected_at"]


def test_approved_change_is_no_signal(protected, anna, gleb):
    change = request_change(protected, anna, phone=NEW_PHONE)
    changes.ask_admin(change, "Ошибка в номере", by=anna)
    changes.approve(change, by=gleb, note="Позвонил клиенту")
    with time_machine.travel(timezone.now() + timedelta(hours=2)):
        assert record() == 0


def test_change_by_the_only_admin(make, gleb):
    client = make.verified(gleb, password_hash=PASSWORD_SET_IN_APP)
    change = request_change(client, gleb, phone=NEW_PHONE)
    changes.apply_unconfirmed(change, by=gleb)
    assert record() == 1
    signal = FraudSignal.objects.get()
    assert (signal.kind, signal.manager) == (SignalKind.CONTACT_BY_ONLY_ADMIN, gleb)


def test_admins_see_it_on_the_card(protected, anna, as_anna, as_gleb):
    changes.cancel(request_change(protected, anna, phone=NEW_PHONE), by=anna)
    record()
    url = reverse("contracts:card", args=[protected.pk])
    shown = f"{SignalKind.CONTACT_UNCONFIRMED.label}. {contact_signals.DETAILS['cancelled_at']}"
    assert shown in as_gleb.get(url).text
    assert contact_signals.DETAILS["cancelled_at"] not in as_anna.get(url).text


def test_change_that_waited_and_was_written_by_the_only_admin(make, gleb):
    client = make.verified(gleb, password_hash=PASSWORD_SET_IN_APP)
    change = request_change(client, gleb, phone=NEW_PHONE)
    with time_machine.travel(timezone.now() + contact_signals.MAX_WAITING + timedelta(minutes=1)):
        assert record() == 1
        changes.apply_unconfirmed(change, by=gleb)
        assert record() == 1
        assert record() == 0
    kinds = set(FraudSignal.objects.values_list("kind", flat=True))
    assert kinds == {SignalKind.CONTACT_UNCONFIRMED, SignalKind.CONTACT_BY_ONLY_ADMIN}


def test_two_workers_record_one_signal(race, make, anna):
    client = make.verified(anna, password_hash=PASSWORD_SET_IN_APP)
    changes.cancel(request_change(client, anna, phone=NEW_PHONE), by=anna)

    race(contact_signals.record_signals, contact_signals.record_signals, at=FraudSignal)

    assert FraudSignal.objects.count() == 1
