from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest

from conftest import run_on_own_connection
from managers import limits
from managers.client_ip import ip_network
from managers.limits import (
    PASSWORD_RESET,
    SECOND_FACTOR,
    SIGN_IN,
    TooManyTries,
    delete_old_attempts,
    format_wait,
    start_attempt,
)
from managers.models import Attempts

pytestmark = pytest.mark.django_db

LOGIN = "anna@privet.example"
IP = "203.0.113.7"


def fail(times: int, login=LOGIN, ip=IP):
    for _ in range(times):
        start_attempt(SIGN_IN, login=login, ip=ip)


def wait_seconds(login=LOGIN, ip=IP) -> int:
    with pytest.raises(TooManyTries) as error:
        start_attempt(SIGN_IN, login=login, ip=ip)
    return error.value.seconds


def test_free_attempts_cause_no_wait_and_the_next_does(clock):
    fail(5)

    assert wait_seconds() == 30


def test_waits_double_up_to_15_minutes(clock):
    fail(4)
    waits = []
    for _ in range(9):
        fail(1)
        waits.append(wait_seconds())
        clock.pass_(seconds=waits[-1])

    assert waits[:5] == [30, 60, 120, 240, 480]
    assert set(waits[5:]) == {900}


def test_waits_of_the_second_factor_double_up_to_four_hours(clock):
    waits = []
    for number in range(16):
        start_attempt(SECOND_FACTOR, login=LOGIN, ip=f"198.51.100.{number}")
        try:
            start_attempt(SECOND_FACTOR, login=LOGIN, ip="203.0.113.99")
        except TooManyTries as error:
            waits.append(error.seconds)
            clock.pass_(seconds=waits[-1])

    assert waits[:4] == [30, 60, 120, 240]
    assert set(waits[-3:]) == {4 * 3600}


def test_rejected_attempt_does_not_extend_the_wait(clock):
    fail(5)
    clock.pass_(seconds=20)

    assert wait_seconds() == 10
    assert wait_seconds() == 10


def test_account_is_limited_across_network_addresses(clock):
    for number in range(5):
        fail(1, ip=f"198.51.100.{number}")

    assert wait_seconds(ip="198.51.100.77") == 30


def test_network_address_is_limited_across_accounts(clock):
    for number in range(21):
        fail(1, login=f"somebody{number}@privet.example")

    assert wait_seconds(login="somebody-else@privet.example") == 30
    fail(1, login="somebody-else@privet.example", ip="198.51.100.1")


def test_login_spelling_does_not_reset_the_limit(clock):
    for spelling in (LOGIN, LOGIN.upper(), f" {LOGIN} ", LOGIN.title(), LOGIN):
        fail(1, login=spelling)

    assert wait_seconds() == 30


def test_ipv6_addresses_of_one_subscriber_share_a_network():
    assert ip_network("2001:db8:1:2::1") == ip_network("2001:db8:1:2:ffff::9") == "2001:db8:1:2::/64"
    assert ip_network("2001:db8:1:3::1") != ip_network("2001:db8:1:2::1")
    assert ip_network("::ffff:203.0.113.7") == ip_network("203.0.113.7") == "203.0.113.7"


def test_malformed_addresses_share_one_limit(clock):
    for number in range(21):
        fail(1, login=f"somebody{number}@privet.example", ip="")

    assert wait_seconds(login="somebody-else@privet.example", ip="") == 30


def test_success_resets_the_account_and_uncounts_the_attempt(clock):
    fail(4)

    start_attempt(SIGN_IN, login=LOGIN, ip=IP).mark_succeeded()

    assert [attempts.failures for attempts in Attempts.objects.all()] == [4]  # only the failures remain
    fail(5)
    assert wait_seconds() == 30


def test_successful_sign_ins_of_an_office_are_not_limited(clock):
    for number in range(60):
        start_attempt(SIGN_IN, login=f"colleague{number}@privet.example", ip=IP).mark_succeeded()

    fail(1)


def test_success_removes_the_wait_that_its_attempt_caused(clock):
    for number in range(20):
        fail(1, login=f"somebody{number}@privet.example")

    start_attempt(SIGN_IN, login=LOGIN, ip=IP).mark_succeeded()

    fail(1, login="colleague@privet.example")


def test_failures_expire_one_by_one(clock):
    fail(5)
    clock.pass_(hours=3)

    fail(3)  # two remained
    assert wait_seconds() == 30


def test_lockout_is_never_permanent(clock):
    for _ in range(50):
        clock.pass_(minutes=15)
        fail(1)
    clock.pass_(minutes=15)

    fail(1)


def test_purposes_have_separate_limits(clock):
    fail(5)

    start_attempt(PASSWORD_RESET, login=LOGIN, ip=IP)


def test_table_contains_no_personal_data(clock):
    fail(1)

    stored = repr(list(Attempts.objects.values_list()))
    assert LOGIN not in stored
    assert IP not in stored


def test_rows_are_deleted_after_a_day(clock):
    fail(1, login="old@privet.example", ip="198.51.100.1")
    clock.pass_(hours=23)
    fail(1)
    clock.pass_(hours=2)

    delete_old_attempts()

    assert Attempts.objects.count() == 2


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (1, "1 секунду"), (2, "2 секунды"), (11, "11 секунд"), (30, "30 секунд"), (59, "59 секунд"),
        (60, "1 минуту"), (61, "2 минуты"), (300, "5 минут"), (900, "15 минут"), (21 * 60, "21 минуту"),
        (2 * 3600, "120 минут"), (2 * 3600 + 1, "3 часа"), (4 * 3600, "4 часа"),
    ],
)  # fmt: skip
def test_format_wait(seconds, text):
    assert format_wait(seconds) == text


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("row_exists", [True, False])
def test_concurrent_guesses_do_not_exceed_the_free_attempts(large_pool, race, clock, row_exists):
    if row_exists:
        fail(1)
        limits.reset_failures(SIGN_IN, login=LOGIN)

    outcomes = race(*[lambda: start_attempt(SIGN_IN, login=LOGIN, ip=IP)] * 20, at=Attempts)

    assert Counter(map(type, outcomes)) == {limits.Attempt: 5, TooManyTries: 15}


@pytest.mark.django_db(transaction=True)
def test_concurrent_attempts_from_one_address_do_not_deadlock(large_pool):
    def many(person: int):
        for number in range(5):
            start_attempt(SIGN_IN, login=f"{person}-{number}@privet.example", ip=IP).mark_succeeded()

    with ThreadPoolExecutor(10) as pool:
        outcomes = list(pool.map(lambda person: run_on_own_connection(lambda: many(person)), range(10)))

    assert outcomes == [None] * 10


@pytest.mark.django_db(transaction=True)
def test_attempt_is_rejected_when_counting_fails(run_while_locked):
    error = run_while_locked(lambda: start_attempt(SIGN_IN, login=LOGIN, ip=IP), Attempts)

    assert (type(error), error.seconds) == (TooManyTries, 30)
