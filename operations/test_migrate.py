import threading
from types import SimpleNamespace

import pytest
from django.core.management import call_command
from django.core.management.commands.migrate import Command as Migrate
from django.db import OperationalError, connection, transaction

from conftest import as_superuser, execute_as_owner
from operations.management.commands import migrate

pytestmark = pytest.mark.usefixtures("owner")


@pytest.fixture
def lock_timeouts(monkeypatch) -> list[str]:
    """Replace the migration by one that locks a table. Return the list of the lock timeouts of its attempts."""
    timeouts = []

    def handle(self, *args, **options):
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SHOW lock_timeout")
            timeouts.extend(cursor.fetchone())
            cursor.execute("LOCK TABLE manager_invoices IN ACCESS EXCLUSIVE MODE")

    monkeypatch.setattr(Migrate, "handle", handle)
    monkeypatch.setattr(migrate, "LOCK_TIMEOUT", "200ms")
    return timeouts


@pytest.fixture
def reader(transactional_db):
    """An open transaction that has read the table. Return a function that ends it."""
    read, ended = threading.Event(), threading.Event()

    def hold():
        try:
            with transaction.atomic(), connection.cursor() as cursor:
                cursor.execute("SELECT 1 FROM manager_invoices LIMIT 1")
                read.set()
                ended.wait(20)
        finally:
            connection.close()

    thread = threading.Thread(target=hold)
    thread.start()
    assert read.wait(20)

    def end():
        ended.set()
        thread.join()

    yield end
    end()


def test_migration_retries_when_the_table_is_locked(reader, lock_timeouts, monkeypatch, capsys):
    pauses = []
    monkeypatch.setattr(migrate, "time", SimpleNamespace(sleep=lambda seconds: pauses.append(seconds) or reader()))
    call_command("migrate")
    assert lock_timeouts == ["200ms", "200ms"]
    assert pauses == [1]


def test_migration_fails_after_the_last_retry(reader, lock_timeouts, monkeypatch):
    monkeypatch.setattr(migrate, "RETRY_DELAYS", (0.01,))
    with pytest.raises(OperationalError):
        call_command("migrate")
    assert lock_timeouts == ["200ms", "200ms"]


def test_timeouts_are_reset_after_a_migration(transactional_db, monkeypatch):
    monkeypatch.setattr(Migrate, "handle", lambda self, *args, **options: None)
    with connection.cursor() as cursor:
        cursor.execute("SHOW lock_timeout")
        before = cursor.fetchone()
        call_command("migrate")
        cursor.execute("SHOW lock_timeout")
        assert cursor.fetchone() == before
        cursor.execute("SHOW statement_timeout")
        assert cursor.fetchone() == ("20s",)


def test_invalid_index_is_dropped(transactional_db, monkeypatch):
    monkeypatch.setattr(Migrate, "handle", lambda self, *args, **options: None)
    execute_as_owner("CREATE INDEX left_behind ON manager_invoices (amount)")
    with as_superuser(), connection.cursor() as cursor:
        cursor.execute("UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'left_behind'::regclass")
    call_command("migrate")
    with connection.cursor() as cursor:
        cursor.execute("SELECT to_regclass('left_behind')")
        assert cursor.fetchone() == (None,)


def may_sign_up() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT has_column_privilege('public', 'public.manager_clients', 'user_id', 'INSERT')")
        return cursor.fetchone()[0]


def test_rights_that_a_restored_backup_lacks_are_given_again(db):
    execute_as_owner("REVOKE ALL ON public.manager_clients FROM PUBLIC")
    assert not may_sign_up()

    call_command("migrate", verbosity=0)
    assert may_sign_up()


def test_nobody_gets_rights_on_the_table_of_the_older_system(db):
    execute_as_owner("REVOKE ALL ON public.manager_clients FROM PUBLIC")
    execute_as_owner("ALTER TABLE public.manager_clients ADD assigned_manager_id uuid")

    call_command("migrate", verbosity=0)
    assert not may_sign_up()
