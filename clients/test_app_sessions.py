"""Who has signed in to the app: its table `sessions`, which may be missing, unreadable or a trap."""

import uuid

import pytest
from django.db import ProgrammingError, connection, transaction

from clients.app_sessions import has_session
from conftest import ROLES, as_role, execute_as_owner, execute_in_app
from operations.database_checks import check_app_sessions_readable

pytestmark = pytest.mark.django_db

COLUMNS = "id uuid, user_id uuid NOT NULL, refresh_token varchar NOT NULL, user_agent varchar, ip varchar"


@pytest.fixture
def sessions() -> None:
    execute_in_app(f"CREATE TABLE sessions ({COLUMNS})")


@pytest.fixture
def signed_in(make, sessions):
    client = make.client()
    values = [uuid.uuid4(), client.user_id]
    execute_in_app("INSERT INTO sessions (id, user_id, refresh_token) VALUES (%s, %s, 'a secret')", values)
    return client


def messages() -> list[str]:
    return [message.id for message in check_app_sessions_readable(None, databases=["default"])]


def test_account_with_a_session_is_protected(signed_in, make):
    assert signed_in.is_protected
    assert not make.client().is_protected
    assert messages() == []


def test_password_of_the_client_protects_without_the_table(make):
    assert make.client(password_hash="set in the app").is_protected
    assert not make.client().is_protected
    assert messages() == []


@pytest.mark.parametrize("column", ["*", "id", "refresh_token", "user_agent", "ip"])
@pytest.mark.parametrize("role", [ROLES.web, ROLES.maintenance])
def test_our_roles_read_nothing_else_of_a_session(signed_in, column, role):
    with as_role(role), connection.cursor() as cursor:
        cursor.execute("SELECT user_id FROM public.sessions")
        with pytest.raises(ProgrammingError, match="permission denied"), transaction.atomic():
            cursor.execute(f"SELECT {column} FROM public.sessions")  # noqa: S608


@pytest.mark.parametrize(
    "statement",
    ["INSERT INTO public.sessions (user_id) VALUES (NULL)", "UPDATE public.sessions SET user_id = NULL",
     "DELETE FROM public.sessions", "SELECT user_id FROM public.sessions FOR UPDATE"],
)  # fmt: skip
@pytest.mark.parametrize("role", [ROLES.web, ROLES.maintenance, ROLES.bridge])
def test_our_roles_change_no_session(sessions, statement, role):
    denied = pytest.raises(ProgrammingError, match="permission denied")
    with as_role(role), denied, transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)


def test_missing_right_is_reported(signed_in):
    execute_as_owner(f"REVOKE SELECT (user_id) ON public.sessions FROM {ROLES.web}")  # noqa: S608
    assert not has_session(signed_in.user_id)
    assert messages() == ["privet.W034"]


@pytest.mark.parametrize(
    "trap",
    [
        "ALTER TABLE sessions RENAME TO kept; CREATE VIEW sessions AS SELECT * FROM kept",
        "ALTER TABLE sessions ENABLE ROW LEVEL SECURITY",
        "CREATE DOMAIN trapped AS uuid; ALTER TABLE sessions ALTER COLUMN user_id TYPE trapped",
        "ALTER TABLE sessions RENAME COLUMN user_id TO account_id",
    ],
    ids=["view", "policy", "type", "column"],
)
def test_what_is_no_plain_table_is_not_read(signed_in, trap):
    execute_in_app(trap)
    assert not has_session(signed_in.user_id)
    assert messages() == ["privet.W034"]
