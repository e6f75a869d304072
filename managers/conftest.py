from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import connection, transaction
from django.utils import timezone

from conftest import execute_as_owner, run_on_own_connection
from managers import limits


@pytest.fixture
def clock(monkeypatch):
    """A clock for managers.limits that a test moves forward."""

    class Clock:
        now = timezone.now()

        def pass_(self, **span):
            self.now += timedelta(**span)

    clock = Clock()
    monkeypatch.setattr(limits.timezone, "now", lambda: clock.now)
    return clock


@pytest.fixture
def large_pool(transactional_db, monkeypatch):
    """A connection pool for many threads."""
    connection.close()
    connection.close_pool()
    monkeypatch.setitem(connection.settings_dict["OPTIONS"]["pool"], "max_size", 24)
    yield
    connection.close()
    connection.close_pool()


@pytest.fixture
def run_while_locked(large_pool) -> Callable:
    """Run a function with a short lock timeout while another connection holds an exclusive lock on a model's table.

    Returns the function's result or exception.
    """

    def run(function: Callable, model: type):
        def with_short_timeout():
            with connection.cursor() as cursor:
                cursor.execute("SET lock_timeout = '100ms'")
            return function()

        with ThreadPoolExecutor(1) as pool, transaction.atomic():
            execute_as_owner(f"LOCK TABLE {model._meta.db_table}")
            return pool.submit(run_on_own_connection, with_short_timeout).result(timeout=20)

    return run
