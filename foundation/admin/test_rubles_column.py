"""Amounts in the admin site are formatted as on our pages."""

from decimal import Decimal

import pytest
from django.urls import reverse

from contracts.conftest import issued, signed
from contracts.models import Contract, Invoice

__all__ = ["issued", "signed"]


def admin_url(model, page: str, *args) -> str:
    return reverse(f"admin:contracts_{model._meta.model_name}_{page}", args=args)


def test_client_and_tariff_amounts_are_formatted(as_gleb, anna, make):
    make.tariff(name="Дорогой", base_fee=Decimal("12500"), extra_per_device=Decimal("1500.5"))
    client = make.awaiting_contract(anna, devices=2, fee=Decimal("7300"))
    pages = [reverse("admin:clients_client_change", args=[client.pk]), reverse("admin:devices_tariff_changelist")]
    text = "".join(as_gleb.get(page).text for page in pages)

    for shown in ("12\u00a0500,00\u00a0₽", "1\u00a0500,50\u00a0₽", "7\u00a0300,00\u00a0₽", "14\u00a0600,00\u00a0₽"):
        assert shown in text, shown


def test_contract_and_invoice_amounts_are_formatted(as_gleb, signed):
    pages = [admin_url(model, "changelist") for model in (Contract, Invoice)]
    pages += [admin_url(row, "change", row.pk) for row in (signed, signed.invoices.get())]
    for page in pages:
        assert "300,00\u00a0₽" in as_gleb.get(page).text, page


@pytest.mark.parametrize(("model", "field"), [(Contract, "surcharge"), (Invoice, "amount")])
def test_lists_are_sorted_by_amount(as_gleb, signed, model, field):
    columns = as_gleb.get(admin_url(model, "changelist")).context["cl"].list_display
    changelist = as_gleb.get(admin_url(model, "changelist"), {"o": columns.index("sum")}).context["cl"]

    assert changelist.queryset.query.order_by[0] == field
