"""The database of the tests, and its roles: the code under test runs as the web role, the tests also as others."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import psycopg
import pytest
from django.core.management import call_command
from django.db import connection, transaction

from foundation.database import roles
from foundation.database.privileges import create_roles, existing_tables, grant_shared_tables, session_settings

ROLES = roles.RoleNames.from_environment()


@pytest.fixture(scope="session")
def django_db_setup(django_db_blocker):
    """Create the database of this process as the owner. The tests run as the web role."""
    database, admin_url = connection.settings_dict, os.environ["DATABASE_ADMIN_URL"]
    name = f"test_{database['NAME']}_{os.environ.get('PYTEST_XDIST_WORKER', 'main')}"
    with psycopg.connect(admin_url, autocommit=True) as admin:
        admin.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
        admin.execute(f"CREATE DATABASE {name}")
    with psycopg.connect(admin_url, dbname=name) as admin:
        create_roles(admin, ROLES, {}, lambda message: None)  # its lock lasts as long as the transaction
        for role in (ROLES.owner, ROLES.web, ROLES.maintenance, "none"):
            _create_login_that_becomes(admin, role)
    with django_db_blocker.unblock():
        database |= {"NAME": name, "USER": ROLES.owner}
        call_command("migrate", verbosity=0)
        _connect_as(ROLES.web)
    yield
    with django_db_blocker.unblock():
        _disconnect()
    with psycopg.connect(admin_url, autocommit=True) as admin:
        admin.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


def _create_login_that_becomes(admin: psycopg.Connection, role: str) -> None:
    """Create a superuser whose sessions in this database take another role, and can take any in a transaction.

    A connection option could set the role, too, but not through PgBouncer.
    """
    login = _login_that_becomes(role)
    if not admin.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [login]).fetchone():
        admin.execute(f"CREATE ROLE {login} LOGIN SUPERUSER")
    for statement in session_settings(login, admin.info.dbname):
        admin.execute(statement)
    admin.execute(f"ALTER ROLE {login} IN DATABASE {admin.info.dbname} SET role = {role}")


def _login_that_becomes(role: str) -> str:
    return f"tests_as_{role}"


def _connect_as(role: str) -> None:
    """Open all connections as the role, from now on."""
    _disconnect()
    connection.settings_dict["USER"] = _login_that_becomes(role)


def _disconnect() -> None:
    connection.close()
    connection.close_pool()


@contextmanager
def as_owner() -> Iterator[None]:
    """Run a block with the owner's rights, in a transaction: for changes by the test, not by the code under test."""
    with as_role(ROLES.owner):
        yield


def execute_as_owner(sql: str, params: Sequence | None = None) -> None:
    """Execute SQL with the owner's rights."""
    with as_owner(), connection.cursor() as cursor:
        cursor.execute(sql, params)


@contextmanager
def as_app() -> Iterator[None]:
    """Run a block with the rights of the app, which finds its tables without a schema. New ones get the usual rights.

    In the database of the tests, our owner also owns the app's tables, because `migrate` created them.
    """
    with as_owner(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL search_path = public")
        yield
        grant_shared_tables(connection.connection, ROLES, existing_tables(connection.connection))
        cursor.execute("SET LOCAL search_path = privet, pg_temp")


def execute_in_app(sql: str, params: Sequence | None = None) -> None:
    """Execute SQL with the rights of the app."""
    with as_app(), connection.cursor() as cursor:
        cursor.execute(sql, params)


@contextmanager
def as_superuser() -> Iterator[None]:
    """Run a block with the rights of a superuser, in a transaction."""
    with as_role("none"):
        yield


@contextmanager
def as_role(name: str) -> Iterator[None]:
    """Run a block with the rights of a role, in a transaction."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT current_user")
        before = cursor.fetchone()[0]
        cursor.execute(f"SET LOCAL ROLE {name}")
        yield
        cursor.execute(f"SET LOCAL ROLE {before}")


@contextmanager
def _connections_as(role: str) -> Iterator[None]:
    """Run a block as a role, on all connections that are opened in it. Reuse the connection of an open transaction."""
    if connection.in_atomic_block:
        with as_role(role):
            yield
        return
    _connect_as(role)
    yield
    _connect_as(ROLES.web)


@pytest.fixture
def maintenance(db) -> Iterator[None]:
    """Run the whole test as the maintenance role: for code that only its commands run."""
    with _connections_as(ROLES.maintenance):
        yield


@pytest.fixture
def owner(db) -> Iterator[None]:
    """Run the whole test as the owner: for code that only `migrate` runs."""
    with _connections_as(ROLES.owner):
        yield


@pytest.fixture
def superuser(db) -> Iterator[None]:
    """Run the whole test as a superuser: for code that reads or changes the whole database."""
    with _connections_as("none"):
        yield


@pytest.fixture(autouse=True, scope="session")
def _flush_as_owner():
    """Let Django truncate the tables after tests with real transactions: only their owner may."""
    # Patched on the class, because Playwright's event loop has its own connection.
    operations = type(connection.ops)
    execute = operations.execute_sql_flush

    def execute_as_owner(self, statements):
        execute(self, [f"SET LOCAL ROLE {ROLES.owner}", *statements])

    operations.execute_sql_flush = execute_as_owner


@pytest.fixture(autouse=True)
def _empty_shared_tables(request):
    """Truncate the app's tables after a test with real transactions; Django truncates only managed tables."""
    marker = request.node.get_closest_marker("django_db")
    if "transactional_db" not in request.fixturenames and not (marker and marker.kwargs.get("transaction")):
        yield
        return
    request.getfixturevalue("transactional_db")
    yield
    with as_owner(), connection.cursor() as cursor:
        tables = ", ".join(f"public.{table}" for table in existing_tables(connection.connection))
        cursor.execute(f"TRUNCATE {tables}, public.manager_clients, privet_inbox.user_changes CASCADE")
