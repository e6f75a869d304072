from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import NotSupportedError, connection, transaction

from conftest import PASSWORD
from foundation.database import configuration, prepared
from managers.models import Manager

STAND_IN = "nobody@example.ru"
ADDRESS = {"NAME": "privet"}


def named(name: str) -> str:
    """SQL for the names of those who have this name and a given address."""
    found = Manager.objects.filter(email=STAND_IN, name=name).exclude(name__contains="50%")
    return prepared.sql_of(found.values_list("name"), email=STAND_IN)


def prepared_statements() -> list[tuple[str, int, int]]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT statement, generic_plans, custom_plans FROM pg_prepared_statements ORDER BY prepare_time"
        )
        return cursor.fetchall()


@pytest.mark.parametrize("name", ["Анна", "О'Нил", "100 %", "%s", "%(email)s", "a\\b", "%%"])
def test_what_differs_is_given_and_what_does_not_is_written_out(db, name):
    Manager.objects.create_user("one@example.ru", PASSWORD, name=name)
    sql = named(name)

    assert prepared.rows(sql, email="one@example.ru") == [(name,)]
    assert prepared.rows(sql, email="two@example.ru") == []


def test_the_condition_of_an_index_is_written_out(db):
    """Of a plan for any status PostgreSQL could not tell that the index of the pool has all of its rows."""
    from clients.models import Client, Status

    pool = Client.objects.filter(status=Status.NEW, manager=None, pk=prepared.ANYBODY)
    sql = prepared.sql_of(pool.values_list("pk"), pk=prepared.ANYBODY)
    assert "'new'" in sql
    assert sql.count("%") == 1


def test_a_row_can_hold_the_objects_of_several_models(db):
    from devices.models import Device, DeviceType

    columns = prepared.columns_of(DeviceType) + prepared.columns_of(Device, "client__devices")
    assert {"name", "client__devices__title"} <= set(columns)
    pump, device = DeviceType(pk=7, name="Насос"), Device(pk=prepared.ANYBODY, type_id=7, title="Джилекс")
    row = [getattr(pump, name) for name in prepared.columns_of(DeviceType)]
    row += [getattr(device, name) for name in prepared.columns_of(Device)]

    its_type, found = prepared.instances((DeviceType, Device), row)
    assert (its_type, its_type.name) == (pump, "Насос")
    assert (found, found.title, found.type_id) == (device, "Джилекс", 7)


def test_a_statement_is_prepared_and_planned_once(db):
    sql = named("Борис")
    before = len(prepared_statements())

    for number in range(3):
        prepared.rows(sql, email=f"{number}@example.ru")

    *others, (statement, generic_plans, custom_plans) = prepared_statements()
    assert len(others) == before
    assert "= $1" in statement
    assert (generic_plans, custom_plans) == (3, 0)


def test_behind_pgbouncer_nothing_is_prepared():
    """It would hand the connection on to others, with and without the statements of one client."""
    assert configuration.settings(ADDRESS, pool_size=1, pgbouncer=False)["OPTIONS"]["prepare_threshold"] == 0
    assert "prepare_threshold" not in configuration.settings(ADDRESS, pool_size=1, pgbouncer=True)["OPTIONS"]


@pytest.fixture
def table(transactional_db):
    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE kept_probe AS SELECT 'a'::varchar(10) AS word")
    yield "SELECT word FROM kept_probe WHERE word = %(word)s"
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE kept_probe")


def widen() -> None:
    """As a migration does, on a connection of its own."""

    def work():
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE kept_probe ALTER word TYPE varchar(20)")
        connection.close()

    with ThreadPoolExecutor(1) as other:
        other.submit(work).result()


def test_a_migration_while_we_serve_stops_no_page(table):
    for _ in range(2):
        assert prepared.rows(table, word="a") == [("a",)]
        widen()

    assert prepared.rows(table, word="a") == [("a",)]


def test_within_a_transaction_the_error_is_told(table):
    prepared.rows(table, word="a")
    widen()

    with pytest.raises(NotSupportedError), transaction.atomic():
        prepared.rows(table, word="a")
    assert prepared.rows(table, word="a") == [("a",)]
