from datetime import date
from decimal import Decimal

import pytest
import time_machine

from devices.conftest import payload
from devices.forms import DeviceForm
from devices.models import Device, DeviceType


@pytest.fixture
def form(client, make):
    def fill(**overrides) -> DeviceForm:
        return DeviceForm(payload(**{"type": make.type().pk} | overrides), {}, instance=Device(client=client))

    with time_machine.travel("2026-11-23T12:00+03:00", tick=False):
        yield fill


@pytest.mark.parametrize(
    ("typed", "month"),
    [
        ("2024-05", date(2024, 5, 1)),
        ("05.2024", date(2024, 5, 1)),
        ("5.2024", date(2024, 5, 1)),
        ("052024", date(2024, 5, 1)),
        ("05/2024", date(2024, 5, 1)),
        ("05 2024", date(2024, 5, 1)),
        ("1950-01", date(1950, 1, 1)),
        ("11.2026", date(2026, 11, 1)),
        ("", None),
    ],
)
def test_month_formats_are_accepted(form, typed, month):
    filled = form(purchased_on=typed)

    assert filled.is_valid(), filled.errors
    assert filled.cleaned_data["purchased_on"] == month


@pytest.mark.parametrize(
    ("typed", "error"),
    [
        ("12.2026", "Этот месяц ещё не наступил. Проверьте год."),
        ("9999-12", "Этот месяц ещё не наступил. Проверьте год."),
        ("1949-12", "Проверьте год: раньше 1950-го не бывает."),
        ("0001-01", "Проверьте год: раньше 1950-го не бывает."),
        ("13.2024", "Напишите месяц и год, например 05.2024."),
        ("2024-00", "Напишите месяц и год, например 05.2024."),
        ("0000-01", "Напишите месяц и год, например 05.2024."),
        ("31.02.2024", "Напишите месяц и год, например 05.2024."),
        ("май", "Напишите месяц и год, например 05.2024."),
        ("٠٥.٢٠٢٤", "Напишите месяц и год, например 05.2024."),
        ("9" * 1_000_000, "Напишите месяц и год, например 05.2024."),
    ],
)
def test_invalid_month_shows_an_error(form, typed, error):
    assert form(purchased_on=typed).errors == {"purchased_on": [error]}


@pytest.mark.parametrize(
    ("typed", "fee"),
    [
        ("150", Decimal("150")),
        ("150,50", Decimal("150.50")),
        ("150.5", Decimal("150.50")),
        ("1 500,00 ₽", Decimal("1500")),
        ("1\u00a0500 руб.", Decimal("1500")),
        ("0", Decimal("0")),
        ("1000000", Decimal("1000000")),
        ("", None),
    ],
)
def test_fee_formats_are_accepted(form, typed, fee):
    filled = form(extra_fee=typed)

    assert filled.is_valid(), filled.errors
    assert filled.cleaned_data["extra_fee"] == fee


@pytest.mark.parametrize(
    ("typed", "error"),
    [
        ("-1", "Доплата не может быть отрицательной."),
        ("−0,01", "Доплата не может быть отрицательной."),
        ("1000000,01", "Слишком большая сумма: не больше 1 000 000 ₽."),
        ("9" * 1_000_000, "Слишком большая сумма: не больше 1 000 000 ₽."),
        ("1,234", "Напишите сумму в рублях, например 1500 или 1500,50."),
        ("1e5", "Напишите сумму в рублях, например 1500 или 1500,50."),
        ("NaN", "Напишите сумму в рублях, например 1500 или 1500,50."),
        ("Infinity", "Напишите сумму в рублях, например 1500 или 1500,50."),
        ("сто", "Напишите сумму в рублях, например 1500 или 1500,50."),
    ],
)
def test_invalid_fee_shows_an_error(form, typed, error):
    assert form(extra_fee=typed).errors == {"extra_fee": [error]}


def test_saved_device_is_shown_in_input_format(make, anna, client):
    device = make.device(client, anna, extra_fee=Decimal("150.50"))

    form = DeviceForm(instance=Device.objects.get(pk=device.pk))

    assert form["extra_fee"].value() == "150,50"
    assert form["purchased_on"].value() == "2024-05"


def test_equal_values_are_no_change(make, anna, client):
    device = make.device(client, anna, title="Плита", extra_fee=Decimal("150"), description="Белая\r\nгазовая")
    data = {"title": " Плита ", "type": device.type_id, "purchased_on": "05.2024", "extra_fee": "150.00"}

    form = DeviceForm(data | {"description": device.description}, {}, instance=Device.objects.get(pk=device.pk))

    assert form.is_valid(), form.errors
    assert form.changed_labels == []


def test_inactive_type_stays_on_its_devices(make, anna, client):
    old = make.type("факс")
    device = make.device(client, anna, type=old)
    DeviceType.objects.filter(pk=old.pk).update(is_active=False)

    assert old in DeviceForm(instance=device).fields["type"].queryset
    new = DeviceForm(payload(type=old.pk), {}, instance=Device(client=client))
    assert new.errors.keys() == {"type"}


def test_initial_device_types_exist(db):
    names = set(DeviceType.objects.values_list("name", flat=True))

    assert {"телефон", "холодильник", "варочная панель", "посудомоечная машина", "другое"} <= names
