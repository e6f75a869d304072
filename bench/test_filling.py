"""`fill_demo` inserts rows like those that the domain functions write."""

import io
import itertools

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import connection, transaction
from django.test import override_settings
from django.utils import timezone

from bench import filling, generated_rows
from clients import onboarding
from clients.models import AppUser, Client, Status
from conftest import as_superuser
from contracts.current import current_contents
from contracts.evidence import evidence_is_intact
from contracts.models import Contract, Invoice
from contracts.numbering import next_number
from demo import office as office_data
from devices.models import ClientTariff, Tariff
from devices.surcharge import Surcharge
from managers import cipher
from managers.models import Manager
from passport.models import Passport


def fill(clients: int = 200, **options) -> str:
    output = io.StringIO()
    with as_superuser():
        call_command("fill_demo", clients=clients, managers=5, stdout=output, **options)
    return output.getvalue()


def query(sql: str) -> list[tuple]:
    with as_superuser(), connection.cursor() as cursor:
        cursor.execute(sql)
        return cursor.fetchall()


def indexes() -> list[tuple]:
    # PostgreSQL spells the predicate of a recreated index differently.
    definition = "split_part(indexdef, ' WHERE ', 1)"
    schemas = "schemaname IN ('privet', 'public')"
    return query(f"SELECT indexname, {definition} FROM pg_indexes WHERE {schemas} ORDER BY 1, 2")


def foreign_keys() -> list[tuple]:
    """Table, column, table referred to and its column, from the catalog of the database."""
    return query("""
        SELECT conrelid::regclass::text, a.attname, confrelid::regclass::text, b.attname
        FROM pg_constraint c
        JOIN pg_attribute a ON a.attrelid = conrelid AND a.attnum = conkey[1]
        JOIN pg_attribute b ON b.attrelid = confrelid AND b.attnum = confkey[1]
        WHERE contype = 'f' AND connamespace IN ('privet'::regnamespace, 'public'::regnamespace)
    """)


@pytest.fixture(scope="module", params=[filling.CHUNK, 30], ids=["by this process", "by several"])
def office(request, django_db_setup, django_db_blocker):
    """Fill the database once for all tests; each test runs in a savepoint."""
    with django_db_blocker.unblock(), transaction.atomic():
        with override_settings(DEBUG=True), pytest.MonkeyPatch.context() as patch:
            patch.setattr(filling, "CHUNK", request.param)
            before = indexes()
            fill()
        yield before
        transaction.set_rollback(True)


@pytest.fixture
def filled(office, db, settings):
    settings.DEBUG = True
    return office


def test_every_status_is_filled(filled):
    assert Client.objects.count() == AppUser.objects.count() == 200
    assert {status for (status,) in Client.objects.values_list("status").distinct()} == set(Status.values) - {
        Status.ERASED
    }
    assert Manager.objects.filter(clients__isnull=False).distinct().count() == 5


def test_search_text_equals_that_of_the_triggers(filled):
    assert query("SELECT count(*) FROM manager_clients WHERE search IS DISTINCT FROM privet_search_text(id)") == [(0,)]


def test_triggers_update_search_text_after_filling(filled):
    user = Client.objects.select_related("user").first().user
    user.name = "Ёлкина Зоя"
    user.save()
    assert [client.user_id for client in Client.objects.search("елкина зоя")] == [user.pk]


def test_passports_decrypt_and_are_found_by_their_hash(filled):
    passports = list(Passport.objects.all())
    assert len({passport.digits for passport in passports}) == len(passports) > 100
    assert all(cipher.keyed_hash(passport.digits) == passport.series_and_number_hash for passport in passports)
    assert all(passport.birth_date.year + 14 <= passport.issued_on.year for passport in passports)


def test_foreign_keys_refer_to_existing_rows(filled):
    keys = foreign_keys()
    assert ("manager_contracts", "client_id", "manager_clients", "id") in keys
    keys += [
        ("manager_clients", "user_id", "public.users", "id"),
        ("manager_clients", "support_ticket_id", "public.support_tickets", "id"),
        ("public.support_tickets", "user_id", "public.users", "id"),
    ]
    for table, column, other, key in keys:
        orphans = f"SELECT count(*) FROM {table} a LEFT JOIN {other} b ON b.{key} = a.{column}"
        assert query(f"{orphans} WHERE a.{column} IS NOT NULL AND b.{key} IS NULL") == [(0,)], (table, column)


def test_devices_are_mirrored_in_the_app(filled):
    assert query("""
        SELECT count(*), count(shared.id) FROM manager_devices own
        JOIN manager_clients client ON client.id = own.client_id
        LEFT JOIN public.devices shared ON shared.serial_number = 'mgr-' || own.id AND shared.user_id = client.user_id
            AND shared.title = own.title
    """) == query("SELECT count(*), count(*) FROM manager_devices")


def test_surcharges_add_up(filled):
    choices = list(ClientTariff.objects.select_related("tariff", "client"))
    assert len(choices) > 100
    for choice in choices:
        devices = list(choice.client.devices.all())
        assert (choice.device_count, choice.total_extra_fee) == (
            len(devices),
            Surcharge.compute(devices, choice.tariff).total,
        )


def test_contracts_equal_the_data_of_their_clients_and_have_intact_evidence(filled):
    contracts = list(Contract.objects.select_related("client"))
    assert len(contracts) > 100
    for contract in contracts:
        assert contract.snapshot.contents == current_contents(contract.client)
        assert evidence_is_intact(contract) == (contract.client.status != Status.AWAITING_CONTRACT)


def test_no_two_contracts_of_a_day_have_the_same_running_number(filled):
    numbers = [number.split("-")[1:] for number in Contract.objects.values_list("number", flat=True)]
    assert len(set(map(tuple, numbers))) == len(numbers)


def test_neighbouring_chunks_issue_different_numbers_on_the_same_day(db):
    """A chunk covers a day and a half, so three consecutive chunks can issue contracts on the same day."""
    types = list(office_data.device_types().values())
    office_data.tariffs()
    manager = Manager.objects.create_user("manager@example.ru", "длинный пароль", name="А")
    office = generated_rows.Office([manager.pk], types, list(Tariff.objects.all()), 0, {}, timezone.now())
    size, total = 100, 73_000

    chunks = [generated_rows.Rows(office, index, size, total) for index in range(300, 306)]

    numbers = [row[2] for chunk in chunks for row in chunk.rows["manager_contracts"]]
    running = [tuple(number.split("-")[1:]) for number in numbers]
    days = [set(chunk.issued) for chunk in chunks]
    assert any(one & other for one, other in itertools.pairwise(days))
    assert len(set(running)) == len(running) > 100


def test_invoices_agree_with_the_status_of_their_client(filled):
    signed = Client.objects.filter(status__in=onboarding.SIGNED)
    assert Invoice.objects.count() == signed.count() > 50
    for client in signed:
        invoice = Invoice.objects.get(contract__client=client)
        assert invoice.amount == invoice.contract.due
        assert (invoice.status == "paid") == (client.status == Status.PROCESSED)


def test_next_contract_of_a_day_gets_a_free_number(filled):
    contract = Contract.objects.first()
    taken = set(Contract.objects.values_list("number", flat=True))
    assert next_number(contract.snapshot.contents.person.last_name, contract.snapshot.issued_on) not in taken


def test_indexes_are_restored(filled):
    assert any("gin_trgm_ops" in definition for _, definition in filled)
    assert indexes() == filled


def test_filling_again_adds_more_clients(filled):
    fill(clients=50)
    assert AppUser.objects.count() == 250


def test_filling_is_refused_without_debug(filled, settings):
    settings.DEBUG = False
    with pytest.raises(CommandError, match="DEBUG"):
        fill(clients=3)
    assert AppUser.objects.count() == 200
