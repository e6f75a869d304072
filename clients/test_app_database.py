"""Migrations on a database created by another version of «Привет Супер», with other columns and labels."""

import json
import os
import subprocess
import sys
from urllib.parse import urlsplit

import psycopg
import pytest
from django.conf import settings

from foundation.database.roles import Role

NAME = "test_privet_of_the_app"
SHARED = ("users", "devices", "device_photos", "support_tickets", "support_messages")

APP_SCHEMA = """
    CREATE TYPE user_status_t AS ENUM ('ghost', 'active', 'blocked', 'deleted', 'frozen');
    CREATE TYPE supportcasestatus AS ENUM ('open', 'pending', 'closed', 'rejected');
    CREATE TYPE messageauthor AS ENUM ('user', 'support', 'robot');
    CREATE TABLE users (
        id uuid PRIMARY KEY, phone varchar NOT NULL, email varchar, password_hash varchar NOT NULL,
        name varchar NOT NULL, address text, status user_status_t NOT NULL DEFAULT 'active',
        has_subscription boolean NOT NULL, created_at timestamptz NOT NULL, updated_at timestamptz NOT NULL,
        deleted_at timestamptz, push_token varchar, bonus integer NOT NULL DEFAULT 7
    );
    CREATE UNIQUE INDEX ix_users_phone ON users (phone);
    CREATE UNIQUE INDEX ix_users_email ON users (email);
    CREATE TABLE devices (
        id uuid PRIMARY KEY, user_id uuid REFERENCES users (id), title varchar NOT NULL, brand varchar NOT NULL,
        model varchar NOT NULL, serial_number varchar NOT NULL UNIQUE, purchase_date date, warranty_until date,
        created_at timestamptz NOT NULL, updated_at timestamptz NOT NULL, room varchar
    );
    CREATE TABLE device_photos (
        id uuid PRIMARY KEY, device_id uuid NOT NULL REFERENCES devices (id), file_url varchar NOT NULL,
        created_at timestamptz NOT NULL, updated_at timestamptz NOT NULL DEFAULT now()
    );
    CREATE TABLE service_requests (id uuid PRIMARY KEY, device_id uuid NOT NULL REFERENCES devices (id));
    CREATE TABLE support_tickets (
        id uuid PRIMARY KEY, user_id uuid NOT NULL, subject varchar(255) NOT NULL,
        status supportcasestatus NOT NULL DEFAULT 'open', created_at timestamp NOT NULL, updated_at timestamptz NOT NULL
    );
    CREATE INDEX ix_support_tickets_user_id ON support_tickets (user_id);
    CREATE TABLE support_messages (
        id uuid PRIMARY KEY, ticket_id uuid NOT NULL REFERENCES support_tickets (id) ON DELETE CASCADE,
        author messageauthor NOT NULL, body text, created_at timestamp NOT NULL, updated_at timestamptz NOT NULL
    );
    CREATE INDEX ix_support_messages_ticket_id ON support_messages (ticket_id);

    INSERT INTO users (id, phone, email, password_hash, name, address, status, has_subscription, created_at, updated_at)
    SELECT gen_random_uuid(), (9770000000 + n)::text, NULL, 'x', 'Ёлкин ' || n, 'г. Псков', status, false, now(), now()
    FROM unnest(ARRAY['active', 'active', 'ghost', 'blocked', 'frozen']::user_status_t[]) WITH ORDINALITY s (status, n);
    INSERT INTO support_tickets
    SELECT gen_random_uuid(), id, 'Вопрос', 'rejected', '2026-11-23 10:00', now() FROM users WHERE status = 'frozen';
    INSERT INTO support_messages SELECT gen_random_uuid(), id, 'robot', NULL, created_at, now() FROM support_tickets;
"""

# Everything that the app can observe: columns, indexes, constraints (also of referring tables), triggers, labels.
STRUCTURE = """
    SELECT 'column', table_name::text, concat_ws(' ', column_name, ordinal_position, data_type, udt_name,
           character_maximum_length, is_nullable, column_default)
    FROM information_schema.columns WHERE table_name = ANY(%(tables)s)
    UNION ALL
    SELECT 'index', tablename::text, indexdef FROM pg_indexes WHERE tablename = ANY(%(tables)s)
    UNION ALL
    SELECT 'constraint', conrelid::regclass::text, concat_ws(' ', conname, pg_get_constraintdef(oid))
    FROM pg_constraint
    WHERE conrelid::regclass::text = ANY(%(tables)s) OR confrelid::regclass::text = ANY(%(tables)s)
    UNION ALL
    SELECT 'trigger', tgrelid::regclass::text, pg_get_triggerdef(oid)
    FROM pg_trigger WHERE tgrelid::regclass::text = ANY(%(tables)s)
    UNION ALL
    SELECT 'label', enumtypid::regtype::text, concat_ws(' ', enumsortorder, enumlabel) FROM pg_enum
"""


def structure(database) -> set:
    return set(database.execute(STRUCTURE, {"tables": list(SHARED)}).fetchall())


def rows(database) -> dict:
    return {table: sorted(database.execute(f"SELECT {table}::text FROM {table}").fetchall()) for table in SHARED}  # noqa: S608


def url_of(variable: str) -> str:
    """Return the URL in an environment variable, for that database."""
    return urlsplit(os.environ[variable])._replace(path=f"/{NAME}").geturl()


def manage(*arguments: str) -> str:
    """Run a management command on that database and return its output."""
    command = [sys.executable, "manage.py", *arguments, "-v0"]
    variables = ["DATABASE_ADMIN_URL", *(role.variable for role in Role)]
    environment = os.environ | {variable: url_of(variable) for variable in variables}
    return subprocess.run(
        command, cwd=settings.BASE_DIR, env=environment, check=True, timeout=120, capture_output=True, text=True
    ).stdout


# Labels and columns of another version of the app are read unchanged.
READ = """
import json
from clients.models import AppUser, Client
from support.models import Message, Ticket
print(json.dumps({
    "clients": sorted(Client.objects.values_list("user__name", flat=True)),
    "found": Client.objects.search("елкин псков").count(),
    "status": AppUser.objects.get(name="Ёлкин 5").status,
    "ticket": Ticket.objects.get().status_label,
    "author": Message.objects.get().author,
    "body": Message.objects.get().body,
}))
"""


@pytest.fixture
def app_database():
    """A database created by the app, before our first migration."""
    with psycopg.connect(os.environ["DATABASE_ADMIN_URL"], autocommit=True) as server:
        server.execute(f"DROP DATABASE IF EXISTS {NAME} WITH (FORCE)")
        server.execute(f"CREATE DATABASE {NAME} TEMPLATE template0")
    with psycopg.connect(url_of("DATABASE_ADMIN_URL"), autocommit=True) as database:
        database.execute(APP_SCHEMA)
        yield database
    with psycopg.connect(os.environ["DATABASE_ADMIN_URL"], autocommit=True) as server:
        server.execute(f"DROP DATABASE {NAME} WITH (FORCE)")


def test_migrations_do_not_change_the_tables_of_the_app(app_database):
    structure_before, rows_before = structure(app_database), rows(app_database)

    manage("create_roles")
    manage("migrate")
    manage("migrate")

    assert structure_before <= structure(app_database)
    added = structure(app_database) - structure_before
    assert all("privet" in definition and kind in ("trigger", "index") for kind, _, definition in added), added
    assert [table for kind, table, _ in added if kind == "trigger"] == ["users"]
    assert rows(app_database) == rows_before

    assert json.loads(manage("shell", "-c", READ)) == {
        "clients": ["Ёлкин 1", "Ёлкин 2"],
        "found": 2,
        "status": "frozen",
        "ticket": "Отклонено",
        "author": "robot",
        "body": None,
    }
    app_database.execute("UPDATE users SET status = 'active' WHERE status = 'frozen'")
    manage("shell", "-c", "from clients import inbox; inbox.drain()")
    assert app_database.execute("SELECT count(*) FROM privet.manager_clients").fetchone() == (3,)
