"""`database_state` tells the starting points of docs/deployment.md apart."""

import pytest

from neighbour.installations import Kind, copy_of, installation
from neighbour.servers import configured_server
from operations.conftest import role_urls


def state(created, **environment: str) -> list[str]:
    output = created.manage("database_state", **(role_urls(created) | environment)).stdout
    return [line.partition(": ")[2] for line in output.splitlines()]


@pytest.mark.parametrize(
    ("kind", "app", "older"),
    [
        (Kind.NOTHING, "none", "not installed"),
        (Kind.APP, "all, with user_invoices as the app creates it", "not installed"),
        (Kind.APP_AND_OLDER, "all, with user_invoices as the older manager system creates it", "installed"),
    ],
)
def test_databases_without_privet(kind, app, older):
    with installation(configured_server(), kind) as created:
        found, older_found, privet, roles = state(created)
        assert (found, older_found, privet) == (app, older, "not installed")
        assert roles.startswith("missing: ")

        one = created.superuser_url
        assert state(created, DATABASE_URL=one, DATABASE_OWNER_URL="", DATABASE_MAINTENANCE_URL="")[3] == (
            "one for everything"
        )


def test_installation_with_separate_roles(installed):
    with copy_of(installed) as copy:
        copy.execute("DROP TABLE user_invoice_payments", role=copy.app_role)
        app, _, privet, roles = state(copy)
    assert app == "without user_invoice_payments"
    assert privet == "in the schema privet"
    assert roles.startswith("separate: ")


def test_installation_of_an_earlier_version():
    with installation(configured_server(), Kind.APP) as created:
        created.execute(
            "CREATE TABLE django_migrations (app text, name text);"
            "INSERT INTO django_migrations VALUES ('clients', '0001_initial')"
        )
        assert state(created)[2] == "in the schema public, which migrate moves"
