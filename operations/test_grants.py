"""What the web and maintenance roles may not do, and the checks that report a right or a table that should not be."""

import pytest
from django.db import ProgrammingError, connection, transaction

from conftest import ROLES, as_owner, as_role, execute_as_owner, execute_in_app
from operations import database_checks
from operations.grants import is_history, own_models

HISTORIES = sorted(model._meta.db_table for model in own_models() if is_history(model))
REFUSED_TO_WEB = [
    "UPDATE manager_contracts SET pdf_sha256 = ''",
    "DELETE FROM manager_contracts",
    "UPDATE manager_invoices SET amount = 1",
    "UPDATE manager_contract_events SET facts = ''",
    "DELETE FROM manager_disclosures",
    "UPDATE manager_support_messages SET body = ''",
    "UPDATE manager_payment_claims SET amount = 1",
    "DELETE FROM manager_agreements",
    "INSERT INTO manager_erasures (reason) VALUES ('')",
    "TRUNCATE manager_clients",
    "ALTER TABLE manager_clients DISABLE TRIGGER ALL",
    "UPDATE public.users SET name = ''",
    "DELETE FROM public.support_messages",
    "CREATE TABLE privet.mine ()",
    "CREATE TABLE public.mine ()",
    "CREATE OR REPLACE FUNCTION privet.privet_fold(value text) RETURNS text LANGUAGE sql AS 'SELECT value'",
]


def is_refused(statement: str, role: str) -> bool:
    with as_role(role), connection.cursor() as cursor:
        try:
            with transaction.atomic():
                cursor.execute(statement)
        except ProgrammingError as error:
            return "permission denied" in str(error) or "must be owner" in str(error)
    return False


@pytest.mark.parametrize("statement", REFUSED_TO_WEB)
def test_web_role_is_refused(db, statement):
    assert is_refused(statement, ROLES.web)


@pytest.mark.parametrize("table", HISTORIES)
def test_web_role_only_reads_histories(db, table):
    for statement in ("INSERT INTO {} DEFAULT VALUES", "UPDATE {} SET pgh_label = ''", "DELETE FROM {}"):
        assert is_refused(statement.format(table), ROLES.web)
    assert is_refused(f"INSERT INTO {table} DEFAULT VALUES", ROLES.maintenance)


def ids(messages) -> list[str]:
    return [message.id for message in messages]


def test_superfluous_right_warns(db):
    assert database_checks.check_role_rights(None, databases=["default"]) == []

    execute_as_owner(f"GRANT UPDATE ON manager_disclosures TO {ROLES.web}")
    (warning,) = database_checks.check_role_rights(None, databases=["default"])
    assert warning.id == "privet.W031"
    assert "UPDATE on manager_disclosures" in warning.msg


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
