"""Retention: each kind of data expires on its day and not earlier."""

from datetime import date, datetime
from decimal import Decimal

import pytest
import time_machine
from django.utils import timezone

from agreements import consents
from clients.models import AppUser, Client
from contracts import payment
from contracts.conftest import sign
from contracts.models import CONTRACT_TERM
from erasure import erasing, retention
from erasure.conftest import days
from erasure.models import ErasureReason, ErasureScope
from support import log

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("maintenance")]


def expired_rules(moment) -> set[tuple[ErasureReason, ErasureScope | None]]:
    """Return the rules that apply to a client at `moment`."""
    return {(rule.reason, rule.scope) for rule, clients in retention.expired_clients(moment) if clients}


WITHDRAWN, UNFINISHED = (ErasureReason.WITHDRAWN, None), (ErasureReason.UNFINISHED, ErasureScope.CLIENT)
PASSPORT, CLIENT = (ErasureReason.ENDED, ErasureScope.PASSPORT), (ErasureReason.ENDED, ErasureScope.CLIENT)
DOCUMENTS = (ErasureReason.STORED, ErasureScope.DOCUMENTS)


def test_withdrawal_expires_after_its_period(issued, anna, settings):
    settings.RETENTION_WITHDRAWN_DAYS = 10
    consents.withdraw(issued.client, by=anna, reason="Сказал")
    now = timezone.now()

    assert WITHDRAWN not in expired_rules(now + days(9.9))
    assert WITHDRAWN in expired_rules(now + days(10.1))


def test_withdrawal_followed_by_a_new_consent_does_not_count(issued, anna, make):
    consents.withdraw(issued.client, by=anna, reason="Сказал")
    make.agreement(make.fresh(issued.client), anna)

    assert WITHDRAWN not in expired_rules(timezone.now() + days(11))


def test_withdrawal_during_a_contract_erases_only_the_passport_until_it_ends(paid, anna):
    consents.withdraw(paid.client, by=anna, reason="Сказал")
    later = timezone.now() + days(11)

    assert WITHDRAWN in expired_rules(later)
    assert retention.allowed_scope(paid.client, later) == ErasureScope.PASSPORT
    paid.client.passport.delete()
    assert WITHDRAWN not in expired_rules(later)
    assert WITHDRAWN in expired_rules(paid.ends_at + days(1))
    assert retention.allowed_scope(paid.client, paid.ends_at + days(1)) == ErasureScope.CLIENT


def test_unfinished_period_starts_at_the_last_activity(issued, anna, settings):
    settings.RETENTION_UNFINISHED_DAYS = 180
    start = timezone.now()
    assert UNFINISHED not in expired_rules(start + days(179))
    assert UNFINISHED in expired_rules(start + days(181))

    with time_machine.travel(start + days(100)):
        log.add_note(issued.client, "Позвонить", by=anna, now=timezone.now())
    assert UNFINISHED not in expired_rules(start + days(279))
    assert UNFINISHED in expired_rules(start + days(281))


def test_automatic_messages_are_no_activity(issued, settings):
    later = timezone.now() + days(settings.RETENTION_UNFINISHED_DAYS)
    log.add_event(issued.client, "Оповещение", by=None, now=later)

    assert UNFINISHED in expired_rules(later + days(1))


def test_added_but_unused_client_expires(anna, settings):
    Client.add(by=anna, name="Сидорова Ольга", phone="9770000009", email=None, address="")
    settings.RETENTION_UNFINISHED_DAYS = 180

    assert UNFINISHED not in expired_rules(timezone.now() + days(179))
    assert UNFINISHED in expired_rules(timezone.now() + days(181))


@pytest.fixture
def returned(paid, gleb, anna, make) -> Client:
    """A client whose data was erased except for the documents, who kept using the app and was claimed again."""
    AppUser.objects.filter(pk=paid.client.user_id).update(has_subscription=True)
    erasing.erase(paid.client, ErasureReason.REQUEST, by=gleb, note="вх. 1", ended=True)
    fresh = make.fresh(paid.client)
    fresh.confirm_contact(by=anna, name=fresh.user.name, phone=fresh.user.phone, email=None, address="")
    return make.fresh(fresh)


def test_returning_client_ignores_earlier_contracts(returned, settings):
    settings.RETENTION_WITHDRAWN_DAYS, settings.RETENTION_UNFINISHED_DAYS = 10, 180
    now = timezone.now()

    assert expired_rules(now + days(179)) == set()
    assert expired_rules(now + days(181)) == {UNFINISHED}
    assert retention.contract_binds_until(returned) is None


def test_debtor_is_retained_during_the_limitation_period(signed, settings):
    settings.RETENTION_CLIENT_DAYS = 100

    assert CLIENT not in expired_rules(signed.ends_at + retention.LIMITATION_PERIOD - days(1))
    assert CLIENT in expired_rules(signed.ends_at + retention.LIMITATION_PERIOD + days(1))


def test_unbilled_amount_counts_as_debt(signed, anna, settings):
    settings.RETENTION_CLIENT_DAYS = 100
    part = payment.create_invoice(signed.client, amount=Decimal(100), description="Часть", due_on=date.today(), by=anna)
    payment.confirm_payment(part, "cash", by=anna)

    assert retention.contract_binds_until(signed.client) == signed.ends_at + retention.LIMITATION_PERIOD
    assert CLIENT not in expired_rules(signed.ends_at + retention.LIMITATION_PERIOD - days(1))
    assert CLIENT in expired_rules(signed.ends_at + retention.LIMITATION_PERIOD + days(1))


def test_document_retention_starts_in_the_year_of_payment(signed, anna):
    year = timezone.localtime(signed.ends_at).year
    with time_machine.travel(timezone.make_aware(datetime(year + 1, 6, 1))):
        payment.confirm_payment(signed.invoices.get(), "cash", by=anna)

    assert not retention.expired_contracts(timezone.make_aware(datetime(year + 6, 1, 2))).exists()
    assert retention.expired_contracts(timezone.make_aware(datetime(year + 7, 1, 2))).exists()


def test_new_clients_who_use_the_app_do_not_expire(make):
    client = make.client()
    AppUser.objects.filter(pk=client.user_id).update(password_hash="$argon2id$x")
    assert expired_rules(timezone.now() + days(10_000)) == set()


def test_passport_expires_first_after_a_contract(paid, settings):
    settings.RETENTION_PASSPORT_DAYS, settings.RETENTION_CLIENT_DAYS = 25, 1000
    end = paid.ends_at

    assert expired_rules(end + days(24)) == set()
    assert expired_rules(end + days(26)) == {PASSPORT}
    assert expired_rules(end + days(999)) == {PASSPORT}
    assert expired_rules(end + days(1001)) == {PASSPORT, CLIENT}


def test_activity_after_a_contract_postpones_the_expiry(paid, anna):
    with time_machine.travel(paid.ends_at + days(40)):
        log.add_note(paid.client, "Хочет новый договор", by=anna, now=timezone.now())
    assert PASSPORT not in expired_rules(paid.ends_at + days(50))
    assert PASSPORT in expired_rules(paid.ends_at + days(71))


@pytest.mark.parametrize(
    ("moment", "is_expired"), [("2031-12-31T20:59:00+00:00", False), ("2031-12-31T21:00:00+00:00", True)]
)
def test_documents_expire_five_years_after_the_year_they_ended(moment, is_expired, issued, anna):
    """402-ФЗ art. 29 counts from the end of the year, in Moscow time."""
    with time_machine.travel(
        datetime(2025, 12, 30, 12, tzinfo=timezone.get_default_timezone()) - CONTRACT_TERM + days(1)
    ):
        sign(issued, anna)

    # It ended by 31.12.2025, so it is retained in the years 2026 to 2030.
    assert (DOCUMENTS in expired_rules(datetime.fromisoformat(moment).replace(year=2030))) is is_expired


def test_agreements_are_retained_with_their_contracts(paid, anna, settings):
    consents.withdraw(paid.client, by=anna, reason="Сказал")
    years = days(366 * settings.RETENTION_RECORD_YEARS + 1)

    assert not retention.expired_agreements(timezone.now() + years).exists()
    assert retention.expired_agreements(timezone.now() + days(366 * 8)).exists()


def test_app_users_are_distinguished_from_added_clients(make, anna):
    client = make.verified(anna)
    assert not make.fresh(client).uses_app
    AppUser.objects.filter(pk=client.user_id).update(password_hash="$argon2id$x")
    assert make.fresh(client).uses_app
