"""How what is dear is counted; which pages are counted, contracts/test_rate_limited_pages.py says."""

from collections import Counter
from datetime import timedelta

import pytest

from managers.limits import RateLimit, TooManyTries
from managers.models import Spending

pytestmark = pytest.mark.django_db

TEN_A_MINUTE = RateLimit("tests", at_most=10, per=timedelta(minutes=1), of="проб")


def take(manager, times: int = 1, allowance=TEN_A_MINUTE):
    for _ in range(times):
        allowance.take(manager)


def refusal(manager) -> TooManyTries:
    with pytest.raises(TooManyTries) as refused:
        TEN_A_MINUTE.take(manager)
    return refused.value


def test_burst_then_steady_rate(clock, anna):
    take(anna, 10)
    assert refusal(anna).seconds == 6

    clock.pass_(seconds=6)
    take(anna)
    assert refusal(anna).seconds == 6

    clock.pass_(seconds=59)
    take(anna, 9)
    assert refusal(anna).seconds == 1


def test_unused_capacity_does_not_accumulate(clock, anna):
    take(anna)
    clock.pass_(days=9)

    take(anna, 10)
    refusal(anna)


def test_rejected_request_is_not_counted_and_names_the_limit(clock, anna):
    take(anna, 10)
    for _ in range(50):
        refused = refusal(anna)

    assert (refused.seconds, refused.message) == (6, "Слишком много проб. Попробуйте через 6 секунд.")


def test_limits_are_per_person_and_per_operation(clock, anna, boris):
    take(anna, 10)

    take(boris, 10)
    take(anna, 10, RateLimit("other tests", at_most=10, per=timedelta(minutes=1)))


def test_slow_clock_allows_nothing_extra(clock, anna):
    take(anna, 10)
    clock.pass_(minutes=-5)

    assert refusal(anna).seconds == 5 * 60 + 6


def test_the_table_of_allowances_names_nobody(clock, anna):
    take(anna)

    assert str(anna.pk) not in repr(list(Spending.objects.values_list()))


@pytest.mark.django_db(transaction=True)
def test_concurrent_requests_do_not_exceed_the_limit(large_pool, race, clock, anna):
    outcomes = race(*[lambda: TEN_A_MINUTE.take(anna)] * 20, at=Spending)

    assert Counter(map(type, outcomes)) == {type(None): 10, TooManyTries: 10}


@pytest.mark.django_db(transaction=True)
def test_request_is_rejected_when_counting_fails(run_while_locked, anna):
    refused = run_while_locked(lambda: TEN_A_MINUTE.take(anna), Spending)

    assert (type(refused), refused.seconds) == (TooManyTries, 30)
