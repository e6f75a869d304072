"""Rate limits; the limited pages are tested in contracts/test_rate_limited_pages.py."""

from collections import Counter
from contextlib import suppress
from datetime import timedelta

import pytest
from django.utils import timezone

from managers import limits
from managers.limits import RateLimit, TooManyTries
from managers.models import Spending

pytestmark = pytest.mark.django_db

TEN_A_MINUTE = RateLimit("tests", at_most=10, per=timedelta(minutes=1), what="проб")


def consume(manager, times: int = 1, limit=TEN_A_MINUTE):
    for _ in range(times):
        limit.consume(manager)


def rejection(manager, limit=TEN_A_MINUTE) -> TooManyTries:
    with pytest.raises(TooManyTries) as error:
        limit.consume(manager)
    return error.value


def test_burst_then_steady_rate(clock, anna):
    consume(anna, 10)
    assert rejection(anna).seconds == 6

    clock.pass_(seconds=6)
    consume(anna)
    assert rejection(anna).seconds == 6

    clock.pass_(seconds=59)
    consume(anna, 9)
    assert rejection(anna).seconds == 1


def test_unused_capacity_does_not_accumulate(clock, anna):
    consume(anna)
    clock.pass_(days=9)

    consume(anna, 10)
    rejection(anna)


def test_rejected_request_is_not_counted_and_names_the_limit(clock, anna):
    consume(anna, 10)
    for _ in range(50):
        error = rejection(anna)

    assert (error.seconds, error.message) == (6, "Слишком много проб. Попробуйте через 6 секунд.")


def test_limits_are_per_person_and_per_operation(clock, anna, boris):
    consume(anna, 10)

    consume(boris, 10)
    consume(anna, 10, RateLimit("other tests", at_most=10, per=timedelta(minutes=1)))


def test_slow_clock_allows_nothing_extra(clock, anna):
    consume(anna, 10)
    clock.pass_(minutes=-5)

    assert rejection(anna).seconds == 5 * 60 + 6


def test_table_contains_no_user_ids(clock, anna):
    consume(anna)

    assert str(anna.pk) not in repr(list(Spending.objects.values_list()))


@pytest.mark.django_db(transaction=True)
def test_concurrent_requests_do_not_exceed_the_limit(large_pool, race, clock, anna):
    outcomes = race(*[lambda: TEN_A_MINUTE.consume(anna)] * 20, at=Spending)

    assert Counter(map(type, outcomes)) == {type(None): 10, TooManyTries: 10}


@pytest.mark.django_db(transaction=True)
def test_request_is_rejected_when_counting_fails(run_while_locked, anna):
    error = run_while_locked(lambda: TEN_A_MINUTE.consume(anna), Spending)

    assert (type(error), error.seconds) == (TooManyTries, 30)


def spend(number: int) -> None:
    with suppress(TooManyTries):
        limits.consume_unknown_link(f"198.51.100.{number}/24")


def test_expired_counts_are_deleted_at_sign_in(clock, anna):
    consume(anna, 10)
    spend(1)
    clock.pass_(minutes=10)
    assert not Spending.objects.filter(spent_until__gt=timezone.now()).exists()
    limits.delete_old_attempts()
    assert Spending.objects.count() == 3  # the clock of another machine may be late

    clock.pass_(minutes=15)
    limits.start_attempt(limits.SIGN_IN, login=anna.email, ip="203.0.113.7").mark_succeeded()
    assert not Spending.objects.exists()


def test_count_in_use_is_not_deleted(clock, anna):
    """A deleted count would allow a new burst."""
    long = RateLimit("long", at_most=2, per=timedelta(days=1))
    consume(anna, 2, long)
    clock.pass_(hours=6)
    limits.delete_old_attempts()
    rejection(anna, long)


def test_unknown_links_from_ever_new_networks_do_not_pile_up(clock):
    for number in range(100):
        spend(number)
        clock.pass_(minutes=1)
    assert Spending.objects.count() < 30


def test_unknown_links_add_nothing_when_all_are_limited(clock, monkeypatch):
    monkeypatch.setattr(limits, "ALL_UNKNOWN_LINKS", RateLimit("all", at_most=5, per=timedelta(hours=1)))
    for number in range(20):
        spend(number)
    assert Spending.objects.count() == 5 + 1
