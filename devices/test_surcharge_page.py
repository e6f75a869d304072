from decimal import Decimal

import pytest
from django.urls import reverse

from clients.models import Status
from devices.conftest import log_of, payload
from devices.models import ClientTariff, Tariff

SURCHARGE = {"HX-Request": "true", "HX-Target": "surcharge"}


def page(client) -> str:
    return reverse("devices:devices", args=[client.pk])


def choice(client) -> str:
    return reverse("devices:tariff", args=[client.pk])


def fix(client) -> str:
    return reverse("devices:surcharge", args=[client.pk])


@pytest.fixture
def tariffs(make):
    return make.tariff(), make.tariff("Полный", base_fee=Decimal("900"), extra_per_device=Decimal("200"))


def test_surcharge_is_current_and_uses_device_fees(as_anna, make, client):
    """The older system was one device behind and ignored device fees."""
    tariff = make.tariff()
    as_anna.post(choice(client), {"tariff": tariff.pk})
    add = reverse("devices:add", args=[client.pk])
    totals = []
    for fee in ("", "1000,50", "0"):
        as_anna.post(add, payload(type=make.type().pk, extra_fee=fee))
        surcharge = as_anna.get(page(client)).context["surcharge"]
        totals.append((surcharge.total, ClientTariff.objects.get().total_extra_fee))

    assert totals == [(Decimal(total), Decimal(total)) for total in ("150.00", "1150.50", "1150.50")]
    as_anna.post(reverse("devices:removal", args=[client.devices.get(extra_fee=Decimal("1000.50")).pk]))
    assert ClientTariff.objects.get().total_extra_fee == 150
    assert ClientTariff.objects.get().device_count == 2


def test_surcharge_is_shown_with_one_line_per_device(as_anna, anna, make, client):
    make.tariff()
    make.device(client, anna, title="Плита")
    make.device(client, anna, title="Духовка", extra_fee=Decimal("1500.50"))

    content = as_anna.get(page(client)).content.decode()

    table = content[content.index("<table") : content.index("</table>")]
    assert table.index("Плита") < table.index("по тарифу") < table.index("150,00\u00a0₽")
    assert table.index("Духовка") < table.index("своя доплата") < table.index("1\u00a0500,50\u00a0₽")
    assert "1\u00a0650,50\u00a0₽" in table[table.index("Всего") :]


def test_single_tariff_is_preselected(as_anna, client, make):
    tariff = make.tariff()

    assert as_anna.get(page(client)).context["form"].selected == tariff
    assert not ClientTariff.objects.exists()


def test_none_of_several_tariffs_is_preselected(as_anna, client, tariffs, device):
    response = as_anna.get(page(client))
    assert response.context["form"].selected is None
    assert "Выберите тариф" in response.content.decode()

    response = as_anna.post(fix(client), {})

    assert response.status_code == 422
    assert response.context["form"].errors["tariff"] == ["Выберите тариф."]
    assert not ClientTariff.objects.exists()


def test_page_without_tariffs_refers_to_an_admin(as_anna, client, device):
    assert "Попросите администратора" in as_anna.get(page(client)).content.decode()
    assert as_anna.post(fix(client), {}).status_code == 422


def test_choosing_a_tariff_with_htmx_returns_the_surcharge_fragment(as_anna, client, tariffs, device):
    response = as_anna.post(choice(client), {"tariff": tariffs[1].pk}, headers=SURCHARGE)

    assert response.status_code == 200
    content = response.content.decode()
    assert "200,00\u00a0₽" in content
    assert "<form" not in content
    assert ClientTariff.objects.get().tariff == tariffs[1]
    assert log_of(client)[-1:] == ["Выбран тариф «Полный»"]


def test_choosing_a_tariff_without_htmx_redirects_to_the_page(as_anna, client, tariffs, device):
    assert as_anna.post(choice(client), {"tariff": tariffs[1].pk}).url == page(client)
    assert as_anna.get(page(client)).context["form"].selected == tariffs[1]


def test_chosen_inactive_tariff_stays(as_anna, client, tariffs, device):
    as_anna.post(choice(client), {"tariff": tariffs[0].pk})
    Tariff.objects.update(is_active=False)

    response = as_anna.get(page(client))

    assert response.context["form"].tariffs == [tariffs[0]]
    assert "больше не предлагается" in response.content.decode()
    assert as_anna.post(choice(client), {"tariff": tariffs[1].pk}).status_code == 422


@pytest.mark.parametrize("typed", ["", "abc", "\x00", "0", "-1", "9" * 30, "9" * 5000, "🙂", "я" * 1_000_000])
def test_unknown_tariff_is_rejected(as_anna, client, tariffs, device, typed):
    for url in (choice(client), fix(client)):
        response = as_anna.post(url, {"tariff": typed})
        assert response.status_code == 422
        assert response.context["form"].errors.keys() == {"tariff"}
    assert not ClientTariff.objects.exists()
    assert client.status == Status.IN_VERIFICATION


def test_next_fixes_the_surcharge_and_redirects_to_the_contract(as_anna, anna, make, client, tariffs, device):
    make.device(client, anna, extra_fee=Decimal("99.90"))

    response = as_anna.post(fix(client), {"tariff": tariffs[0].pk})

    assert response.url == reverse("contracts:contract", args=[client.pk])
    client = make.fresh(client)
    assert client.status == Status.AWAITING_CONTRACT
    assert client.tariff_choice.tariff == tariffs[0]
    assert client.tariff_choice.total_extra_fee == Decimal("249.90")
    logged = log_of(client)
    assert logged[-1] == "Доплата рассчитана: 249,90\u00a0₽ (тариф «Домашний», устройств: 2)"
    as_anna.post(fix(client), {"tariff": tariffs[0].pk})
    assert log_of(client) == logged


def test_contract_requires_a_device(as_anna, make, client, tariffs):
    response = as_anna.post(fix(client), {"tariff": tariffs[0].pk})

    assert response.status_code == 409
    assert "Добавьте хотя бы одно устройство" in response.content.decode()
    assert make.fresh(client).status == Status.IN_VERIFICATION
    assert not ClientTariff.objects.exists()


def test_other_managers_cannot_choose_or_fix(as_boris, as_vera, signed_out, client, tariffs, device):
    for url in (choice(client), fix(client)):
        for browser, status in ((as_boris, 404), (as_vera, 404), (signed_out, 302)):
            assert browser.post(url, {"tariff": tariffs[0].pk}).status_code == status
    assert not ClientTariff.objects.exists()
