"""The commands of the timers have the rights they need, each with its role."""

import pytest

from neighbour import app as client_app
from neighbour.installations import copy_of
from operations.conftest import role_urls

# The rights don't depend on the version of the server.
pytestmark = pytest.mark.parametrize("installed", ["configured"], indirect=True, scope="session")

COMMANDS = (
    ("worker", "--once"),
    ("clean_storage", "--remove"),
    ("apply_retention", "--apply"),
    ("sync_devices",),
    ("sync_invoices",),
    ("sync_tickets",),
    ("sync_clients",),
    ("clearsessions",),
    ("verify_audit",),
    ("rotate_keys", "--apply"),
)


@pytest.fixture(scope="module")
def with_client(installed):
    with copy_of(installed) as copy:
        with copy.app() as app:
            user_id = client_app.sign_up(app, phone="9100000001", name="Аня")
            client_app.open_ticket(app, user_id, "Вопрос")
        yield copy


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command[0])
def test_command_succeeds_with_separate_roles(with_client, command):
    with_client.manage(*command, **role_urls(with_client))
