"""Accounts written by «Привет Супер», the inbox of their changes, and the clients that it creates."""

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from io import StringIO

import pytest
from django.core.management import call_command
from django.db import connection, transaction
from django.db.models.functions import Length

from clients import inbox
from clients.models import AccountStatus, AppUser, Client, Status
from conftest import execute_as_owner, run_on_own_connection, waiting_for_locks
from contracts import issuing
from managers.history import history_of
from passport.models import Passport

SIGN_UP = """
    INSERT INTO public.users (id, phone, password_hash, name, has_subscription, created_at, updated_at)
    VALUES (gen_random_uuid(), '9771232323', 'x', 'Ёлкина Юлия', false, '2026-11-20 09:00+00', now())
"""


def test_sign_up_in_the_app_creates_a_new_client(db):
    execute_as_owner(SIGN_UP)
    assert not Client.objects.exists()
    inbox.drain()

    client = Client.objects.select_related("user").get()
    assert (client.status, client.manager) == (Status.NEW, None)
    assert client.user.name == "Ёлкина Юлия"
    assert client.created_at == datetime(2026, 11, 20, 9, tzinfo=UTC)
    assert "елкина" in client.search


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("rename", "rename_back"),
    [
        ("ALTER FUNCTION privet_fold RENAME TO gone", "ALTER FUNCTION gone RENAME TO privet_fold"),
        ("ALTER TABLE users_passports RENAME TO gone", "ALTER TABLE gone RENAME TO users_passports"),
    ],
)
def test_change_that_cannot_be_processed_is_recorded_and_repaired_later(rename, rename_back):
    execute_as_owner(SIGN_UP)
    execute_as_owner(rename)
    inbox.drain()
    execute_as_owner(rename_back)

    assert not Client.objects.exists()
    assert inbox.problems() == {"failed": 1, "lost": 0}
    assert inbox.drain() == 0

    output = StringIO()
    call_command("sync_clients", stdout=output)
    assert output.getvalue() == "Added 1 clients, corrected 1 search texts.\n"
    assert list(Client.objects.search("елкина")) == [Client.objects.get()]
    assert inbox.problems() == {"failed": 0, "lost": 0}


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("rename", "rename_back"),
    [
        (
            "ALTER TABLE privet_inbox.user_changes RENAME TO gone",
            "ALTER TABLE privet_inbox.gone RENAME TO user_changes",
        ),
        ("REVOKE USAGE ON SCHEMA privet_inbox FROM PUBLIC", "GRANT USAGE ON SCHEMA privet_inbox TO PUBLIC"),
        (
            "ALTER SEQUENCE privet_inbox.lost_changes RENAME TO gone;"
            "ALTER TABLE privet_inbox.user_changes RENAME TO lost",
            "ALTER SEQUENCE privet_inbox.gone RENAME TO lost_changes;"
            "ALTER TABLE privet_inbox.lost RENAME TO user_changes",
        ),
    ],
)
def test_sign_up_succeeds_without_the_inbox(rename, rename_back):
    execute_as_owner(rename)
    execute_as_owner(SIGN_UP)
    execute_as_owner("UPDATE public.users SET name = 'Другое имя'")
    execute_as_owner(rename_back)

    assert AppUser.objects.get().name == "Другое имя"
    call_command("sync_clients", stdout=StringIO())
    assert list(Client.objects.search("другое")) == [Client.objects.get()]


@pytest.mark.django_db(transaction=True)
def test_changes_that_could_not_be_noted_are_counted():
    before = inbox.problems()["lost"]
    execute_as_owner("ALTER TABLE privet_inbox.user_changes RENAME TO gone")
    execute_as_owner(SIGN_UP)
    execute_as_owner("ALTER TABLE privet_inbox.gone RENAME TO user_changes")

    assert inbox.problems() == {"failed": 0, "lost": before + 1}


@pytest.mark.django_db(transaction=True)
def test_sign_up_does_not_wait_for_our_locks(make):
    def sign_up():
        try:
            execute_as_owner(SIGN_UP)
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as pool, transaction.atomic():
        execute_as_owner("LOCK TABLE manager_clients IN ACCESS EXCLUSIVE MODE")
        pool.submit(sign_up).result(timeout=10)
        assert AppUser.objects.exists()


def test_one_failing_change_does_not_stop_the_others(db, make):
    execute_as_owner(SIGN_UP)
    execute_as_owner(SIGN_UP.replace("9771232323", "9771232324").replace("Ёлкина", "Сбой"))
    execute_as_owner("ALTER TABLE manager_clients ADD CONSTRAINT failing CHECK (search NOT LIKE '%сбой%')")

    inbox.drain()

    assert [client.user.phone for client in Client.objects.select_related("user")] == ["9771232323"]
    assert inbox.problems()["failed"] == 1


def test_drain_takes_a_batch_in_order(db):
    execute_as_owner(
        "INSERT INTO public.users (id, phone, password_hash, name, has_subscription, created_at, updated_at)"
        " SELECT gen_random_uuid(), n::text, 'x', 'Ёлкина', false, now(), now() FROM generate_series(1, 250) n"
    )
    assert inbox.drain(200) == 200
    assert Client.objects.filter(user__phone="1").exists()
    assert inbox.oldest()

    assert inbox.drain(200) == 50
    assert inbox.drain(200) == 0
    assert (Client.objects.count(), inbox.oldest()) == (250, None)


@pytest.mark.django_db(transaction=True)
def test_change_of_a_locked_client_waits(make):
    client, other = make.client(), make.client()
    inbox.drain()
    execute_as_owner("UPDATE public.users SET name = 'Новое'")

    def drain_elsewhere():
        try:
            return inbox.drain()
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as pool, transaction.atomic():
        client.lock()
        assert pool.submit(drain_elsewhere).result(timeout=10) == 1
    assert list(Client.objects.search("новое")) == [other]

    inbox.drain()
    assert Client.objects.search("новое").count() == 2


def test_change_by_the_app_has_no_context_in_the_history(make, as_anna):
    user = make.user()
    execute_as_owner("UPDATE public.users SET name = 'Из приложения'")

    as_anna.get("/clients/?tab=new")

    history = list(history_of(AppUser).filter(pgh_obj=user).order_by("pgh_id"))
    assert [(row.pgh_label, row.name, row.pgh_context) for row in history[1:]] == [("update", "Из приложения", None)]


@pytest.mark.django_db(transaction=True)
def test_change_during_processing_is_not_lost():
    execute_as_owner(SIGN_UP)
    user = AppUser.objects.get()

    def process():
        with connection.cursor() as cursor:
            cursor.execute("CALL privet.sync_users(%s::uuid[])", [[user.pk]])

    def rename():
        execute_as_owner("UPDATE public.users SET name = 'Смирнова Юлия'")

    with ThreadPoolExecutor(2) as pool:
        with transaction.atomic():
            # Processing stops after it has read the account for the search text.
            execute_as_owner("LOCK TABLE manager_contact_history IN EXCLUSIVE MODE")
            processed = pool.submit(run_on_own_connection, process)
            deadline = time.monotonic() + 20
            while not waiting_for_locks():
                assert time.monotonic() < deadline, "processing never waited for the lock"
                time.sleep(0.01)
            pool.submit(run_on_own_connection, rename).result(timeout=20)
        processed.result(timeout=20)

    inbox.drain()
    assert "смирнова" in Client.objects.get().search


def test_long_values_of_the_app_are_bounded(make, as_anna):
    execute_as_owner(SIGN_UP.replace("'Ёлкина Юлия'", "repeat('Ё', 3000000)"))
    inbox.drain()

    assert len(Client.objects.get().search) < 2000
    assert history_of(AppUser).get().name == "Ё" * 300  # what is read of it
    assert history_of(AppUser).annotate(length=Length("name")).get().length == 2000


def sign_up_and_commit(number: int):
    def run():
        execute_as_owner(SIGN_UP.replace("9771232323", f"977123{number:04}"))

    return run


@pytest.mark.django_db(transaction=True)
def test_concurrent_drains_and_sign_ups_lose_and_double_nothing():
    def drain_until_empty():
        for _ in range(30):
            inbox.drain(3)

    def sign_ups(start):
        for number in range(start, start + 20):
            sign_up_and_commit(number)()

    def on_own_connection(function, *arguments):
        try:
            function(*arguments)
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        tasks = [pool.submit(on_own_connection, sign_ups, start) for start in (0, 100)]
        tasks += [pool.submit(on_own_connection, drain_until_empty) for _ in range(2)]
        for task in tasks:
            task.result(timeout=60)
    inbox.drain()

    assert Client.objects.count() == AppUser.objects.count() == 40


@pytest.mark.parametrize("status", [AccountStatus.GHOST, AccountStatus.BLOCKED, AccountStatus.DELETED])
def test_account_becomes_a_client_only_when_active(make, status):
    user = make.user(status=status)
    assert not Client.objects.exists()

    AppUser.objects.filter(pk=user.pk).update(status=AccountStatus.ACTIVE)
    inbox.drain()
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

    execute_as_owner("UPDATE public.users SET name = 'Сменивший Имя', address = 'г. Псков'")
    inbox.drain()
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


def test_client_without_an_account_is_found_by_passport_and_contract(make, anna):
    client = make.awaiting_contract(anna)
    contract = issuing.issue(client, by=anna)
    make.delete_account(client)
    Client.objects.filter(pk=client.pk).update(search="")

    call_command("sync_clients", stdout=StringIO())

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
