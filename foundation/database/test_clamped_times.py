"""The app may write times that Python cannot represent; they must not break any page."""

from datetime import UTC, date, datetime, timedelta
from importlib import import_module

import pytest
from django.db import connection
from django.urls import reverse
from django.utils import timezone

from clients.models import AppUser, Client
from conftest import execute_as_owner
from devices.saving import save_device
from devices.shared import SharedDevice
from foundation.database.clamped_times import EARLIEST, LATEST

OUT_OF_RANGE = ["infinity", "-infinity", "20000-01-01", "0044-03-15 BC", "9999-12-31 23:59:59"]


def write(table: str, column: str, text: str) -> None:
    execute_as_owner(f"UPDATE {table} SET {column} = %s", [text])  # noqa: S608


def read(text: str, kind: str):
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT %s::{kind}", [text])
        return cursor.fetchone()[0]


@pytest.mark.parametrize("kind", ["timestamptz", "timestamp"])
def test_out_of_range_time_is_clamped(db, kind):
    bounds = {text: EARLIEST if text.startswith("-") or text.endswith("BC") else LATEST for text in OUT_OF_RANGE}
    zone = UTC if kind == "timestamptz" else None

    assert {text: read(text, kind) for text in OUT_OF_RANGE} == {
        text: bound.replace(tzinfo=zone) for text, bound in bounds.items()
    }
    assert read("2026-11-23 10:00:00.123456", kind) == datetime(2026, 11, 23, 10, 0, 0, 123456, zone)
    assert read(None, kind) is None
    assert [timezone.localtime(bound).year for bound in (EARLIEST, LATEST)] == [1, 9999]


def test_out_of_range_date_is_clamped(db):
    assert [read(text, "date") for text in ("infinity", "-infinity", "20000-01-01", "2026-11-23")] == [
        date.max, date.min, date.max, date(2026, 11, 23),
    ]  # fmt: skip


@pytest.mark.parametrize("text", OUT_OF_RANGE)
def test_client_pages_work_with_out_of_range_times(make, as_gleb, anna, text):
    client = make.awaiting_contract(anna)
    for column in ("created_at", "updated_at", "deleted_at"):
        write("public.users", column, text)
    cards = as_gleb.get("/clients/?tab=work").context["page"].cards
    assert [card["id"] for card in cards] == [str(client.pk)]

    for name in ("clients:contact", "passport:passport", "devices:devices", "contracts:contract", "contracts:card"):
        assert as_gleb.get(reverse(name, args=[client.pk])).status_code == 200, name
    assert as_gleb.get(f"/admin/clients/client/{client.pk}/change/").status_code == 200
    assert as_gleb.get(reverse("support:client_card", args=[client.pk])).status_code == 200


@pytest.mark.parametrize("text", OUT_OF_RANGE)
def test_client_with_out_of_range_time_is_created_now(make, as_anna, text):
    before = timezone.now()
    execute_as_owner(
        "INSERT INTO public.users (id, phone, password_hash, name, has_subscription, created_at, updated_at)"
        " SELECT gen_random_uuid(), (9770000000 + n)::text, 'x', 'Юлия', false, %s, %s"
        " FROM generate_series(1, 30) AS n",
        [text, text],
    )

    first = as_anna.get("/clients/?tab=new").context["page"]
    second = as_anna.get("/clients/", {"tab": "new", "after": first.next_cursor}).context["page"]

    assert before - timedelta(hours=1) < Client.objects.first().created_at < LATEST
    assert len({card["id"] for card in first.cards + second.cards}) == 30
    assert not second.next_cursor


def test_migration_fixes_times_of_existing_clients(make):
    client, other = make.client(), make.client()
    Client.objects.filter(pk=client.pk).update(created_at=LATEST + timedelta(minutes=1))
    operations = import_module("clients.migrations.0014_times_that_can_be_shown").Migration.operations

    execute_as_owner(operations[0].sql)

    assert make.fresh(client).created_at < LATEST
    assert make.fresh(other).created_at == other.created_at


@pytest.mark.parametrize("text", ["infinity", "-infinity"])
def test_device_with_out_of_range_times_can_be_changed(make, anna, text):
    device = make.device(make.verified(anna), anna)
    for column in ("created_at", "updated_at", "purchase_date", "warranty_until"):
        write("public.devices", column, text)

    device.title = "Другое"
    save_device(device, by=anna, changed=["название"])

    assert SharedDevice.objects.get().title == "Другое"


def test_correcting_contact_data_does_not_change_the_account_time(make, anna):
    client = make.client()
    write("public.users", "created_at", "infinity")

    make.fresh(client).confirm_contact(by=anna, name="Юлия", phone=client.user.phone, email=None, address="г. Псков")

    assert AppUser.objects.get().name == "Юлия"
    with connection.cursor() as cursor:
        cursor.execute("SELECT created_at::text FROM public.users")
        assert cursor.fetchone() == ("infinity",)
