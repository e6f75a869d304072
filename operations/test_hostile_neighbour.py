"""The owner of the shared tables sets traps: none runs with our rights, reads our data or forges a record."""

import json

import psycopg
import pytest

from neighbour import app as client_app
from neighbour import hostile
from neighbour.installations import copy_of
from operations.conftest import role_urls

# What Privet does with shared tables, each in its own transaction. Prints the class of the error, or "", by name.
WORK = """
import json
from django.core.checks import run_checks
from django.db import transaction
from django.test import Client as Browser
from django.utils import timezone
from clients.models import Client
from devices.models import Device, DeviceType
from devices.saving import delete_device, save_device
from managers.models import Manager
from support import bridge
from support.models import Ticket

anna, vera = Manager.objects.get(name="Анна"), Manager.objects.get(name="Вера")
outcomes = {}

def attempt(action):
    try:
        with transaction.atomic():
            action()
        outcomes[action.__name__] = ""
    except Exception as error:
        outcomes[action.__name__] = repr(error)[:300]

def get(manager, url):
    browser = Browser(raise_request_exception=False)
    browser.force_login(manager)
    return browser.get(url, SERVER_NAME="localhost")

def show_lists():
    for manager, url in ((anna, "/clients/?tab=new"), (vera, "/support/")):
        status = get(manager, url).status_code
        assert status == 200, f"{url}: {status}"

def search():
    list(Client.objects.search("аня"))

def add_client():
    Client.add(by=anna, name="Борис", phone="9100000009", email="b@example.ru", address="г. Тверь")

def confirm_contact():
    client = Client.objects.select_related("user").get(user__phone="9100000001")
    client.confirm_contact(by=anna, name="Анна", phone="9100000001", email="a@example.ru", address="г. Москва")

def add_device():
    client = Client.objects.get(user__phone="9100000001")
    save_device(Device(client=client, type=DeviceType.objects.first(), title="Чайник"), by=anna)

def remove_device():
    delete_device(Device.objects.get(), by=anna)

def notify():
    client = Client.objects.select_related("user").get(user__phone="9100000001")
    bridge.notify_client(client, "Здравствуйте", by=anna, now=timezone.now())

def show_ticket():
    assert get(vera, f"/support/{Ticket.objects.get().pk}/").status_code == 200

for action in (
    show_lists, search, add_client, confirm_contact, add_device, notify, show_ticket, remove_device, show_lists,
):
    attempt(action)
reported = {message.id for message in run_checks(databases=["default"])}
print(json.dumps({"errors": {name: error for name, error in outcomes.items() if error}, "reported": sorted(reported)}))
"""
# Traps whose code must not run at all. The others may run it as the bridge.
NEVER_RUN = {
    "temporary_relations", "relations_in_public", "functions_and_operators", "copies_of_our_functions", "casts",
    "views", "policies", "retyped_columns", "search_path_of_the_database",
}  # fmt: skip
# Traps that `check --database` reports as E031.
REPORTED = {"casts", "views", "rules", "policies", "domains", "retyped_columns"}
# Traps with which some of the work must fail.
REFUSED = {"views", "policies", "parameters", "domains"}


@pytest.fixture
def attacked(installed):
    with copy_of(installed) as copy, copy.app() as app:
        client_app.sign_up(app, phone="9100000001", name="Аня")
        yield copy, app


def work(installed) -> dict:
    """Return the errors by name, and the ids of what `check --database` reports."""
    return json.loads(installed.manage("shell", "-v0", "-c", WORK, **role_urls(installed)).stdout)


def test_work_succeeds_without_traps(attacked):
    copy, _ = attacked
    assert work(copy)["errors"] == {}


@pytest.mark.parametrize("trap", hostile.TRAPS)
def test_trap_runs_with_no_rights_of_ours(attacked, trap):
    copy, app = attacked
    hostile.prepare(app)
    hostile.TRAPS[trap](app)
    client_app.edit_profile(app, client_app.find_account(app, phone="9100000001"), name="Аня Вторая")

    outcome = work(copy)

    if trap in REFUSED:
        assert outcome["errors"]
    else:
        assert outcome["errors"] == {}
    bridge = copy.app_role.removesuffix("app") + "owner_bridge"
    assert {(run.role, *run.succeeded) for run in hostile.runs_by_others(app)} <= {(bridge,)}
    if trap in NEVER_RUN:
        assert hostile.count_runs_by_others(app) == 0
    assert forged_records(copy) == []
    assert ("privet.E031" in outcome["reported"]) == (trap in REPORTED)


def forged_records(copy) -> list[str]:
    """Return the tables of histories with a context that no page or command of ours set."""
    with psycopg.connect(copy.superuser_url, autocommit=True) as connection:
        tables = connection.execute(
            "SELECT attrelid::regclass::text FROM pg_attribute WHERE attname = 'pgh_context' AND attnum > 0"
        ).fetchall()
        return [
            table for (table,) in tables
            if connection.execute(f"SELECT 1 FROM {table} WHERE pgh_context::text LIKE '%forged%'").fetchone()  # noqa: S608
        ]  # fmt: skip
