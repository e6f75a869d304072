import threading
import time
from datetime import timedelta

import pytest
from django.db import connection, connections
from django.utils import timezone

from conftest import waiting_for_locks
from managers import limits
from managers.address import neighbourhood
from managers.limits import (
    PASSWORD_RESET,
    SECOND_FACTOR,
    SIGN_IN,
    Allowance,
    TooManyTries,
    forget_old,
    in_words,
    reserve,
)
from managers.models import Attempts, Spending

pytestmark = pytest.mark.django_db

LOGIN = "anna@privet.example"
HERE = "203.0.113.7"


@pytest.fixture
def clock(monkeypatch):
    """Time that passes only when a test says so."""

    class Clock:
        now = timezone.now()

        def pass_(self, **span):
            self.now += timedelta(**span)

    clock = Clock()
    monkeypatch.setattr(limits.timezone, "now", lambda: clock.now)
    return clock


def fail(times: int, login=LOGIN, ip=HERE):
    for _ in range(times):
        reserve(SIGN_IN, login=login, ip=ip)


def wait_of(login=LOGIN, ip=HERE) -> int:
    with pytest.raises(TooManyTries) as refused:
        reserve(SIGN_IN, login=login, ip=ip)
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
        reserve(SECOND_FACTOR, login=LOGIN, ip=f"198.51.100.{number}")
        try:
            reserve(SECOND_FACTOR, login=LOGIN, ip="203.0.113.99")
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


def test_spelling_a_login_otherwise_buys_no_guesses(clock):
    for spelling in (LOGIN, LOGIN.upper(), f" {LOGIN} ", LOGIN.title(), LOGIN):
        fail(1, login=spelling)

    assert wait_of() == 30


def test_the_addresses_of_one_ipv6_subscriber_are_one():
    assert neighbourhood("2001:db8:1:2::1") == neighbourhood("2001:db8:1:2:ffff::9") == "2001:db8:1:2::/64"
    assert neighbourhood("2001:db8:1:3::1") != neighbourhood("2001:db8:1:2::1")
    assert neighbourhood("::ffff:203.0.113.7") == neighbourhood("203.0.113.7") == "203.0.113.7"


def test_malformed_addresses_share_one_limit(clock):
    for number in range(21):
        fail(1, login=f"somebody{number}@privet.example", ip="")

    assert wait_of(login="somebody-else@privet.example", ip="") == 30


def test_success_clears_the_account_and_gives_the_address_its_try_back(clock):
    fail(4)

    reserve(SIGN_IN, login=LOGIN, ip=HERE).succeeded()

    assert [attempts.failures for attempts in Attempts.objects.all()] == [4]  # the address has the failures only
    fail(5)
    assert wait_of() == 30


def test_an_office_that_signs_in_all_day_is_never_slowed_down(clock):
    for number in range(60):
        reserve(SIGN_IN, login=f"colleague{number}@privet.example", ip=HERE).succeeded()

    fail(1)


def test_success_takes_back_the_wait_that_its_own_try_brought(clock):
    for number in range(20):
        fail(1, login=f"somebody{number}@privet.example")

    reserve(SIGN_IN, login=LOGIN, ip=HERE).succeeded()

    fail(1, login="colleague@privet.example")


def test_failures_are_forgotten_little_by_little(clock):
    fail(5)
    clock.pass_(hours=3)

    fail(3)  # two were left
    assert wait_of() == 30


def test_nobody_is_locked_out_for_good(clock):
    for _ in range(50):
        clock.pass_(minutes=15)
        fail(1)
    clock.pass_(minutes=15)

    fail(1)


def test_the_limits_of_one_purpose_are_not_those_of_another(clock):
    fail(5)

    reserve(PASSWORD_RESET, login=LOGIN, ip=HERE)


def test_the_table_names_nobody(clock):
    fail(1)

    kept = repr(list(Attempts.objects.values_list()))
    assert LOGIN not in kept
    assert HERE not in kept


def test_rows_are_forgotten_after_a_day(clock):
    fail(1, login="old@privet.example", ip="198.51.100.1")
    clock.pass_(hours=23)
    fail(1)
    clock.pass_(hours=2)

    forget_old()

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
    assert in_words(seconds) == words


@pytest.fixture
def many_connections(transactional_db, monkeypatch):
    """A pool with room for a crowd."""
    connection.close()
    connection.close_pool()
    monkeypatch.setitem(connection.settings_dict["OPTIONS"]["pool"], "max_size", 24)
    yield
    connection.close()
    connection.close_pool()


def in_parallel(deed, times: int) -> list[threading.Thread]:
    def run():
        try:
            deed()
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run) for _ in range(times)]
    for thread in threads:
        thread.start()
    return threads


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("known_row", [True, False])
def test_of_twenty_guesses_at_once_only_the_free_ones_pass(many_connections, known_row):
    if known_row:
        reserve(SIGN_IN, login=LOGIN, ip=HERE)
        limits.forgive(SIGN_IN, login=LOGIN)
    passed, refused = [], []

    def guess():
        try:
            passed.append(reserve(SIGN_IN, login=LOGIN, ip=HERE))
        except TooManyTries as error:
            refused.append(error)

    with connection.cursor() as cursor:
        # Everybody is stopped at the table's door until all twenty stand there.
        cursor.execute("BEGIN")
        cursor.execute("LOCK TABLE manager_attempts IN SHARE MODE")
        threads = in_parallel(guess, 20)
        deadline = time.monotonic() + 4
        while (waiting := waiting_for_locks()) < 20 and time.monotonic() < deadline:
            time.sleep(0.02)
        cursor.execute("COMMIT")
    for thread in threads:
        thread.join(timeout=20)

    assert waiting == 20
    assert (len(passed), len(refused)) == (5, 15)


@pytest.mark.django_db(transaction=True)
def test_guesses_of_different_people_from_one_address_never_deadlock(many_connections):
    outcomes = []

    def guess(login):
        try:
            reserve(SIGN_IN, login=login, ip=HERE).succeeded()
            outcomes.append("passed")
        except Exception as error:
            outcomes.append(repr(error))

    def many():
        for number in range(5):
            guess(f"{threading.get_ident()}-{number}@privet.example")

    for thread in in_parallel(many, 10):
        thread.join(timeout=20)

    assert outcomes == ["passed"] * 50


@pytest.mark.django_db(transaction=True)
def test_without_the_count_there_is_no_try(many_connections):
    with connection.cursor() as cursor:
        cursor.execute("BEGIN")
        cursor.execute("LOCK TABLE manager_attempts")
        outcome = []

        def guess():
            with connections["default"].cursor() as impatient:
                impatient.execute("SET lock_timeout = '100ms'")
            try:
                outcome.append(reserve(SIGN_IN, login=LOGIN, ip=HERE))
            except TooManyTries as refused:
                outcome.append(refused.seconds)

        for thread in in_parallel(guess, 1):
            thread.join(timeout=20)
        cursor.execute("ROLLBACK")

    assert outcome == [30]


TEN_A_MINUTE = Allowance("tests", at_most=10, per=timedelta(minutes=1), of="проб")


def take(manager, times: int = 1, allowance=TEN_A_MINUTE):
    for _ in range(times):
        allowance.take(manager)


def refusal(manager) -> TooManyTries:
    with pytest.raises(TooManyTries) as refused:
        TEN_A_MINUTE.take(manager)
    return refused.value


def test_an_allowance_is_had_at_once_and_then_little_by_little(clock, anna):
    take(anna, 10)
    assert refusal(anna).seconds == 6

    clock.pass_(seconds=6)
    take(anna)
    assert refusal(anna).seconds == 6

    clock.pass_(seconds=59)
    take(anna, 9)
    assert refusal(anna).seconds == 1


def test_an_allowance_that_was_not_used_for_long_is_no_larger(clock, anna):
    take(anna)
    clock.pass_(days=9)

    take(anna, 10)
    refusal(anna)


def test_a_refusal_counts_nothing_and_says_of_what_there_was_too_much(clock, anna):
    take(anna, 10)
    for _ in range(50):
        refused = refusal(anna)

    assert (refused.seconds, refused.message) == (6, "Слишком много проб. Попробуйте через 6 секунд.")


def test_an_allowance_is_each_persons_own_and_each_things_own(clock, anna, boris):
    take(anna, 10)

    take(boris, 10)
    take(anna, 10, Allowance("other tests", at_most=10, per=timedelta(minutes=1)))


def test_a_machine_whose_clock_is_behind_gives_nothing_away(clock, anna):
    take(anna, 10)
    clock.pass_(minutes=-5)

    assert refusal(anna).seconds == 5 * 60 + 6


def test_the_table_of_allowances_names_nobody(clock, anna):
    take(anna)

    assert str(anna.pk) not in repr(list(Spending.objects.values_list()))


@pytest.mark.django_db(transaction=True)
def test_of_twenty_at_once_only_as_many_as_are_allowed_pass(many_connections, anna):
    passed, refused = [], []

    def once():
        try:
            passed.append(TEN_A_MINUTE.take(anna))
        except TooManyTries as error:
            refused.append(error)

    with connection.cursor() as cursor:
        cursor.execute("BEGIN")
        cursor.execute("LOCK TABLE manager_spending IN SHARE MODE")
        threads = in_parallel(once, 20)
        deadline = time.monotonic() + 4
        while (waiting := waiting_for_locks()) < 20 and time.monotonic() < deadline:
            time.sleep(0.02)
        cursor.execute("COMMIT")
    for thread in threads:
        thread.join(timeout=20)

    assert waiting == 20
    assert (len(passed), len(refused)) == (10, 10)


@pytest.mark.django_db(transaction=True)
def test_what_can_not_be_counted_is_refused(many_connections, anna):
    with connection.cursor() as cursor:
        cursor.execute("BEGIN")
        cursor.execute("LOCK TABLE manager_spending")
        outcome = []

        def impatient():
            with connections["default"].cursor() as own:
                own.execute("SET lock_timeout = '100ms'")
            try:
                outcome.append(TEN_A_MINUTE.take(anna))
            except TooManyTries as refused:
                outcome.append(refused.seconds)

        for thread in in_parallel(impatient, 1):
            thread.join(timeout=20)
        cursor.execute("ROLLBACK")

    assert outcome == [30]
