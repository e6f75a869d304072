"""Work that may wait: apps register jobs here when Django starts, and `manage.py worker` runs them.

Pending work is state in rows, written in the transaction that causes it. Each job takes its rows with SKIP LOCKED, so
several workers may run, and leaves them pending until they are done, so killing a worker loses nothing.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import models, transaction
from django.db.models.functions import Now
from django.utils import timezone

MAX_PAUSE_SECONDS = 300


@dataclass(frozen=True)
class Job:
    """`run` does one small batch, which SIGTERM does not interrupt, and returns the number of items it handled.

    `oldest` returns since when the oldest pending item has been waiting, or None. It runs in web processes, for
    /metrics.
    """

    name: str
    run: Callable[[], int]
    oldest: Callable[[], datetime | None] | None = None


_jobs: dict[str, Job] = {}


def register(name: str, run: Callable[[], int], *, oldest: Callable[[], datetime | None] | None = None) -> None:
    """Add a job to those of the worker. Its name is a label of metrics: choose it once."""
    _jobs[name] = Job(name, run, oldest)


def registered_jobs() -> list[Job]:
    """Return the jobs in the order in which they were registered."""
    return list(_jobs.values())


def retry_pause(attempts: int) -> timedelta:
    """Return the pause after so many failed attempts in a row: doubled from 1 second to 5 minutes, with jitter."""
    seconds = min(2 ** min(attempts - 1, 10), MAX_PAUSE_SECONDS)
    return timedelta(seconds=seconds * random.uniform(0.8, 1))  # noqa: S311  not a secret


class RetriedWork(models.Model):
    """Columns of rows that a job claims one by one."""

    attempts = models.PositiveIntegerField("попыток", default=0, db_default=0, editable=False)
    next_attempt_at = models.DateTimeField("следующая попытка", default=timezone.now, db_default=Now(), editable=False)

    class Meta:
        abstract = True


@transaction.atomic
def claim(pending: models.QuerySet, *, reserve: timedelta = timedelta()) -> RetriedWork | None:
    """Return a row of `pending` whose next attempt is due, or None. Rows that other transactions lock are skipped.

    The attempt is counted and the next one scheduled, not earlier than after `reserve`, before the caller does
    anything. So the row is tried again even if the caller is killed, and a row that always fails does not delay others.
    """
    now = timezone.now()
    rows = pending.filter(next_attempt_at__lte=now).order_by("next_attempt_at", "pk")
    row = rows.select_for_update(skip_locked=True, no_key=True, of=("self",)).first()
    if row:
        row.attempts += 1
        row.next_attempt_at = now + max(reserve, retry_pause(row.attempts))
        row.save(update_fields=["attempts", "next_attempt_at"])
    return row
