"""Issuing: frozen contents, numbers, changed data, storage outages."""

import hashlib
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import psycopg
import pytest
import time_machine
from django.db import DatabaseError, OperationalError, connection, transaction
from django.urls import reverse

from clients.models import AppUser, Status, TransitionRefused
from contracts import issuing, payment
from contracts.conftest import sign
from contracts.contents_diff import describe_differences
from contracts.current import current_contents
from contracts.models import Contract, NumberOfDay
from contracts.numbering import next_number, surname_letters
from contracts.snapshot import Snapshot, TariffPart
from devices.models import ClientTariff, Tariff
from devices.saving import delete_device, save_device
from devices.surcharge import fix_surcharge
from foundation.storage import object_storage
from foundation.storage.local import LocalObjectStorage
from passport.saving import save_passport
from support.models import LogEntry


def changes_since(contract: Contract) -> list[str]:
    return describe_differences(contract.snapshot.contents, current_contents(contract.client))


def test_issued_contract_has_its_file_and_the_current_contents(issued):
    assert hashlib.sha256(object_storage.get(issued.pdf_key)).hexdigest() == issued.pdf_sha256
    assert issued.snapshot.contents == current_contents(issued.client)
    assert issued.surcharge == 300


def test_snapshot_survives_encryption(issued):
    snapshot = issued.snapshot

    assert Snapshot.decrypt(snapshot.encrypt()) == snapshot
    assert isinstance(snapshot.contents.person.issued_on, date)


@dataclass(frozen=True)
class TariffPartWithDiscount(TariffPart):
    discount: Decimal = Decimal("0.00")


def test_a_field_added_later_has_its_default_in_older_snapshots(issued, monkeypatch):
    older = issued.snapshot.encrypt()
    monkeypatch.setattr("contracts.snapshot.TariffPart", TariffPartWithDiscount)

    assert Snapshot.decrypt(older).contents.tariff == TariffPartWithDiscount(**vars(issued.snapshot.contents.tariff))


def test_the_snapshot_is_encrypted(issued):
    row = str(Contract.objects.filter(pk=issued.pk).values().get())

    assert issued.snapshot.contents.person.passport_number not in row
    assert "Иванов" not in row


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("address", "г. Орёл 🏠", "Исправьте поле «Адрес». Уберите значки"),
        ("email", "ivan\u202e@example.ru", "Исправьте поле «Электронная почта». Уберите невидимые"),
        ("address", "Я" * 501, "Исправьте поле «Адрес». Сократите его"),
        ("address", "Я" * 3_000_000, "Исправьте поле «Адрес». Оно такое длинное"),
    ],
    ids=["icon", "invisible", "long", "megabytes"],
)
def test_unprintable_account_data_is_not_issued(make, anna, stored_files, field, value, message):
    client = make.awaiting_contract(anna)
    AppUser.objects.update(**{field: value})

    with pytest.raises(issuing.ContactUnprintable) as refused:
        issuing.issue(client, by=anna)

    assert refused.value.message.startswith(message)
    assert not Contract.objects.exists()
    assert stored_files("contracts") == []


def test_unprintable_account_data_does_not_block_signed_clients(signed, as_anna):
    AppUser.objects.update(address="🏠")

    assert as_anna.get(reverse("contracts:contract", args=[signed.client_id])).url.endswith("/done/")
    assert as_anna.get(reverse("contracts:done", args=[signed.client_id])).status_code == 200


def test_issuing_again_returns_the_same_contract(issued, anna, make, stored_files):
    again = issuing.issue(make.fresh(issued.client), by=anna)

    assert again.pk == issued.pk
    assert stored_files("contracts") == [issued.pdf_key]


@pytest.mark.parametrize(
    ("change", "difference"),
    [
        (lambda client, by, make: make.device(client, by, title="Плита"), "Добавлено устройство «Плита»"),
        (lambda client, by, make: delete_device(client.devices.first(), by=by), "Удалено устройство «Устройство 1»"),
        (lambda client, by, make: rename_device(client, by), "Изменено устройство «Новое имя»"),
        (lambda client, by, make: change_issuer(client, by), "Изменено: кем выдан паспорт"),
        (lambda client, by, make: move_house(client, by), "Изменено: адрес"),
    ],
)
def test_stale_contract_lists_changes_and_is_replaced(issued, anna, make, change, difference):
    change(make.fresh(issued.client), anna, make)
    assert changes_since(issued) == [difference]

    again = issuing.issue(make.fresh(issued.client), by=anna)

    issued.refresh_from_db()
    assert issued.void_at
    assert issued.voided_by == anna
    assert again.is_open
    assert again.number != issued.number
    assert changes_since(again) == []


def rename_device(client, by):
    device = client.devices.first()
    device.title = "Новое имя"
    save_device(device, by=by, changed=["название"])


def change_issuer(client, by):
    client.passport.issued_by = "Отделом по вопросам миграции"
    save_passport(client.passport, client.passport.digits, by=by)


def move_house(client, by):
    user = client.user
    client.confirm_contact(
        by=by, name=user.name, phone=user.phone, email=user.email, address="г. Химки, ул. Мира, д. 3"
    )


def test_changed_tariff_makes_the_contract_stale(issued, make):
    tariff = make.tariff()
    tariff.extra_per_device += 1
    tariff.save()

    assert changes_since(issued) == ["Изменён тариф"]


def test_device_fee_counts_as_a_change_of_the_device(issued, anna):
    device = issued.client.devices.first()
    device.extra_fee = Decimal("151")
    save_device(device, by=anna, changed=["название"])

    assert changes_since(issued) == [f"Изменено устройство «{device.title}»"]


def test_price_changed_after_step_3_is_saved_with_the_contract_and_logged(make, anna):
    client = make.awaiting_contract(anna, devices=2)
    Tariff.objects.update(extra_per_device=Decimal("200"))

    issuing.issue(client, by=anna)

    assert make.fresh(client).tariff_choice.total_extra_fee == Decimal("400.00")
    entry = LogEntry.objects.get(body__startswith="Доплата по новой цене тарифа: 400,00")
    assert entry.author == anna


def test_unchanged_price_is_not_logged_again(issued, anna):
    choice = ClientTariff.objects.get()

    assert choice.total_extra_fee == issued.surcharge
    assert choice.computed_at < issued.issued_at
    assert not LogEntry.objects.filter(body__contains="новой цене").exists()


def test_undone_price_change_restores_the_signed_surcharge(signed, anna, make):
    price = Tariff.objects.get().extra_per_device
    Tariff.objects.update(extra_per_device=price + 50)
    delete_device(make.device(make.fresh(signed.client), anna, title="По ошибке"), by=anna)
    Tariff.objects.update(extra_per_device=price)
    assert ClientTariff.objects.get().total_extra_fee != signed.surcharge

    issuing.restore_signed_contract(make.fresh(signed.client), by=anna)

    assert ClientTariff.objects.get().total_extra_fee == signed.surcharge


def test_price_changed_after_signing_does_not_change_the_surcharge(signed, anna, make):
    Tariff.objects.update(extra_per_device=Decimal("200"))
    logged = LogEntry.objects.count()

    fix_surcharge(make.fresh(signed.client), make.tariff(), by=anna)

    assert ClientTariff.objects.get().total_extra_fee == signed.surcharge
    assert make.fresh(signed.client).status == Status.AWAITING_PAYMENT
    assert LogEntry.objects.count() == logged


def test_reissuing_does_not_change_the_signed_row_and_file(signed, anna, make):
    before = Contract.objects.filter(pk=signed.pk).values().get()
    file = object_storage.get(signed.pdf_key)
    make.device(make.fresh(signed.client), anna, title="Новое")

    second = issuing.issue(make.fresh(signed.client), by=anna)

    assert second.pk != signed.pk
    assert Contract.objects.filter(pk=signed.pk).values().get() == before
    assert object_storage.get(signed.pdf_key) == file


def test_contract_numbers_are_unique(make, anna):
    contracts = [issuing.issue(make.awaiting_contract(anna), by=anna) for _ in range(5)]

    assert len({contract.number for contract in contracts}) == 5
    assert len({contract.pdf_key for contract in contracts}) == 5


@pytest.mark.parametrize(
    ("surname", "letters"), [("Иванов", "ИВ"), ("ёлкина", "ЁЛ"), ("д'Артаньян", "ДА"), ("О", "ОО"), ("Ли-Сун", "ЛИ")]
)
def test_number_starts_with_two_letters_of_the_surname(surname, letters):
    assert surname_letters(surname) == letters


@pytest.mark.django_db
def test_numbers_continue_after_99():
    NumberOfDay.objects.create(day=date(2026, 11, 23), last=99)

    assert next_number("Иванов", date(2026, 11, 23)) == "ИВ-261123-100"
    assert next_number("Иванов", date(2026, 11, 24)) == "ИВ-261124-01"


def test_number_contains_the_day_in_moscow(make, anna):
    client = make.awaiting_contract(anna)
    with time_machine.travel(datetime(2026, 11, 23, 0, 30, tzinfo=ZoneInfo("Europe/Moscow")), tick=False):
        assert "-261123-" in issuing.issue(client, by=anna).number


def test_storage_outage_issues_nothing_and_shows_an_error(make, anna, as_anna, monkeypatch):
    client = make.awaiting_contract(anna)
    monkeypatch.setattr(LocalObjectStorage, "save", _raise_outage)

    response = as_anna.post(f"/clients/{client.pk}/contract/")

    assert response.status_code == 503
    assert "Хранилище файлов не отвечает" in response.text
    assert not Contract.objects.exists()
    assert make.fresh(client).status == Status.AWAITING_CONTRACT


def _raise_outage(*args, **kwargs):
    raise OSError("storage is down")


@pytest.mark.django_db(transaction=True)
def test_file_stays_when_the_commit_result_is_unknown(make, anna, monkeypatch, stored_files):
    client, commit = make.awaiting_contract(anna), connection.connection.commit

    def commit_and_lose():
        commit()
        monkeypatch.undo()
        raise psycopg.OperationalError("server closed the connection unexpectedly")

    def append_last(*args, **kwargs):
        append(*args, **kwargs)
        monkeypatch.setattr(connection.connection, "commit", commit_and_lose)

    append = issuing.append_event
    monkeypatch.setattr(issuing, "append_event", append_last)
    with pytest.raises(OperationalError):
        issuing.issue(client, by=anna)

    assert stored_files("contracts") == [Contract.objects.get().pdf_key]


@pytest.mark.parametrize(
    "change", [lambda client, by: rename_device(client, by), lambda client, _: client.passport.delete()]
)
def test_change_during_rendering_issues_nothing_and_leaves_no_file(make, anna, monkeypatch, stored_files, change):
    client = make.awaiting_contract(anna)
    render = issuing.pdf.render_contract

    def change_and_render(snapshot):
        change(make.fresh(client), anna)
        return render(snapshot)

    monkeypatch.setattr(issuing.pdf, "render_contract", change_and_render)
    with pytest.raises(issuing.ContentsChanged):
        issuing.issue(client, by=anna)

    assert not Contract.objects.exists()
    assert stored_files("contracts") == []


def test_passport_deleted_during_rendering_redirects_to_the_passport_step(make, anna, as_anna, monkeypatch):
    client = make.awaiting_contract(anna)
    render = issuing.pdf.render_contract

    def delete_and_render(snapshot):
        client.passport.delete()
        return render(snapshot)

    monkeypatch.setattr(issuing.pdf, "render_contract", delete_and_render)

    response = as_anna.post(reverse("contracts:contract", args=[client.pk]))

    assert response.url == reverse("passport:passport", args=[client.pk])
    assert not Contract.objects.exists()


def test_contract_requires_a_fixed_surcharge(make, anna):
    client = make.verified(anna)

    with pytest.raises(TransitionRefused):
        issuing.issue(client, by=anna)


def test_client_has_at_most_one_open_contract(issued):
    issued.pk, issued.number, issued.pdf_key = None, "ИВ-000000-01", "elsewhere.pdf"
    issued._state.adding = True

    with pytest.raises(DatabaseError, match="manager_contracts_one_open"), transaction.atomic():
        issued.save(force_insert=True)


@pytest.mark.parametrize("change", [{"number": "X"}, {"surcharge": 0}, {"encrypted_snapshot": "x"}, {"pdf_key": "x"}])
def test_contents_of_an_issued_contract_are_frozen(issued, change):
    with pytest.raises(DatabaseError), transaction.atomic():
        Contract.objects.filter(pk=issued.pk).update(**change)


def test_undone_change_needs_no_new_contract(signed, anna, make):
    device = make.device(make.fresh(signed.client), anna, title="По ошибке")
    issuing.issue(make.fresh(signed.client), by=anna)
    delete_device(device, by=anna)

    issuing.restore_signed_contract(signed.client, by=anna)

    assert make.fresh(signed.client).status == Status.AWAITING_PAYMENT
    assert not signed.client.contracts.open().exists()


def test_undone_change_still_awaits_payment_of_the_unbilled_amount(signed, anna, make):
    soon = date.today() + timedelta(days=7)
    part = payment.create_invoice(signed.client, amount=Decimal(100), description="Часть", due_on=soon, by=anna)
    payment.confirm_payment(part, "cash", by=anna)
    delete_device(make.device(make.fresh(signed.client), anna, title="По ошибке"), by=anna)

    issuing.restore_signed_contract(signed.client, by=anna)

    assert make.fresh(signed.client).status == Status.AWAITING_PAYMENT


def test_signed_contract_cannot_be_restored_while_data_differs(signed, anna, make):
    make.device(make.fresh(signed.client), anna, title="Настоящее")

    with pytest.raises(TransitionRefused):
        issuing.restore_signed_contract(signed.client, by=anna)


def test_open_contract_and_signed_contract_are_both_listed(signed, anna, make):
    make.device(make.fresh(signed.client), anna, title="Новое")
    draft = issuing.issue(make.fresh(signed.client), by=anna)

    assert list(signed.client.contracts.newest_first()) == [draft, signed]
    assert sign(draft, anna).signed_at
    assert signed.client.contracts.signed().count() == 2
