"""Rate limits; the limited pages are tested in contracts/test_rate_limited_pages.py."""

from collections import Counter
from datetime import timedelta

import pytest

from managers.limits import RateLimit, TooManyTries
from managers.models import Spending

pytestmark = pytest.mark.django_db

TEN_A_MINUTE = RateLimit("tests", at_most=10, per=timedelta(minutes=1), what="проб")


def consume(manager, times: int = 1, limit=TEN_A_MINUTE):
    for _ in range(times):
        limit.consume(manager)


def rejection(manager) -> TooManyTries:
    with pytest.raises(TooManyTries) as error:
        TEN_A_MINUTE.consume(manager)
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
