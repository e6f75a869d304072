"""The worker: its loop, real processes that are stopped, killed and disconnected, and its metrics."""

import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from urllib.parse import urlsplit

import pghistory
import pytest
from django.core.management import CommandError, call_command
from django.db import OperationalError, connection
from django.utils import timezone

from erasure import requests
from erasure.models import Erasure, ErasureReason, ErasureRequest
from foundation import worker as registry
from foundation.database.roles import Role
from foundation.env import BASE_DIR
from foundation.testing import PATIENCE
from foundation.worker import Job, registered_jobs, retry_pause
from managers.history import command_context, history_of
from operations import worker, workload
from operations.models import JobRun
from operations.worker import Worker

pytestmark = pytest.mark.usefixtures("maintenance")

# Application name of the connections of a worker that a test starts.
WORKER = "worker-of-a-test"


class Items:
    """A job with some items; the runs whose number is in `failing` raise."""

    def __init__(self, count: int, failing: tuple[int, ...] = ()):
        self.count, self.failing, self.runs = count, failing, 0

    def __call__(self) -> int:
        self.runs += 1
        if self.runs in self.failing:
            raise OperationalError("Меткин Марк")
        if not self.count:
            return 0
        self.count -= 1
        return 1


@pytest.fixture(autouse=True)
def _keep_connection(monkeypatch):
    """Workers in this process don't close the connection, because it is in the transaction of the test."""
    monkeypatch.setattr(worker, "close_old_connections", lambda: None)


@pytest.fixture
def clock(monkeypatch):
    """The monotonic clock of the worker; sleeping moves it on."""

    class Clock:
        now = 1000.0

        def monotonic(self):
            return self.now

        def sleep(self, seconds):
            self.now += seconds

    clock = Clock()
    monkeypatch.setattr(worker, "time", clock)
    return clock


def test_all_jobs_are_done(db):
    first, second = Items(3), Items(5)
    assert Worker([Job("first", first), Job("second", second)]).run_until_idle() == []
    assert (first.count, second.count) == (0, 0)


def test_failing_job_pauses_and_does_not_stop_the_others(db, clock, logged):
    failing, other = Items(1, failing=(1, 2)), Items(2)
    runner = Worker([Job("failing", failing), Job("other", other)])
    assert [runner.sweep() for _ in range(3)] == [1, 1, 0]
    assert (failing.runs, failing.count, other.count) == (1, 1, 0)

    clock.now += 1
    assert runner.sweep() == 0
    clock.now += 1
    assert (runner.sweep(), failing.runs) == (0, 2), "the second pause is longer"
    clock.now += 1
    assert (runner.sweep(), failing.count) == (1, 0)

    assert any("job failing failed" in line for line in logged)
    assert "Меткин" not in "".join(logged[::2])  # as JSON, the format of production


def test_failed_job_is_reported_by_once(db, monkeypatch):
    monkeypatch.setattr(signal, "signal", lambda *_: None)  # pytest has its own handlers
    monkeypatch.setattr(registry, "_jobs", {"broken": Job("broken", Items(1, failing=(1,)))})
    with pytest.raises(CommandError, match="broken"):
        call_command("worker", "--once")


def test_pauses_double_up_to_five_minutes():
    pauses = [retry_pause(attempts).total_seconds() for attempts in (1, 2, 5, 9, 10, 10_000)]
    for pause, longest in zip(pauses, (1, 2, 16, 256, 300, 300), strict=True):
        assert 0.8 * longest <= pause <= longest
    assert len({retry_pause(9) for _ in range(5)}) > 1


def test_worker_sleeps_only_if_nothing_was_done(db, clock):
    items, times = Items(3), []

    def run() -> int:
        times.append(clock.now - 1000)
        if len(times) == 6:
            runner.stop()
        return items()

    runner = Worker([Job("items", run)])
    runner.run()

    assert [round(at) for at in times] == [0, 0, 0, 0, 2, 4]


def test_stop_ends_after_the_current_item(db, clock):
    items = Items(5)
    runner = Worker([Job("stopping", lambda: runner.stop() or 1), Job("items", items)])
    runner.run()
    assert items.count == 5


def test_history_names_the_worker_but_not_an_earlier_context(db, make):
    def change(user: str) -> int:
        with pghistory.context(user=user):
            make.tariff(user)
        return 0

    with command_context(["manage.py", "worker"]):
        Worker([Job("first", lambda: change("a")), Job("second", lambda: make.tariff("b") and 0)]).sweep()

    rows = history_of(type(make.tariff())).filter(name__in="ab").order_by("pgh_id")
    assert [row.pgh_context for row in rows] == [{"command": "worker", "user": "a"}, {"command": "worker"}]


def test_success_is_recorded_at_intervals(db, clock):
    runner = Worker([Job("works", Items(0)), Job("broken", Items(0, failing=tuple(range(100))))])
    runner.sweep()
    first = JobRun.objects.get()
    assert first.job == "works"
    runner.sweep()
    assert JobRun.objects.get().succeeded_at == first.succeeded_at

    clock.now += worker.RECORD_SECONDS
    runner.sweep()
    assert JobRun.objects.get().succeeded_at > first.succeeded_at


def test_registered_jobs_have_queues():
    assert {job.name for job in registered_jobs() if job.oldest} >= {"erasure_requests", "erasure_acts"}


def test_ages_of_pending_work(make, gleb):
    assert workload.job_queue_ages()["erasure_requests"] == 0
    request(make.client(), gleb)
    assert 0 < workload.job_queue_ages()["erasure_requests"] < PATIENCE
    assert workload.job_queue_ages()["erasure_acts"] == 0


def request(client, by) -> ErasureRequest:
    return requests.request_erasure(client, ErasureReason.REQUEST, by=by, note="вх. 1")[0]


def wait_until(condition):
    deadline = time.monotonic() + 3 * PATIENCE
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.1)


@contextmanager
def running(folder, *arguments: str):
    """A real worker on the test database."""
    variable = Role.MAINTENANCE.variable
    url = urlsplit(os.environ[variable])._replace(path=f"/{connection.settings_dict['NAME']}").geturl()
    environment = os.environ | {variable: url, "PRIVET_DATA_DIR": str(folder), "PGAPPNAME": WORKER}
    command = [sys.executable, "manage.py", "worker", *arguments]
    with subprocess.Popen(command, cwd=BASE_DIR, env=environment, stderr=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def is_idle() -> bool:
    """Whether all jobs have succeeded at least once."""
    return {job.name for job in registered_jobs()} <= set(workload.last_successes())


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signal_ends_the_process_within_seconds(number, tmp_path):
    with running(tmp_path) as process:
        wait_until(is_idle)
        assert process.poll() is None

        process.send_signal(number)

        assert process.wait(timeout=PATIENCE) == 0
        assert process.stderr.read() == ""


@pytest.mark.django_db(transaction=True)
def test_worker_survives_a_restart_of_the_database(tmp_path, make, gleb):
    with running(tmp_path) as process:
        wait_until(is_idle)
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
                " WHERE datname = current_database() AND application_name = %s",
                [WORKER],
            )
            assert cursor.fetchone()[0] >= 1

        row = request(make.client(), gleb)
        wait_until(lambda: Erasure.objects.exclude(act_key="").filter(request=row).exists())

        assert process.poll() is None


@pytest.mark.django_db(transaction=True)
def test_killed_worker_loses_nothing(tmp_path, make, gleb):
    rows = [request(make.client(), gleb) for _ in range(4)]
    with running(tmp_path) as first:
        wait_until(Erasure.objects.exists)
        first.kill()
        first.wait(timeout=PATIENCE)
    Erasure.objects.update(next_attempt_at=timezone.now())  # as if a minute had passed

    with running(tmp_path, "--once") as second, running(tmp_path, "--once") as third:
        assert (second.wait(timeout=3 * PATIENCE), third.wait(timeout=3 * PATIENCE)) == (0, 0)

    assert Erasure.objects.exclude(act_key="").filter(request__in=rows).count() == Erasure.objects.count() == len(rows)
