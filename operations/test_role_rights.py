"""`check --deploy` accepts the rights that an installation has, and reports others."""

import re

import pytest

from neighbour import app as client_app
from neighbour.installations import copy_of
from operations.conftest import role_urls


@pytest.fixture
def beside_app(installed):
    with copy_of(installed) as copy:
        yield copy


def warnings(created) -> str:
    """Return the messages about the database shared with the app."""
    check = created.manage("check", "--deploy", "--database", "default", check=False, **role_urls(created))
    assert "System check identified" in check.stderr, check.stderr
    return "\n".join(re.findall(r"^.*privet\.[EW]03\d.*$", check.stderr, re.MULTILINE))


def test_check_accepts_a_new_installation(beside_app):
    assert warnings(beside_app) == ""


def test_rights_that_a_role_does_not_need_are_reported(beside_app):
    web = role_urls(beside_app)["DATABASE_URL"].partition("//")[2].partition(":")[0]
    beside_app.execute(
        f"GRANT DELETE ON privet.manager_disclosures TO {web};"
        f"GRANT UPDATE (pdf_sha256) ON privet.manager_contracts TO {web};"
        f"GRANT CREATE ON SCHEMA privet_inbox TO {web}; DROP INDEX users_privet_email"
    )
    found = warnings(beside_app)
    assert f"{web} can do more than it needs: DELETE on manager_disclosures" in found
    assert f"{web} can do more than it needs: UPDATE of manager_contracts.pdf_sha256" in found
    assert f"{web} can do more than it needs: create in the schema privet_inbox" in found
    assert "privet.W032" in found


PROTECTED = """
from clients.models import Client
print(sorted((client.user.phone, client.is_protected) for client in Client.objects.select_related("user")))
"""


def test_of_the_apps_sessions_only_the_account_can_be_read(beside_app):
    """Both accounts have the password hash of accounts that we create, so only the session protects one of them."""
    with beside_app.app() as app:
        user = client_app.sign_up(app, phone="9100000001", name="Аня")
        client_app.sign_up(app, phone="9100000002", name="Борис")
        app.execute(
            "INSERT INTO sessions (id, user_id, refresh_token, expires_at, created_at)"
            " VALUES (gen_random_uuid(), %s, 'secret', now(), now())",
            [user],
        )
    beside_app.manage("sync_clients", **role_urls(beside_app))
    beside_app.execute(
        "UPDATE public.users SET password_hash = 'ours';"
        "UPDATE privet.manager_clients SET initial_password_hash = 'ours'"
    )

    shown = beside_app.manage("shell", "-v0", "-c", PROTECTED, **role_urls(beside_app)).stdout
    assert "[('9100000001', True), ('9100000002', False)]" in shown
    prefix = beside_app.app_role.removesuffix("app")
    for role in ("web", "maintenance"):
        rights = beside_app.execute(
            "SELECT attname FROM pg_attribute WHERE attrelid = 'public.sessions'::regclass AND attnum > 0"  # noqa: S608
            f" AND has_column_privilege('{prefix}{role}', attrelid, attnum, 'SELECT')"
        )
        assert rights == [("user_id",)]


def test_missing_right_to_read_who_signed_in_is_reported(beside_app):
    """As after an update from a version that did not read them."""
    web = role_urls(beside_app)["DATABASE_URL"].partition("//")[2].partition(":")[0]
    beside_app.execute(f"REVOKE SELECT (user_id) ON public.sessions FROM {web}")  # noqa: S608
    assert "privet.W034" in warnings(beside_app)

    beside_app.manage("create_roles", **role_urls(beside_app))
    assert warnings(beside_app) == ""
