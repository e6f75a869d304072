"""Checks of the database that we share with the app: what it must contain, and what must not be there."""

import pytest
from django.db import connection

from conftest import as_owner, execute_in_app
from operations import database_checks


def ids(messages) -> list[str]:
    return [message.id for message in messages]


@pytest.mark.parametrize(
    "trap",
    [
        "ALTER TABLE users RENAME TO users_kept; CREATE VIEW users AS SELECT * FROM users_kept",
        "ALTER TABLE users ENABLE ROW LEVEL SECURITY",
        "CREATE RULE trap AS ON INSERT TO users DO NOTHING",
        "CREATE DOMAIN trapped AS text; ALTER TABLE users ALTER COLUMN name TYPE trapped",
        "CREATE FUNCTION trapped(user_status_t) RETURNS text LANGUAGE sql AS 'SELECT ''active''::text';"
        "CREATE CAST (user_status_t AS text) WITH FUNCTION trapped(user_status_t) AS IMPLICIT",
    ],
    ids=["view", "policy", "rule", "type", "cast"],
)
def test_table_of_the_app_that_could_run_code_is_an_error(db, trap):
    assert database_checks.check_shared_tables_trusted(None, databases=["default"]) == []

    execute_in_app(trap)
    assert "privet.E031" in ids(database_checks.check_shared_tables_trusted(None, databases=["default"]))


def test_missing_column_of_the_app_is_an_error(db):
    assert database_checks.check_shared_columns(None, databases=["default"]) == []

    execute_in_app("ALTER TABLE users RENAME COLUMN address TO place")
    assert ids(database_checks.check_shared_columns(None, databases=["default"])) == ["privet.E030"]


def test_other_search_path_is_an_error(db):
    assert database_checks.check_session_isolation(None, databases=["default"]) == []

    with as_owner(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL search_path = privet, public")
        assert ids(database_checks.check_session_isolation(None, databases=["default"])) == ["privet.E032"]
        cursor.execute("SET LOCAL search_path = privet, pg_temp")
