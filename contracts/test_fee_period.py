"""Steps 3 and 4, the client's page and the contract say what is to pay now and later."""

import re

import pytest
from django.urls import reverse

from client_page.conftest import Phone, issue_link
from contracts import issuing, pdf
from contracts.snapshot import Snapshot
from devices.models import FeePeriod, Tariff
from managers import cipher

pytestmark = pytest.mark.django_db


def words(response) -> str:
    """The text of a page without tags, with plain spaces."""
    return " ".join(re.sub(r"<[^>]+>", " ", response.text).replace("\u00a0", " ").split())


@pytest.mark.parametrize(
    ("period", "later"),
    [(FeePeriod.MONTH, "500,00 ₽ в месяц"), (FeePeriod.ONCE, "500,00 ₽ один раз"), ("", "500,00 ₽")],
)
def test_amount_now_and_later(make, anna, as_anna, period, later):
    client = make.awaiting_contract(anna, devices=2)
    Tariff.objects.update(period=period)
    step_3 = words(as_anna.get(reverse("devices:devices", args=[client.pk])))
    step_4 = words(as_anna.get(reverse("contracts:contract", args=[client.pk])))
    contract = issuing.issue(make.fresh(client), by=anna)
    issued = words(as_anna.get(reverse("contracts:contract", args=[client.pk])))
    for page in (step_3, step_4, issued):
        assert f"Сейчас 300,00 ₽ · затем {later}" in page
    text = pdf.contract_html(contract.snapshot).replace("\u00a0", " ")
    assert f"базовая стоимость — {later}, доплата" in text
    phone = Phone()
    phone.open(*issue_link(client, anna, contract))
    page = words(phone.get())
    assert "Заплатить сейчас 300,00 ₽" in page
    assert later in page


def test_changed_period_needs_a_new_contract(make, anna):
    client = make.awaiting_contract(anna)
    first = issuing.issue(client, by=anna)
    Tariff.objects.update(period=FeePeriod.YEAR)
    assert issuing.issue(make.fresh(client), by=anna).pk != first.pk


def test_snapshot_from_before_the_period_is_readable(issued):
    token = issued.encrypted_snapshot
    older = cipher.encrypt(cipher.decrypt(token).replace(', "period": ""', ""))
    assert '"period"' not in cipher.decrypt(older)
    assert Snapshot.decrypt(older) == Snapshot.decrypt(token)


def test_tariff_without_a_base_fee_names_no_later_amount(make, anna, as_anna):
    client = make.awaiting_contract(anna, devices=2)
    Tariff.objects.update(base_fee=0, period=FeePeriod.MONTH)
    page = words(as_anna.get(reverse("contracts:contract", args=[client.pk])))
    assert "Сейчас 300,00 ₽" in page
    assert "затем" not in page
