"""Step 3 of a signed client: the signed surcharge, and that of a new contract."""

from decimal import Decimal

import pytest
from django.urls import reverse

from clients.models import Client, Status
from contracts import issuing
from contracts.conftest import sign
from devices.models import Tariff
from devices.saving import delete_device


def step_3(browser, client: Client) -> str:
    page = browser.get(reverse("devices:devices", args=[client.pk])).text
    return " ".join(page.replace('<strong class="money">', "").replace("</strong>", "").split())


def test_before_signing_only_the_current_surcharge_is_shown(as_anna, issued):
    page = step_3(as_anna, issued.client)

    assert "подписано" not in page
    assert '<th scope="row">Всего</th><td class="money">300,00 ₽' in page


def test_unchanged_data_shows_one_amount(as_anna, signed):
    page = step_3(as_anna, signed.client)

    assert f"По договору {signed.number} подписано: 300,00 ₽." in page
    assert "новый договор" not in page
    assert "по новому договору" not in page


@pytest.mark.parametrize("headers", [{}, {"HX-Request": "true", "HX-Target": "surcharge"}])
def test_changed_price_is_shown_next_to_the_signed_one(as_anna, signed, make, headers):
    Tariff.objects.update(extra_per_device=Decimal(200))

    tariff = {"tariff": Tariff.objects.get().pk}
    chosen = as_anna.post(reverse("devices:tariff", args=[signed.client_id]), tariff, headers=headers, follow=True).text

    for page in (step_3(as_anna, signed.client), " ".join(chosen.split())):
        assert f"По договору {signed.number} подписано: " in page
        assert "Эта сумма действует, пока не подписан новый договор: в нём будет " in page
        assert 'Всего по новому договору</th><td class="money">400,00 ₽' in page
    assert make.fresh(signed.client).status == Status.AWAITING_PAYMENT


def test_new_contract_has_the_surcharge_shown_in_step_3(as_anna, anna, signed, make):
    make.device(make.fresh(signed.client), anna, title="Плита")
    page = step_3(as_anna, signed.client)
    assert f"По договору {signed.number} подписано: 300,00 ₽." in page
    assert "в нём будет 450,00 ₽" in page

    second = sign(issuing.issue(make.fresh(signed.client), by=anna), anna)

    assert second.surcharge == 450
    assert f"По договору {second.number} подписано: 450,00 ₽." in step_3(as_anna, signed.client)


def test_without_devices_no_new_contract_is_mentioned(as_anna, anna, signed, make):
    for device in signed.client.devices.all():
        delete_device(device, by=anna)

    page = step_3(as_anna, signed.client)

    assert "подписано: 300,00 ₽." in page
    assert "новый договор" not in page
