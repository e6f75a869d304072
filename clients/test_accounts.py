"""Accounts written by «Привет Супер», and the trigger that creates their clients."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from importlib import import_module
from io import StringIO

import pytest
from django.core.management import call_command
from django.db import connection, transaction

from clients.models import AccountStatus, AppUser, Client, Status
from contracts import issuing
from passport.models import Passport

SIGN_UP = """
    INSERT INTO users (id, phone, password_hash, name, has_subscription, created_at, updated_at)
    VALUES (gen_random_uuid(), '9771232323', 'x', 'Ёлкина Юлия', false, '2026-11-20 09:00+00', now())
"""


def execute(sql: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(sql)


def test_sign_up_in_the_app_creates_a_new_client(db):
    execute(SIGN_UP)

    client = Client.objects.select_related("user").get()
    assert (client.status, client.manager) == (Status.NEW, None)
    assert client.user.name == "Ёлкина Юлия"
    assert client.created_at == datetime(2026, 11, 20, 9, tzinfo=UTC)
    assert "елкина" in client.search


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("rename", "rename_back"),
    [
        ("ALTER TABLE manager_clients RENAME TO gone", "ALTER TABLE gone RENAME TO manager_clients"),
        ("ALTER FUNCTION privet_fold RENAME TO gone", "ALTER FUNCTION gone RENAME TO privet_fold"),
        ("ALTER TABLE users_passports RENAME TO gone", "ALTER TABLE gone RENAME TO users_passports"),
    ],
)
def test_sign_up_succeeds_when_our_tables_are_missing(rename, rename_back):
    with transaction.atomic():
        execute(rename)
        execute(SIGN_UP)
        execute("UPDATE users SET name = 'Другое имя'")
        execute(rename_back)

    assert AppUser.objects.get().name == "Другое имя"
    assert not Client.objects.exists()

    output = StringIO()
    call_command("sync_clients", stdout=output)
    assert output.getvalue() == "Added 1 clients, corrected 1 search texts.\n"
    assert list(Client.objects.search("другое")) == [Client.objects.get()]


@pytest.mark.django_db(transaction=True)
def test_sign_up_does_not_wait_for_our_locks(make):
    def sign_up():
        try:
            execute(SIGN_UP)
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as pool, transaction.atomic():
        execute("LOCK TABLE manager_clients IN ACCESS EXCLUSIVE MODE")
        pool.submit(sign_up).result(timeout=10)
        assert AppUser.objects.exists()


def test_the_app_needs_no_rights_on_our_tables(db):
    execute("CREATE ROLE privet_test_app")
    execute("GRANT INSERT, SELECT ON users TO privet_test_app")
    execute("SET LOCAL ROLE privet_test_app")
    execute(SIGN_UP)
    execute("RESET ROLE")

    assert Client.objects.count() == 1


@pytest.mark.parametrize("status", [AccountStatus.GHOST, AccountStatus.BLOCKED, AccountStatus.DELETED])
def test_account_becomes_a_client_only_when_active(make, status):
    user = make.user(status=status)
    assert not Client.objects.exists()

    AppUser.objects.filter(pk=user.pk).update(status=AccountStatus.ACTIVE)
    assert Client.objects.get().user_id == user.pk


def test_closed_account_leaves_the_pool_and_returns_when_reopened(make, as_anna):
    user = make.client().user

    AppUser.objects.filter(pk=user.pk).update(status=AccountStatus.BLOCKED)
    assert as_anna.get("/clients/?tab=new").context["page"].cards == []

    AppUser.objects.filter(pk=user.pk).update(status=AccountStatus.ACTIVE)
    assert len(as_anna.get("/clients/?tab=new").context["page"].cards) == 1

    AppUser.objects.filter(pk=user.pk).update(deleted_at=datetime(2026, 11, 23, tzinfo=UTC))
    assert as_anna.get("/clients/?tab=new").context["page"].cards == []


@pytest.mark.django_db(transaction=True)
def test_closing_an_account_commits_when_our_rows_refer_to_the_client(make, anna, gleb):
    client = make.client()
    client.reassign(to=anna, by=gleb)
    make.fresh(client).reassign(to=None, by=gleb)

    AppUser.objects.filter(pk=client.user_id).update(status=AccountStatus.DELETED)

    assert AppUser.objects.get(pk=client.user_id).status == AccountStatus.DELETED
    assert Client.objects.filter(pk=client.pk).exists()


def test_client_in_work_stays_when_the_account_is_closed(make, anna):
    client = make.verified(anna)

    AppUser.objects.filter(pk=client.user_id).update(status=AccountStatus.DELETED)
    assert make.fresh(client).manager == anna


def test_change_in_the_app_updates_the_search_text_of_the_same_client(make):
    client = make.client()

    execute("UPDATE users SET name = 'Сменивший Имя', address = 'г. Псков'")
    assert list(Client.objects.search("сменивший псков")) == [client]


def test_accounts_inserted_in_bulk_become_clients(make):
    users = [AppUser(phone=f"90000000{number:02}", name="Иванов", status=AccountStatus.ACTIVE) for number in range(20)]
    AppUser.objects.bulk_create(users)

    assert Client.objects.count() == 20


def test_sync_does_not_change_correct_rows(make, anna):
    make.client()
    make.awaiting_contract(anna)
    make.user(status=AccountStatus.BLOCKED)
    before = list(Client.objects.order_by("pk").values())

    output = StringIO()
    call_command("sync_clients", stdout=output)

    assert output.getvalue() == "Added 0 clients, corrected 0 search texts.\n"
    assert list(Client.objects.order_by("pk").values()) == before


def test_sync_skips_a_client_whose_account_was_deleted(make, anna):
    deleted, other = make.verified(anna), make.client()
    make.delete_account(deleted)
    Client.objects.filter(pk=other.pk).update(search="")

    call_command("sync_clients", stdout=StringIO())

    assert Client.objects.get(pk=deleted.pk).search.strip() == ""
    assert other.user.phone in Client.objects.get(pk=other.pk).search


def run_migration_0013() -> None:
    execute(import_module("clients.migrations.0013_found_without_account").EMPTIED)


def sync() -> None:
    call_command("sync_clients", stdout=StringIO())


@pytest.mark.parametrize("rebuild_search_text", [run_migration_0013, sync])
def test_client_without_an_account_is_found_by_passport_and_contract(make, anna, rebuild_search_text):
    client = make.awaiting_contract(anna)
    contract = issuing.issue(client, by=anna)
    make.delete_account(client)
    Client.objects.filter(pk=client.pk).update(search="")

    rebuild_search_text()

    for text in ("Иванов Пётр", "Садовая", contract.number):
        assert list(Client.objects.search(text)) == [client], text
    assert not Client.objects.search(client.user.phone).exists()


def test_passport_of_a_client_without_an_account_can_be_corrected(make, anna):
    client = make.awaiting_contract(anna)
    make.delete_account(client)

    Passport.objects.filter(client=client).update(last_name="Сидоров")

    assert list(Client.objects.search("сидоров")) == [client]


def test_client_whose_account_was_deleted_can_be_locked(make, anna):
    client = make.verified(anna)
    make.delete_account(client)

    locked = Client.objects.get(pk=client.pk).lock()
    assert (locked, locked.manager_id, locked.account, str(locked)) == (client, anna.pk, None, "Учётная запись удалена")


def test_locking_loads_the_account_in_the_same_query(make, django_assert_num_queries):
    client = Client.objects.get(pk=make.client().pk)
    with django_assert_num_queries(1):
        assert client.lock().account.name


def test_unprintable_error_names_the_first_field_that_a_document_cannot_show():
    account = AppUser(name="Иванов Пётр", phone="9771232323", email=None, address="г. Орёл 😀")
    assert account.unprintable_error == "Исправьте поле «Адрес». Уберите значки (😀): напечатать их нельзя."

    account.email = "petr\u202e@mail.example"
    assert account.unprintable_error.startswith("Исправьте поле «Электронная почта». ")


def test_printable_account_has_no_unprintable_error():
    assert AppUser(name="Иванов", phone="9771232323", email=None, address=None).unprintable_error == ""
