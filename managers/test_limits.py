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
HERE = "203.0.113.7"


def fail(times: int, login=LOGIN, ip=HERE):
    for _ in range(times):
        start_attempt(SIGN_IN, login=login, ip=ip)


def wait_of(login=LOGIN, ip=HERE) -> int:
    with pytest.raises(TooManyTries) as refused:
        start_attempt(SIGN_IN, login=login, ip=ip)
    return refused.value.seconds


def test_the_first_failures_of_an_account_bring_no_wait_and_the_next_does(clock):
    fail(5)

    assert wait_of() == 30


def test_waits_double_and_end_at_a_quarter_of_an_hour(clock):
    fail(4)
    waits = []
    for _ in range(9):
        fail(1)
        waits.append(wait_of())
        clock.pass_(seconds=waits[-1])

    assert waits[:5] == [30, 60, 120, 240, 480]
    assert set(waits[5:]) == {900}


def test_waits_of_the_second_factor_end_at_four_hours(clock):
    waits = []
    for number in range(16):
        start_attempt(SECOND_FACTOR, login=LOGIN, ip=f"198.51.100.{number}")
        try:
            start_attempt(SECOND_FACTOR, login=LOGIN, ip="203.0.113.99")
        except TooManyTries as refused:
            waits.append(refused.seconds)
            clock.pass_(seconds=waits[-1])

    assert waits[:4] == [30, 60, 120, 240]
    assert set(waits[-3:]) == {4 * 3600}


def test_a_refused_try_makes_the_wait_no_longer(clock):
    fail(5)
    clock.pass_(seconds=20)

    assert wait_of() == 10
    assert wait_of() == 10


def test_an_account_is_slowed_down_whatever_address_the_guesses_come_from(clock):
    for number in range(5):
        fail(1, ip=f"198.51.100.{number}")

    assert wait_of(ip="198.51.100.77") == 30


def test_an_address_is_slowed_down_whatever_accounts_it_guesses(clock):
    for number in range(21):
        fail(1, login=f"somebody{number}@privet.example")

    assert wait_of(login="somebody-else@privet.example") == 30
    fail(1, login="somebody-else@privet.example", ip="198.51.100.1")


def test_login_spelling_does_not_reset_the_limit(clock):
    for spelling in (LOGIN, LOGIN.upper(), f" {LOGIN} ", LOGIN.title(), LOGIN):
        fail(1, login=spelling)

    assert wait_of() == 30


def test_the_addresses_of_one_ipv6_subscriber_are_one():
    assert ip_network("2001:db8:1:2::1") == ip_network("2001:db8:1:2:ffff::9") == "2001:db8:1:2::/64"
    assert ip_network("2001:db8:1:3::1") != ip_network("2001:db8:1:2::1")
    assert ip_network("::ffff:203.0.113.7") == ip_network("203.0.113.7") == "203.0.113.7"


def test_malformed_addresses_share_one_limit(clock):
    for number in range(21):
        fail(1, login=f"somebody{number}@privet.example", ip="")

    assert wait_of(login="somebody-else@privet.example", ip="") == 30


def test_success_clears_the_account_and_gives_the_address_its_try_back(clock):
    fail(4)

    start_attempt(SIGN_IN, login=LOGIN, ip=HERE).mark_succeeded()

    assert [attempts.failures for attempts in Attempts.objects.all()] == [4]  # the address has the failures only
    fail(5)
    assert wait_of() == 30


def test_an_office_that_signs_in_all_day_is_never_slowed_down(clock):
    for number in range(60):
        start_attempt(SIGN_IN, login=f"colleague{number}@privet.example", ip=HERE).mark_succeeded()

    fail(1)


def test_success_takes_back_the_wait_that_its_own_try_brought(clock):
    for number in range(20):
        fail(1, login=f"somebody{number}@privet.example")

    start_attempt(SIGN_IN, login=LOGIN, ip=HERE).mark_succeeded()

    fail(1, login="colleague@privet.example")


def test_failures_are_forgotten_little_by_little(clock):
    fail(5)
    clock.pass_(hours=3)

    fail(3)  # two were left
    assert wait_of() == 30


def test_lockout_is_never_permanent(clock):
    for _ in range(50):
        clock.pass_(minutes=15)
        fail(1)
    clock.pass_(minutes=15)

    fail(1)


def test_the_limits_of_one_purpose_are_not_those_of_another(clock):
    fail(5)

    start_attempt(PASSWORD_RESET, login=LOGIN, ip=HERE)


def test_table_contains_no_personal_data(clock):
    fail(1)

    kept = repr(list(Attempts.objects.values_list()))
    assert LOGIN not in kept
    assert HERE not in kept


def test_rows_are_deleted_after_a_day(clock):
    fail(1, login="old@privet.example", ip="198.51.100.1")
    clock.pass_(hours=23)
    fail(1)
    clock.pass_(hours=2)

    delete_old_attempts()

    assert Attempts.objects.count() == 2


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (1, "1 секунду"), (2, "2 секунды"), (11, "11 секунд"), (30, "30 секунд"), (59, "59 секунд"),
        (60, "1 минуту"), (61, "2 минуты"), (300, "5 минут"), (900, "15 минут"), (21 * 60, "21 минуту"),
        (2 * 3600, "120 минут"), (2 * 3600 + 1, "3 часа"), (4 * 3600, "4 часа"),
    ],
)  # fmt: skip
def test_a_wait_in_words(seconds, words):
    assert format_wait(seconds) == words


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("known_row", [True, False])
def test_of_twenty_guesses_at_once_only_the_free_ones_pass(large_pool, race, clock, known_row):
    if known_row:
        fail(1)
        limits.reset_failures(SIGN_IN, login=LOGIN)

    outcomes = race(*[lambda: start_attempt(SIGN_IN, login=LOGIN, ip=HERE)] * 20, at=Attempts)

    assert Counter(map(type, outcomes)) == {limits.Attempt: 5, TooManyTries: 15}


@pytest.mark.django_db(transaction=True)
def test_guesses_of_different_people_from_one_address_never_deadlock(large_pool):
    def many(person: int):
        for number in range(5):
            start_attempt(SIGN_IN, login=f"{person}-{number}@privet.example", ip=HERE).mark_succeeded()

    with ThreadPoolExecutor(10) as pool:
        outcomes = list(pool.map(lambda person: run_on_own_connection(lambda: many(person)), range(10)))

    assert outcomes == [None] * 10


@pytest.mark.django_db(transaction=True)
def test_attempt_is_rejected_when_counting_fails(run_while_locked):
    refused = run_while_locked(lambda: start_attempt(SIGN_IN, login=LOGIN, ip=HERE), Attempts)

    assert (type(refused), refused.seconds) == (TooManyTries, 30)
