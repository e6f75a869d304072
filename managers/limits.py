"""Back-off after failed attempts, and rate limits of expensive operations.

Failed attempts are counted per account (existing or not) and per network address. An attempt is counted before it runs
and the count is undone on success, so concurrent attempts can't all pass. The maximum wait is short enough that nobody
can be locked out permanently. (django-otp's throttling has neither free attempts nor a maximum wait.)

Expensive operations are counted per user.
"""

import math
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from django.db import OperationalError, connection, models, transaction
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
MAX_CLOCK_DIFFERENCE = timedelta(minutes=15)


@dataclass(frozen=True)
class BackoffLimit:
    """Growing wait after failed attempts.

    The first `free_attempts` failures cause no wait. Each later failure doubles the wait, up to `max_wait`. One failure
    expires every `forget_after`. `name` is part of the stored keys.
    """

    name: str
    free_attempts: int
    forget_after: timedelta
    max_wait: timedelta = MAX_WAIT

    def key(self, subject: str) -> str:
        return _hashed_key(self.name, subject)

    def add_failure(self, attempts: Attempts, now: datetime) -> None:
        """Count one more failure in `attempts`, unsaved, and set the wait that follows it."""
        elapsed = max(now - attempts.counted_at, timedelta(0))  # clocks of two machines may differ
        remaining = max(0.0, attempts.failures - elapsed / self.forget_after)
        # More failures than those that reach the maximum wait need not be counted.
        max_failures = self.free_attempts + 1 + math.ceil(math.log2(self.max_wait / FIRST_WAIT))
        attempts.failures = min(remaining + 1, max_failures)
        attempts.counted_at = now
        excess = math.ceil(attempts.failures - self.free_attempts)
        attempts.wait_until = now + min(FIRST_WAIT * 2 ** (excess - 1), self.max_wait) if excess > 0 else None


class AttemptLimits(NamedTuple):
    account: BackoffLimit
    address: BackoffLimit


SIGN_IN = AttemptLimits(
    account=BackoffLimit("sign-in account", free_attempts=4, forget_after=timedelta(hours=1)),
    # An office shares one address, so it has more free attempts, and failures expire sooner.
    address=BackoffLimit("sign-in address", free_attempts=20, forget_after=timedelta(minutes=15)),
)
PASSWORD_RESET = AttemptLimits(
    account=BackoffLimit("password reset account", free_attempts=3, forget_after=timedelta(hours=1)),
    address=BackoffLimit("password reset address", free_attempts=10, forget_after=timedelta(minutes=15)),
)
# Reached only with the right password. A code has only a million values: one guess every 15 minutes would succeed
# within a year with a chance of 1 in 10. A new password resets the count.
SECOND_FACTOR = AttemptLimits(
    account=BackoffLimit(
        "second factor account", free_attempts=4, forget_after=timedelta(days=1), max_wait=timedelta(hours=4)
    ),
    address=BackoffLimit("second factor address", free_attempts=20, forget_after=timedelta(minutes=15)),
)


class TooManyTries(Exception):
    """Too many attempts or requests. The next is allowed after `seconds`; `message` tells the user so in Russian."""

    def __init__(self, wait: timedelta, what: str = "попыток"):
        self.seconds = max(1, math.ceil(wait.total_seconds()))
        self.message = f"Слишком много {what}. Попробуйте через {format_wait(self.seconds)}."
        super().__init__(self.message)

    def apply_to(self, response: HttpResponse) -> HttpResponse:
        """Turn `response` into a 429 (RFC 6585) with Retry-After (RFC 9110), and return it."""
        response.status_code = 429
        response.headers["Retry-After"] = str(self.seconds)
        return response


@dataclass(frozen=True)
class Attempt:
    """A counted attempt whose outcome is not known yet."""

    account_key: str
    address_key: str
    wait_until: datetime | None  # the wait that this attempt caused for its network address

    def mark_succeeded(self) -> None:
        """Delete the account's failures, and undo this attempt's count for the network address."""
        Attempts.objects.filter(key=self.account_key).delete()
        Attempts.objects.filter(key=self.address_key).update(
            failures=Greatest(F("failures") - 1, Value(0.0)),
            wait_until=Case(When(wait_until=self.wait_until, then=Value(None)), default=F("wait_until")),
        )
        delete_old_attempts()


def start_attempt(purpose: AttemptLimits, *, login: str, ip: str, browser: str = "") -> Attempt:
    """Count an attempt of `login` from `ip` before it is made.

    `browser`: id of a known browser of `login` (managers/known_browsers.py), whose attempts are counted separately.
    Raises TooManyTries, without counting, if the attempt must wait or the count could not be saved.
    """
    account = purpose.account.key(f"{Manager.objects.normalize_email(login)} {browser}".rstrip())
    address = purpose.address.key(f"{ip_network(ip)} {browser}".rstrip())
    try:
        # Durable: an outer transaction must not roll the count back.
        with transaction.atomic(durable=True):
            rows = _lock_attempts([account, address])
            now = timezone.now()  # after the wait for the lock
            wait = max((row.wait_until - now for row in rows.values() if row.wait_until), default=timedelta(0))
            if wait > timedelta(0):
                raise TooManyTries(wait)
            purpose.account.add_failure(rows[account], now)
            purpose.address.add_failure(rows[address], now)
            Attempts.objects.bulk_update(rows.values(), ["failures", "counted_at", "wait_until"])
    except OperationalError as error:  # lock timeout: no attempt without a count
        raise TooManyTries(FIRST_WAIT) from error
    return Attempt(account, address, rows[address].wait_until)


def reset_failures(purpose: AttemptLimits, *, login: str) -> None:
    """Delete the failures of an account."""
    Attempts.objects.filter(key=purpose.account.key(Manager.objects.normalize_email(login))).delete()


def delete_old_attempts(limit: int = 1000) -> None:
    """Delete up to `limit` expired rows of each table; skip locked rows."""
    _delete_unlocked(Attempts.objects.filter(counted_at__lt=timezone.now() - RETENTION), limit)
    _delete_old_spending(limit)


def _delete_old_spending(limit: int) -> None:
    # A time in the past means the same as no row. The clocks of two machines may differ.
    _delete_unlocked(Spending.objects.filter(spent_until__lt=timezone.now() - MAX_CLOCK_DIFFERENCE), limit)


def _delete_unlocked(old: models.QuerySet, limit: int) -> None:
    with transaction.atomic():
        keys = list(old.select_for_update(skip_locked=True).values_list("key", flat=True)[:limit])
        old.model.objects.filter(key__in=keys).delete()


@dataclass(frozen=True)
class RateLimit:
    """Limit of an operation per subject, usually a user: a burst of `at_most`, then one more every `per / at_most`.

    `what` completes the message «Слишком много …». `name` is part of the stored keys.
    Generic cell rate algorithm (ITU-T I.371), which stores one timestamp per user.
    """

    name: str
    at_most: int
    per: timedelta
    what: str = "запросов"

    def consume(self, subject: Manager | str) -> None:
        """Count one more use by `subject`: a user, or a string such as an IP address.

        Raises TooManyTries without counting if that was too many.
        Also raises TooManyTries if the count can't be saved. A rollback of the caller's transaction undoes the count.
        """
        now, step = timezone.now(), self.per / self.at_most
        key = _hashed_key(f"allowance {self.name}", str(subject.pk if isinstance(subject, Manager) else subject))
        try:
            with connection.cursor() as cursor:
                cursor.execute(CONSUME_SQL, {"key": key, "now": now, "step": step, "full": now + self.per})
                consumed = cursor.rowcount
        except OperationalError as error:
            raise TooManyTries(FIRST_WAIT, self.what) from error
        if not consumed:
            spent_until = Spending.objects.get(key=key).spent_until
            raise TooManyTries(spent_until + step - self.per - now, self.what)


# The page searches at every pause in typing.
SEARCHES = RateLimit("searches", 120, per=timedelta(minutes=1), what="поисковых запросов")
UPLOADS = RateLimit("uploads", 60, per=timedelta(hours=1), what="фотографий")
# Rendering a document takes seconds of CPU time.
DOCUMENTS = RateLimit("documents", 30, per=timedelta(minutes=10), what="документов")
# URLs with an unknown token, per IP address and in total. Links in force are never limited: thousands of
# phones share one IP address.
UNKNOWN_LINKS = RateLimit("unknown links", 30, per=timedelta(minutes=10))
ALL_UNKNOWN_LINKS = RateLimit("all unknown links", 3000, per=timedelta(minutes=10))
# Requests for a code on the page of copies, for known numbers and others, per IP address and in total. The limits per
# client are in copies/codes.py.
COPY_REQUESTS = RateLimit("copy requests", 30, per=timedelta(minutes=10), what="запросов")
ALL_COPY_REQUESTS = RateLimit("all copy requests", 3000, per=timedelta(minutes=10), what="запросов")
# SMS and e-mails with these codes, which cost money. Above it, codes go to the app only.
COPY_MESSAGES = RateLimit("copy messages", 300, per=timedelta(hours=1))
# Codes that were entered there, right or wrong, per IP address.
COPY_CODES = RateLimit("copy codes", 100, per=timedelta(minutes=10), what="попыток")
# Links to clients' pages.
LINKS = RateLimit("links", 60, per=timedelta(hours=1), what="ссылок")
# Across all clients; the limit per client is in contracts/models.py.
CODES = RateLimit("codes", 30, per=timedelta(hours=1), what="кодов")

# Each sends an e-mail to every admin.
APPROVAL_REQUESTS = RateLimit("approval requests", 20, per=timedelta(hours=1), what="просьб")


def consume_unknown_link(network: str) -> None:
    """Count an unknown URL of a client's page. Raises TooManyTries; then no row is added for a new network.

    Everybody can add rows, also when nobody signs in. So each addition deletes more of them than it adds.
    """
    _delete_old_spending(limit=10)
    with transaction.atomic():
        UNKNOWN_LINKS.consume(network)
        ALL_UNKNOWN_LINKS.consume("")


def consume_copy_request(network: str) -> None:
    """Count a request for a code on the page of copies. Raises TooManyTries; then no row is added for a new network."""
    _delete_old_spending(limit=10)
    with transaction.atomic():
        COPY_REQUESTS.consume(network)
        ALL_COPY_REQUESTS.consume("")


def consume_copy_code(network: str) -> None:
    """Count a code that was entered on the page of copies. Raises TooManyTries; then no row is added."""
    _delete_old_spending(limit=10)
    COPY_CODES.consume(network)


# A single statement, so that concurrent requests see each other's use.
CONSUME_SQL = """
    INSERT INTO manager_spending AS spent (key, spent_until) VALUES (%(key)s, %(now)s + %(step)s)
    ON CONFLICT (key) DO UPDATE SET spent_until = greatest(spent.spent_until, %(now)s) + %(step)s
    WHERE greatest(spent.spent_until, %(now)s) + %(step)s <= %(full)s
"""


def _hashed_key(name: str, subject: str) -> str:
    return salted_hmac(f"managers.limits {name}", subject, algorithm="sha256").hexdigest()


def _lock_attempts(keys: list[str]) -> dict[str, Attempts]:
    # ON CONFLICT DO UPDATE locks an existing row. Keys are sorted, so transactions can't deadlock.
    new = [Attempts(key=key, counted_at=timezone.now()) for key in sorted(keys)]
    Attempts.objects.bulk_create(new, update_conflicts=True, unique_fields=["key"], update_fields=["key"])
    return Attempts.objects.in_bulk(keys, field_name="key")


def format_wait(seconds: int) -> str:
    """Format seconds for use after «через»: 30 → «30 секунд», 61 → «2 минуты»."""
    if seconds < 60:
        return f"{seconds} {plural(seconds, 'секунду', 'секунды', 'секунд')}"
    minutes = math.ceil(seconds / 60)
    if minutes <= 120:
        return f"{minutes} {plural(minutes, 'минуту', 'минуты', 'минут')}"
    hours = math.ceil(minutes / 60)
    return f"{hours} {plural(hours, 'час', 'часа', 'часов')}"
