"""Sign-ups in the app become clients, whatever was installed first, and after updates of the app and of Privet."""

import json

import pytest

from neighbour import app as client_app
from neighbour.installations import Kind, copy_of, installation
from operations.conftest import STAFF, install, role_urls

NEW_CLIENTS = """
import json
from django.conf import settings
from django.test import Client as Browser
from clients.models import Client
from managers.models import Manager
settings.DEBUG = False
browser = Browser(raise_request_exception=False)
browser.force_login(Manager.objects.get(name="Анна"))
status = browser.get("/clients/?tab=new", SERVER_NAME="localhost").status_code
ready = browser.get("/readyz", SERVER_NAME="localhost").json()["checks"]
names = sorted(Client.objects.filter(status="new", manager=None).values_list("user__name", flat=True))
print(json.dumps({"status": status, "names": names, "tables": ready["shared_tables"]["ok"]}))
"""


def new_clients(created) -> dict:
    output = created.manage("shell", "-v0", "-c", NEW_CLIENTS, **role_urls(created)).stdout
    return json.loads(output.splitlines()[-1])


def sign_up(created, number: int, name: str):
    with created.app() as app:
        return client_app.sign_up(app, phone=f"910000000{number}", name=name)


@pytest.fixture(params=[Kind.NOTHING, Kind.APP_AND_OLDER], ids=["privet_first", "app_and_older_first"])
def other_order(request, postgresql):
    with installation(postgresql, request.param) as created:
        yield created


def test_sign_ups_become_clients_in_every_order(other_order):
    older = other_order.execute("SELECT count(*) FROM pg_tables WHERE tablename = 'user_contracts'") == [(1,)]
    if older:
        sign_up(other_order, 1, "Аня")

    install(other_order)
    other_order.manage("shell", "-c", STAFF, **role_urls(other_order))
    if not older:  # what the app finds where Privet made its tables
        role = other_order.app_role
        other_order.execute(f"GRANT ALL ON public.users, public.devices, public.support_tickets TO {role}")
        sign_up(other_order, 1, "Аня")
    sign_up(other_order, 2, "Борис")
    assert new_clients(other_order) == {"status": 200, "names": ["Аня", "Борис"], "tables": True}

    install(other_order)
    sign_up(other_order, 3, "Вера")
    assert new_clients(other_order)["names"] == ["Аня", "Борис", "Вера"]
    assert new_clients(other_order)["names"] == ["Аня", "Борис", "Вера"]


@pytest.fixture
def beside_app(installed):
    with copy_of(installed) as copy:
        yield copy


def test_sign_up_before_and_after_an_edit_and_closing(beside_app):
    anna = sign_up(beside_app, 1, "Аня")
    boris = sign_up(beside_app, 2, "Борис")
    with beside_app.app() as app:
        client_app.edit_profile(app, anna, name="Анна")
        client_app.close_account(app, boris)
    assert new_clients(beside_app)["names"] == ["Анна"]


@pytest.mark.parametrize(
    "migration",
    [
        "ALTER TABLE users ADD COLUMN push_token varchar; ALTER TABLE users RENAME COLUMN push_token TO token;"
        "ALTER TABLE users ALTER COLUMN token TYPE text; ALTER TABLE users DROP COLUMN token",
        "ALTER TABLE users ALTER COLUMN name TYPE varchar(300), ALTER COLUMN address TYPE text",
        "ALTER TYPE user_status_t ADD VALUE 'frozen'",
        "ALTER TYPE supportcasestatus ADD VALUE 'escalated'",
        "ALTER TABLE support_tickets ALTER COLUMN subject TYPE text",
        "ALTER TABLE support_messages ADD COLUMN file_key varchar(512)",
        "ALTER TABLE devices ADD COLUMN room varchar; ALTER TABLE devices DROP COLUMN room",
        "ALTER TABLE users ALTER COLUMN status DROP DEFAULT; ALTER TABLE users ALTER COLUMN status TYPE text",
    ],
)
def test_migration_of_the_app_is_not_blocked(beside_app, migration):
    beside_app.execute(migration, role=beside_app.app_role)

    sign_up(beside_app, 1, "Аня")
    assert new_clients(beside_app) == {"status": 200, "names": ["Аня"], "tables": True}


def test_missing_column_is_reported_and_the_app_keeps_working(beside_app):
    sign_up(beside_app, 1, "Аня")
    new_clients(beside_app)
    beside_app.execute("ALTER TABLE users RENAME COLUMN address TO place", role=beside_app.app_role)

    with beside_app.app() as app:
        app.execute("UPDATE users SET place = 'г. Тверь'")
    assert new_clients(beside_app) == {"status": 503, "names": ["Аня"], "tables": False}
    check = beside_app.manage("check", "--database", "default", check=False, **role_urls(beside_app))
    assert "privet.E030" in check.stderr
    assert "public.users.address" in check.stderr

    beside_app.execute("ALTER TABLE users RENAME COLUMN place TO address", role=beside_app.app_role)
    assert new_clients(beside_app) == {"status": 200, "names": ["Аня"], "tables": True}


def test_table_without_updated_at_does_not_stop_the_installation(beside_app):
    beside_app.execute("ALTER TABLE device_photos DROP COLUMN updated_at", role=beside_app.app_role)

    install(beside_app)

    check = beside_app.manage("check", "--database", "default", check=False, **role_urls(beside_app))
    assert "public.device_photos.updated_at is missing" in check.stderr


def test_ten_thousand_users_at_once_become_clients_once(beside_app):
    beside_app.execute(
        "INSERT INTO users (id, phone, password_hash, name, status, has_subscription, created_at, updated_at)"
        " SELECT gen_random_uuid(), (9200000000 + n)::text, 'x', 'Клиент ' || n, 'active', false, now(), now()"
        " FROM generate_series(1, 10000) n",
        role=beside_app.app_role,
    )
    assert new_clients(beside_app)["status"] == 200
    beside_app.manage("worker", "--once", **role_urls(beside_app))
    assert beside_app.execute("SELECT count(*), count(DISTINCT user_id) FROM privet.manager_clients") == [
        (10000, 10000)
    ]
