"""Guessing is slowed down, per account (known or not) and per network address, with growing waits; what is dear is
counted, per person.

A try is counted before it is made and given back when it succeeds, so that many made at once can't all pass. The
longest wait is short enough that a stranger can't lock anybody out for good. (django-otp's throttling has neither
free tries nor a longest wait.)
"""

import math
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from django.db import OperationalError, connection, transaction
from django.db.models import Case, F, Value, When
from django.db.models.functions import Greatest
from django.http import HttpResponse
from django.utils import timezone
from django.utils.crypto import salted_hmac

from foundation.russian.plurals import plural
from managers.client_ip import ip_network
from managers.models import Attempts, Manager, Spending

FIRST_WAIT = timedelta(seconds=30)
MAX_WAIT = timedelta(minutes=15)
RETENTION = timedelta(days=1)


@dataclass(frozen=True)
class BackoffLimit:
    """The first `free` failures bring no wait, those after them waits that double up to `longest`; one failure is
    forgotten in every `forgets_in`.
    """

    name: str
    free: int
    forgets_in: timedelta
    longest: timedelta = MAX_WAIT

    def key(self, whom: str) -> str:
        return _hashed_key(self.name, whom)

    def count(self, attempts: Attempts, now: datetime) -> None:
        """Count one more try, and set the wait that follows it."""
        quiet = max(now - attempts.counted_at, timedelta(0))  # clocks of two machines may differ
        left = max(0.0, attempts.failures - quiet / self.forgets_in)
        # Beyond the longest wait there is nothing to remember.
        attempts.failures = min(left + 1, self.free + 1 + math.ceil(math.log2(self.longest / FIRST_WAIT)))
        attempts.counted_at = now
        over = math.ceil(attempts.failures - self.free)
        attempts.wait_until = now + min(FIRST_WAIT * 2 ** (over - 1), self.longest) if over > 0 else None


class AttemptLimits(NamedTuple):
    account: BackoffLimit
    address: BackoffLimit


SIGN_IN = AttemptLimits(
    account=BackoffLimit("sign-in account", free=4, forgets_in=timedelta(hours=1)),
    # An office shares one address: more is free, and forgotten sooner.
    address=BackoffLimit("sign-in address", free=20, forgets_in=timedelta(minutes=15)),
)
PASSWORD_RESET = AttemptLimits(
    account=BackoffLimit("password reset account", free=3, forgets_in=timedelta(hours=1)),
    address=BackoffLimit("password reset address", free=10, forgets_in=timedelta(minutes=15)),
)
# Only who knows the password gets as far as this. A code has but a million values: of those who guessed every quarter
# of an hour, one in ten would hit within a year. A new password forgives.
SECOND_FACTOR = AttemptLimits(
    account=BackoffLimit("second factor account", free=4, forgets_in=timedelta(days=1), longest=timedelta(hours=4)),
    address=BackoffLimit("second factor address", free=20, forgets_in=timedelta(minutes=15)),
)


class TooManyTries(Exception):
    """Not now: `seconds` must pass first; `message` says so in words."""

    def __init__(self, wait: timedelta, of: str = "попыток"):
        self.seconds = max(1, math.ceil(wait.total_seconds()))
        self.message = f"Слишком много {of}. Попробуйте через {format_wait(self.seconds)}."
        super().__init__(self.message)

    def apply_to(self, response: HttpResponse) -> HttpResponse:
        """`response` as the refusal: 429 (RFC 6585) with Retry-After (RFC 9110)."""
        response.status_code = 429
        response.headers["Retry-After"] = str(self.seconds)
        return response


@dataclass(frozen=True)
class Attempt:
    """A counted try whose outcome is not known yet."""

    account_key: str
    address_key: str
    wait_until: datetime | None  # the wait that this try brought on its address

    def mark_succeeded(self) -> None:
        """Forget the account's failures, and give the try back to the address."""
        Attempts.objects.filter(key=self.account_key).delete()
        Attempts.objects.filter(key=self.address_key).update(
            failures=Greatest(F("failures") - 1, Value(0.0)),
            wait_until=Case(When(wait_until=self.wait_until, then=Value(None)), default=F("wait_until")),
        )
        delete_old_attempts()


def start_attempt(purpose: AttemptLimits, *, login: str, ip: str, browser: str = "") -> Attempt:
    """Count a try of `login` from `ip`; raises TooManyTries when it must not be made now, and counts nothing then.

    `browser`: one that `login` is known in (managers/known_browsers.py). Its tries are counted apart from everybody's.
    """
    account = purpose.account.key(f"{Manager.objects.normalize_email(login)} {browser}".rstrip())
    address = purpose.address.key(f"{ip_network(ip)} {browser}".rstrip())
    try:
        # Durable: a count that an outer transaction could take back would be none.
        with transaction.atomic(durable=True):
            rows = _lock_attempts([account, address])
            now = timezone.now()  # after the wait for the lock
            wait = max((row.wait_until - now for row in rows.values() if row.wait_until), default=timedelta(0))
            if wait > timedelta(0):
                raise TooManyTries(wait)
            purpose.account.count(rows[account], now)
            purpose.address.count(rows[address], now)
            Attempts.objects.bulk_update(rows.values(), ["failures", "counted_at", "wait_until"])
    except OperationalError as error:  # a lock was not to be had in time: no try without a count
        raise TooManyTries(FIRST_WAIT) from error
    return Attempt(account, address, rows[address].wait_until)


def reset_failures(purpose: AttemptLimits, *, login: str) -> None:
    """Forget the failures of an account, whoever made them."""
    Attempts.objects.filter(key=purpose.account.key(Manager.objects.normalize_email(login))).delete()


def delete_old_attempts(limit: int = 1000) -> None:
    """Delete what no longer matters; rows that are in use are skipped."""
    old = Attempts.objects.filter(counted_at__lt=timezone.now() - RETENTION)
    with transaction.atomic():
        keys = list(old.select_for_update(skip_locked=True).values_list("key", flat=True)[:limit])
        Attempts.objects.filter(key__in=keys).delete()


@dataclass(frozen=True)
class RateLimit:
    """How much of something dear one person may do: `at_most` at once, then one more in every `per / at_most`.

    `of` names it to the person, after «слишком много». (The generic cell rate algorithm, ITU-T I.371: one time per
    person says all.)
    """

    name: str
    at_most: int
    per: timedelta
    of: str = "запросов"

    def take(self, manager: Manager) -> None:
        """Count one more, or raise TooManyTries and count nothing. What can't be counted is refused; in a transaction
        that is taken back the count is too, as the deed is.
        """
        now, step = timezone.now(), self.per / self.at_most
        try:
            with connection.cursor() as cursor:
                cursor.execute(
                    CONSUME_SQL, {"key": self._key(manager), "now": now, "step": step, "full": now + self.per}
                )
                taken = cursor.rowcount
        except OperationalError as error:
            raise TooManyTries(FIRST_WAIT, self.of) from error
        if not taken:
            spent = Spending.objects.get(key=self._key(manager)).spent_until
            raise TooManyTries(spent + step - self.per - now, self.of)

    def _key(self, manager: Manager) -> str:
        return _hashed_key(f"allowance {self.name}", str(manager.pk))


# A search goes out with every pause in typing.
SEARCHES = RateLimit("searches", 120, per=timedelta(minutes=1), of="поисковых запросов")
UPLOADS = RateLimit("uploads", 60, per=timedelta(hours=1), of="фотографий")
# Each is seconds of a processor.
DOCUMENTS = RateLimit("documents", 30, per=timedelta(minutes=10), of="документов")
# To all clients together; how many one client is sent, the contract knows.
CODES = RateLimit("codes", 30, per=timedelta(hours=1), of="кодов")

# One statement, so that of many at once each sees what the one before it took.
CONSUME_SQL = """
    INSERT INTO manager_spending AS spent (key, spent_until) VALUES (%(key)s, %(now)s + %(step)s)
    ON CONFLICT (key) DO UPDATE SET spent_until = greatest(spent.spent_until, %(now)s) + %(step)s
    WHERE greatest(spent.spent_until, %(now)s) + %(step)s <= %(full)s
"""


def _hashed_key(name: str, whom: str) -> str:
    return salted_hmac(f"managers.limits {name}", whom, algorithm="sha256").hexdigest()


def _lock_attempts(keys: list[str]) -> dict[str, Attempts]:
    # The update in place of a conflict locks the row that is there; always in the order of keys, so none deadlock.
    new = [Attempts(key=key, counted_at=timezone.now()) for key in sorted(keys)]
    Attempts.objects.bulk_create(new, update_conflicts=True, unique_fields=["key"], update_fields=["key"])
    return Attempts.objects.in_bulk(keys, field_name="key")


def format_wait(seconds: int) -> str:
    """How long, as it reads after «через»: 30 → «30 секунд», 61 → «2 минуты»."""
    if seconds < 60:
        return f"{seconds} {plural(seconds, 'секунду', 'секунды', 'секунд')}"
    minutes = math.ceil(seconds / 60)
    if minutes <= 120:
        return f"{minutes} {plural(minutes, 'минуту', 'минуты', 'минут')}"
    hours = math.ceil(minutes / 60)
    return f"{hours} {plural(hours, 'час', 'часа', 'часов')}"
