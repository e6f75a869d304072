"""The loop of `manage.py worker`: runs all registered jobs again and again until it is stopped.

It polls, because PgBouncer in transaction mode does not deliver LISTEN/NOTIFY.
"""

import logging
import time
from collections.abc import Iterable

import pghistory
from django.db import close_old_connections
from django.utils import timezone

from foundation.worker import Job, retry_pause
from operations.models import JobRun

POLL_SECONDS = 2
# How often the success of a job is recorded.
RECORD_SECONDS = 15

logger = logging.getLogger(__name__)


class Worker:
    """Runs jobs one after another. A failing job is retried with growing pauses and does not stop the others."""

    def __init__(self, jobs: Iterable[Job]):
        self._jobs = list(jobs)
        self._is_stopped = False
        self._failures = dict.fromkeys(self._jobs, 0)
        # Times of the monotonic clock.
        self._next_run = dict.fromkeys(self._jobs, 0.0)
        self._next_record = dict.fromkeys(self._jobs, 0.0)

    def stop(self, *_) -> None:
        """Stop after the current item. A signal handler."""
        self._is_stopped = True

    def run(self) -> None:
        """Run until stop() is called."""
        while not self._is_stopped:
            if not self.sweep():
                self._sleep(POLL_SECONDS)

    def run_until_idle(self) -> list[str]:
        """Sweep until no job finds anything to do. Return the names of the jobs that failed."""
        while not self._is_stopped and self.sweep():
            pass
        return [job.name for job, failures in self._failures.items() if failures]

    def sweep(self) -> int:
        """Run each job once, unless it failed and has to wait. Return the number of items that were handled."""
        count = 0
        for job in self._jobs:
            if not self._is_stopped and time.monotonic() >= self._next_run[job]:
                count += self._run_job(job)
        return count

    def _run_job(self, job: Job) -> int:
        close_old_connections()  # after an error, such as a restart of the database
        try:
            with pghistory.context(command="worker"):
                count = job.run()
            self._record_success(job)
        except Exception:
            self._failures[job] += 1
            pause = retry_pause(self._failures[job]).total_seconds()
            self._next_run[job] = time.monotonic() + pause
            logger.exception("job %s failed, retried in %.0f s", job.name, pause)
            return 0
        self._failures[job] = 0
        return count

    def _record_success(self, job: Job) -> None:
        if time.monotonic() < self._next_record[job]:
            return
        run = JobRun(job=job.name, succeeded_at=timezone.now())
        JobRun.objects.bulk_create([run], update_conflicts=True, unique_fields=["job"], update_fields=["succeeded_at"])
        self._next_record[job] = time.monotonic() + RECORD_SECONDS

    def _sleep(self, seconds: float) -> None:
        # In slices, because time.sleep continues after a signal.
        until = time.monotonic() + seconds
        while not self._is_stopped and time.monotonic() < until:
            time.sleep(0.1)
