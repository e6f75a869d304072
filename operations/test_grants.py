"""What the web role can't do, even if somebody can run any SQL as it."""

import pgtrigger
import pytest
from django.db import DatabaseError, ProgrammingError, connection, transaction

from clients.models import Client, ClientChange, Status
from conftest import ROLES, as_role, execute_as_owner
from contracts import issuing
from contracts.models import Contract
from devices.models import Device
from managers.history import history_of
from operations.database_checks import check_role_rights
from operations.grants import WEB_COLUMNS, WEB_RIGHTS, is_history, own_models, web_columns

pytestmark = pytest.mark.django_db

HISTORIES = [model for model in own_models() if is_history(model)]
ADDED_ONLY = [name for name, rights in WEB_RIGHTS.items() if "UPDATE" not in rights and name not in WEB_COLUMNS]


def execute(sql: str) -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(sql)


def denied(sql: str) -> None:
    with pytest.raises(ProgrammingError, match="permission denied"):
        execute(sql)


def first_column(table: str) -> str:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT attname FROM pg_attribute"
            " WHERE attrelid = %s::regclass AND attnum > 0 AND attidentity = '' AND NOT attisdropped LIMIT 1",
            [table],
        )
        return cursor.fetchone()[0]


@pytest.mark.parametrize("table", [model._meta.db_table for model in HISTORIES])
def test_histories_can_only_be_read(table):
    column = first_column(table)
    denied(f"INSERT INTO {table} SELECT * FROM {table}")  # noqa: S608
    denied(f"UPDATE {table} SET {column} = {column}")  # noqa: S608
    denied(f"DELETE FROM {table}")  # noqa: S608
    denied(f"TRUNCATE {table}")


@pytest.mark.parametrize("table", ADDED_ONLY)
def test_logs_are_never_changed(table):
    column = first_column(table)
    denied(f"UPDATE {table} SET {column} = {column}")  # noqa: S608
    denied(f"DELETE FROM {table}")  # noqa: S608


def test_every_log_is_covered():
    assert {
        "manager_disclosures",
        "manager_contract_events",
        "manager_fraud_signals",
        "manager_client_changes",
        "manager_support_messages",
        "manager_masked_messages",
    } <= set(ADDED_ONLY)


@pytest.mark.parametrize("table", sorted(WEB_COLUMNS))
def test_only_some_columns_of_evidence_can_be_changed(table):
    (model,) = [model for model in own_models() if model._meta.db_table == table]
    for field in model._meta.concrete_fields:
        if field.column not in web_columns(model):
            denied(f"UPDATE {table} SET {field.column} = {field.column}")  # noqa: S608
    denied(f"DELETE FROM {table}")  # noqa: S608


@pytest.mark.parametrize(
    "sql",
    [
        "CREATE TABLE privet.mine ()",
        "CREATE TABLE privet_inbox.mine ()",
        "ALTER TABLE manager_contracts DISABLE TRIGGER ALL",
        "SET LOCAL session_replication_role = replica",
        "UPDATE public.users SET name = 'Другое'",
        "INSERT INTO public.devices (id) VALUES (gen_random_uuid())",
        "DELETE FROM public.support_messages",
        "CREATE OR REPLACE FUNCTION privet.write_shared(action text, target text, ids uuid[], new_values jsonb)"
        " RETURNS bigint LANGUAGE sql AS 'SELECT 1::bigint'",
    ],
)
def test_tables_functions_and_the_apps_rows_cannot_be_changed(sql):
    with pytest.raises(DatabaseError, match="permission denied|must be owner"):
        execute(sql)


def test_switching_triggers_off_achieves_nothing(make, anna):
    client = make.awaiting_contract(anna)
    contract = issuing.issue(client, by=anna)
    before = history_of(Client).count()

    with pgtrigger.ignore():
        with pytest.raises(DatabaseError, match="Invalid transition"), transaction.atomic():
            Client.objects.filter(pk=client.pk).update(status=Status.NEW)
        Client.objects.filter(pk=client.pk).update(status=Status.AWAITING_PAYMENT)
        with pytest.raises(DatabaseError), transaction.atomic():
            Contract.objects.filter(pk=contract.pk).update(surcharge=1)

    assert history_of(Client).count() == before + 1


def test_history_cannot_be_skipped_by_naming_its_trigger(make, anna):
    device = make.device(make.verified(anna), anna)
    names = [f"{trigger.get_pgid(model)}" for model, trigger in pgtrigger.registered() if model is Device]
    before = history_of(Device).count()
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT set_config('pgtrigger.ignore', %s, true)", ["{" + ",".join(names) + "}"])
        cursor.execute("UPDATE manager_devices SET title = 'Другое' WHERE id = %s", [device.pk])
    assert history_of(Device).count() == before + 1


def test_maintenance_may_erase_what_web_may_not(make, anna):
    client = make.verified(anna)
    with as_role(ROLES.maintenance), pgtrigger.ignore("clients.ClientHistory:append_only"):
        assert history_of(Client).filter(pgh_obj=client).delete()[0]
    assert ClientChange.objects.filter(client=client).exists()


def reported_rights() -> list[str]:
    """Return the messages of `check --deploy` about roles that can do more than they need."""
    return [warning.msg for warning in check_role_rights(None, databases=["default"]) if warning.id == "privet.W031"]


def test_roles_have_no_excess_rights():
    assert reported_rights() == []


@pytest.mark.parametrize(
    ("statement", "reported"),
    [
        ("GRANT DELETE ON manager_disclosures TO {web}", "DELETE on manager_disclosures"),
        ("GRANT UPDATE (number) ON manager_contracts TO {web}", "UPDATE of manager_contracts.number"),
        ("GRANT INSERT ON manager_clients_history TO {web}", "INSERT on manager_clients_history"),
        ("GRANT CREATE ON SCHEMA privet TO {web}", "create in the schema privet"),
    ],
)
def test_excess_right_is_reported(statement, reported):
    execute_as_owner(statement.format(web=ROLES.web))
    assert any(ROLES.web in message and reported in message for message in reported_rights())
