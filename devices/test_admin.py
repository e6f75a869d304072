from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from devices.models import Device, DeviceType, Tariff

TARIFFS = reverse("admin:devices_tariff_changelist")
TYPES = reverse("admin:devices_devicetype_changelist")
ADD_TARIFF = reverse("admin:devices_tariff_add")


def payload(**overrides):
    return {"name": "Семейный", "base_fee": "700", "extra_per_device": "120.50", "is_active": "on"} | overrides


def delete(browser, row):
    url = reverse(f"admin:devices_{row._meta.model_name}_delete", args=[row.pk])
    return browser.post(url, {"post": "yes"}).status_code


def test_admins_add_and_edit_tariffs(as_gleb):
    assert as_gleb.post(ADD_TARIFF, payload()).status_code == 302
    tariff = Tariff.objects.get(name="Семейный")
    assert tariff.extra_per_device == Decimal("120.50")

    as_gleb.post(reverse("admin:devices_tariff_change", args=[tariff.pk]), payload(base_fee="800"))

    tariff.refresh_from_db()
    assert tariff.base_fee == 800


@pytest.mark.parametrize(
    "fields",
    [
        {"name": ""},
        {"name": "я" * 101},
        {"name": "а\x00б"},
        {"base_fee": "-1"},
        {"base_fee": "100000000000"},
        {"base_fee": "NaN"},
        {"base_fee": "1e400"},
        {"base_fee": "1000000.01"},
        {"extra_per_device": "1000000.01"},
        {"extra_per_device": "-0.01"},
        {"extra_per_device": "много"},
        {"extra_per_device": ""},
        {"notes": "я" * 2001},
        {"notes": "а\x00б"},
    ],
)
def test_invalid_tariff_is_rejected(as_gleb, fields):
    before = Tariff.objects.count()

    response = as_gleb.post(ADD_TARIFF, payload(**fields))

    assert response.context["adminform"].errors
    assert Tariff.objects.count() == before


def test_rows_in_use_cannot_be_deleted(as_gleb, make, anna):
    make.awaiting_contract(anna)

    assert delete(as_gleb, make.tariff()) == 403
    assert delete(as_gleb, make.type()) == 403
    assert Tariff.objects.filter(name="Домашний").exists()
    assert DeviceType.objects.filter(name="холодильник").exists()


def test_unused_rows_can_be_deleted(as_gleb, make):
    assert delete(as_gleb, make.tariff("Лишний")) == 302
    assert delete(as_gleb, make.type("лишний")) == 302
    assert not Tariff.objects.filter(name="Лишний").exists()
    assert not DeviceType.objects.filter(name="лишний").exists()


def test_bulk_deletion_is_disabled(as_gleb, make):
    tariff = make.tariff("Лишний")

    as_gleb.post(TARIFFS, {"action": "delete_selected", "_selected_action": [tariff.pk], "post": "yes"})

    assert Tariff.objects.filter(pk=tariff.pk).exists()


def test_type_can_be_deactivated_in_the_list(as_gleb, make):
    type = make.type("утюг")
    rows = list(as_gleb.get(TYPES).context["cl"].result_list)
    data = {"form-TOTAL_FORMS": len(rows), "form-INITIAL_FORMS": len(rows), "_save": "Сохранить"}
    for number, row in enumerate(rows):
        data |= {f"form-{number}-id": row.pk, f"form-{number}-position": row.position}
        if row.is_active and row != type:
            data[f"form-{number}-is_active"] = "on"

    as_gleb.post(TYPES, data)

    type.refresh_from_db()
    assert not type.is_active


def test_devices_of_a_client_are_read_only(as_gleb, make, anna):
    client = make.verified(anna)
    device = make.device(client, anna, title="Холодильник Бирюса 118", extra_fee=Decimal("99.50"))
    page = reverse("admin:clients_client_change", args=[client.pk])
    text = as_gleb.get(page).text
    assert "Холодильник Бирюса 118" in text
    assert "99,50" in text
    before = Device.objects.values().get()

    as_gleb.post(
        page,
        {
            "manager": anna.pk,
            "initial-manager": anna.pk,
            "devices-TOTAL_FORMS": "1",
            "devices-INITIAL_FORMS": "1",
            "devices-0-id": device.pk,
            "devices-0-title": "Другое",
            "devices-0-DELETE": "on",
        },
    )

    assert Device.objects.values().get() == before


@pytest.mark.parametrize("url", [TARIFFS, TYPES])
def test_query_count_is_constant(as_gleb, make, url):
    def queries():
        with CaptureQueriesContext(connection) as captured:
            as_gleb.get(url)
        return len(captured)

    make.tariff(), make.type()
    one = queries()
    for number in range(9):
        make.tariff(f"Тариф {number}"), make.type(f"тип {number}")

    assert queries() == one
