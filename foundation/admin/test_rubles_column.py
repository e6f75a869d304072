"""Sums in the admin site are written as on our pages."""

from decimal import Decimal

import pytest
from django.urls import reverse

from contracts.conftest import issued, signed
from contracts.models import Contract, Invoice

__all__ = ["issued", "signed"]


def address(model, page: str, *args) -> str:
    return reverse(f"admin:contracts_{model._meta.model_name}_{page}", args=args)


def test_those_of_a_client_and_of_tariffs(as_gleb, anna, make):
    make.tariff(name="Дорогой", base_fee=Decimal("12500"), extra_per_device=Decimal("1500.5"))
    client = make.awaiting_contract(anna, devices=2, fee=Decimal("7300"))
    pages = [reverse("admin:clients_client_change", args=[client.pk]), reverse("admin:devices_tariff_changelist")]
    text = "".join(as_gleb.get(page).text for page in pages)

    for shown in ("12\u00a0500,00\u00a0₽", "1\u00a0500,50\u00a0₽", "7\u00a0300,00\u00a0₽", "14\u00a0600,00\u00a0₽"):
        assert shown in text, shown


def test_those_of_contracts_and_invoices(as_gleb, signed):
    pages = [address(model, "changelist") for model in (Contract, Invoice)]
    pages += [address(row, "change", row.pk) for row in (signed, signed.invoices.get())]
    for page in pages:
        assert "300,00\u00a0₽" in as_gleb.get(page).text, page


@pytest.mark.parametrize(("model", "field"), [(Contract, "surcharge"), (Invoice, "amount")])
def test_lists_are_sorted_by_the_sums_themselves(as_gleb, signed, model, field):
    columns = as_gleb.get(address(model, "changelist")).context["cl"].list_display
    shown = as_gleb.get(address(model, "changelist"), {"o": columns.index("sum")}).context["cl"]

    assert shown.queryset.query.order_by[0] == field
