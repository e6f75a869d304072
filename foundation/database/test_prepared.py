from concurrent.futures import ThreadPoolExecutor

import django
import psycopg
import pytest
from django.db import NotSupportedError, connection, transaction

from conftest import PASSWORD, ROLES, as_owner, execute_as_owner
from foundation.database import configuration, prepared
from managers.models import Manager

PLACEHOLDER = "nobody@example.ru"
PARSED_URL = {"NAME": "privet"}


def changed(what: str) -> str:
    return f"Django {django.__version__} changed {what}: adapt foundation/database/prepared.py, written for Django 6.1"


def name_sql(name: str) -> str:
    """SQL for the names of managers with this name and a given e-mail address."""
    managers = Manager.objects.filter(email=PLACEHOLDER, name=name).exclude(name__contains="50%")
    return prepared.queryset_sql(managers.values_list("name"), email=PLACEHOLDER)


def prepared_statements() -> list[tuple[str, int, int]]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT statement, generic_plans, custom_plans FROM pg_prepared_statements ORDER BY prepare_time"
        )
        return cursor.fetchall()


def test_sql_with_params_gives_sql_and_parameters():
    sql, parameters = Manager.objects.filter(email="one@example.ru", name="Анна").query.sql_with_params()
    assert sql.count("%s") == 2, changed("the SQL of Query.sql_with_params")
    assert parameters == ("one@example.ru", "Анна"), changed("the parameters of Query.sql_with_params")


def test_cursor_of_a_wrapper_can_be_replaced(db):
    executed = []

    class Recording(psycopg.Cursor):
        def execute(self, query, params=None):
            executed.append(query)
            return super().execute(query, params)

    with connection.cursor() as cursor:
        assert isinstance(cursor.cursor, psycopg.Cursor | psycopg.ClientCursor), changed("CursorWrapper.cursor")
        assert isinstance(connection.connection, psycopg.Connection), changed("connection.connection")
        cursor.cursor = Recording(connection.connection)
        cursor.execute("SELECT %s::int", [7])
        assert (executed, cursor.fetchall()) == (["SELECT %s::int"], [(7,)]), changed("how CursorWrapper executes")


@pytest.mark.parametrize("name", ["Анна", "О'Нил", "100 %", "%s", "%(email)s", "a\\b", "%%"])
def test_placeholders_become_parameters_and_constants_are_inlined(db, name):
    Manager.objects.create_user("one@example.ru", PASSWORD, name=name)
    sql = name_sql(name)

    assert prepared.fetch_rows(sql, email="one@example.ru") == [(name,)]
    assert prepared.fetch_rows(sql, email="two@example.ru") == []


def test_partial_index_condition_is_inlined(db):
    """With a generic plan for any status PostgreSQL would not use the partial index of unclaimed clients."""
    from clients.models import Client, Status

    pool = Client.objects.filter(status=Status.NEW, manager=None, pk=prepared.PLACEHOLDER_ID)
    sql = prepared.queryset_sql(pool.values_list("pk"), pk=prepared.PLACEHOLDER_ID)
    assert "'new'" in sql
    assert sql.count("%") == 1


def test_row_becomes_an_instance():
    from devices.models import Device

    assert "client__devices__title" in prepared.column_names(Device, "client__devices")
    device = Device(pk=prepared.PLACEHOLDER_ID, type_id=7, title="Джилекс")
    row = [getattr(device, name) for name in prepared.column_names(Device)]

    built = prepared.build_instance(Device, [*row, "columns of another table"])

    assert (built, built.title, built.type_id) == (device, "Джилекс", 7)
    assert not built._state.adding


def test_statement_is_prepared_once_and_planned_once_after_five_executions(db):
    """PostgreSQL itself chooses the plan for any value after five plans for single values."""
    sql = name_sql("Борис")
    before = len(prepared_statements())

    for number in range(8):
        prepared.fetch_rows(sql, email=f"{number}@example.ru")

    *others, (statement, generic_plans, custom_plans) = prepared_statements()
    assert len(others) == before
    assert "= $1" in statement
    assert (generic_plans, custom_plans) == (3, 5)


def test_prepared_statements_are_counted_and_logged_like_others(db, django_assert_num_queries):
    with django_assert_num_queries(1) as captured:
        prepared.fetch_rows(name_sql("Борис"), email="one@example.ru")
    assert "one@example.ru" in captured.captured_queries[0]["sql"]


def test_no_prepared_statements_behind_pgbouncer():
    """It gives a connection with the statements of one client to another client."""
    direct = configuration.database_settings(PARSED_URL, pool_size=1, pgbouncer=False)
    assert direct["OPTIONS"]["prepare_threshold"] == 0
    behind = configuration.database_settings(PARSED_URL, pool_size=1, pgbouncer=True)
    assert "prepare_threshold" not in behind["OPTIONS"]


def test_plan_cache_mode_is_the_default(db):
    with connection.cursor() as cursor:
        cursor.execute("SHOW plan_cache_mode")
        assert cursor.fetchone() == ("auto",)


@pytest.fixture
def table(transactional_db):
    with as_owner(), connection.cursor() as cursor:
        cursor.execute("CREATE TABLE prepared_probe AS SELECT 'a'::varchar(10) AS word")
        cursor.execute(f"GRANT SELECT ON prepared_probe TO {ROLES.web}")
    yield "SELECT word FROM prepared_probe WHERE word = %(word)s"
    execute_as_owner("DROP TABLE prepared_probe")


def widen() -> None:
    """Change the type of the column on another connection, as a migration does."""

    def work():
        execute_as_owner("ALTER TABLE prepared_probe ALTER word TYPE varchar(20)")
        connection.close()

    with ThreadPoolExecutor(1) as other:
        other.submit(work).result()


def test_pages_survive_a_concurrent_migration(table):
    for _ in range(2):
        assert prepared.fetch_rows(table, word="a") == [("a",)]
        widen()

    assert prepared.fetch_rows(table, word="a") == [("a",)]


def test_error_inside_a_transaction_is_raised(table):
    prepared.fetch_rows(table, word="a")
    widen()

    with pytest.raises(NotSupportedError), transaction.atomic():
        prepared.fetch_rows(table, word="a")
    assert prepared.fetch_rows(table, word="a") == [("a",)]
