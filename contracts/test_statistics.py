import re
from datetime import UTC, date, datetime, timedelta

import pytest
import time_machine
from django.db import connection

from client_page.conftest import Phone, issue_link
from clients.models import Client, Status
from conftest import as_superuser
from contracts import issuing, payment, signing
from contracts.charts import bar_chart
from contracts.conftest import code_sent_to, sign
from contracts.models import Invoice
from contracts.payment_undo import undo_payment
from contracts.statistics import (
    Period,
    Totals,
    daily_amounts_by_method,
    daily_totals_by_manager,
    step_durations,
    totals_by_day,
    totals_by_manager,
    totals_by_method,
)
from contracts.statistics_views import CSV_HEADER
from foundation.web.csv_download import escape_cell

NOON = datetime(2026, 11, 20, 9, tzinfo=UTC)
DAY = Period(date(2026, 11, 20), date(2026, 11, 20))


def signed_contract(make, by):
    contract = issuing.issue(make.awaiting_contract(by), by=by)
    signing.request_code(contract, by=by)
    return sign(contract, by, code_sent_to(contract.client))


@pytest.fixture
def sold(make, anna):
    """Анна's client who was created, claimed, signed and paid within one Moscow day; 650 rubles."""
    with time_machine.travel(NOON, tick=False) as clock:
        contract = signed_contract(make, anna)
        clock.shift(timedelta(hours=2))
        payment.confirm_payment(contract.invoices.get(), "cash", by=anna)
    return contract


def test_signatures_and_payments_are_counted_by_day_and_manager(sold, anna):
    (row,) = daily_totals_by_manager(DAY)
    assert (row.day, row.manager_id, row.signed, row.paid) == (date(2026, 11, 20), anna.pk, 1, 1)
    assert row.amount == sold.due
    assert daily_totals_by_manager(Period(date(2026, 11, 19), date(2026, 11, 19))) == []


@pytest.mark.parametrize(
    ("moment", "day"),
    [(datetime(2026, 11, 20, 20, 59, tzinfo=UTC), 20), (datetime(2026, 11, 20, 21, 0, tzinfo=UTC), 21)],
)
def test_days_are_in_moscow_time(make, anna, moment, day):
    with time_machine.travel(moment, tick=False):
        signed_contract(make, anna)
    (row,) = daily_totals_by_manager(Period(date(2026, 11, 19), date(2026, 11, 22)))
    assert row.day == date(2026, 11, day)
    assert daily_totals_by_manager(Period(date(2026, 11, day), date(2026, 11, day))) == [row]


def test_totals_by_day_and_by_manager(make, anna, boris):
    """Signer and payee differ, before and after midnight. Pending invoices do not count."""
    for moment, signer, payer in (
        (datetime(2026, 11, 20, 20, 59, 59, 999999, tzinfo=UTC), anna, boris),
        (datetime(2026, 11, 20, 21, 0, tzinfo=UTC), boris, boris),
        (datetime(2026, 11, 22, 9, 0, tzinfo=UTC), anna, None),
    ):
        with time_machine.travel(moment, tick=False):
            contract = signed_contract(make, signer)
            if payer:
                payment.confirm_payment(contract.invoices.get(), "cash", by=payer)
    due, period = contract.due, Period(date(2026, 11, 20), date(2026, 11, 22))
    assert totals_by_day(period) == [
        Totals(date(2026, 11, 20), None, 1, 1, due),
        Totals(date(2026, 11, 21), None, 1, 1, due),
        Totals(date(2026, 11, 22), None, 1, 0, 0),
    ]
    assert totals_by_manager(period) == [
        Totals(None, anna.pk, 2, 0, 0, code_by_manager=2, signals=4),
        Totals(None, boris.pk, 1, 2, 2 * due, code_by_manager=1, signals=2),
    ]
    assert len(daily_totals_by_manager(period)) == 4


def test_rows_outside_the_period_are_not_counted(sold):
    for day in (date(2026, 11, 19), date(2026, 11, 21)):
        assert totals_by_day(Period(day, day)) == [Totals(day, None)]
        assert totals_by_manager(Period(day, day)) == []


def test_step_duration_is_the_time_between_status_changes(make, anna):
    for hours in (1, 2, 9):
        with time_machine.travel(NOON, tick=False) as clock:
            client = make.client()
            Client.objects.filter(pk=client.pk).update(created_at=NOON)
            clock.shift(timedelta(hours=hours))
            user = client.user
            client.confirm_contact(by=anna, name=user.name, phone=user.phone, email=user.email, address=user.address)
    (new,) = step_durations(DAY)
    assert (new.status, new.count, new.median) == ("new", 3, 2 * 3600)
    assert 2 * 3600 < new.percentile_90 < 9 * 3600


def test_reassignment_is_not_counted_as_a_step(make, anna, boris, gleb):
    client = make.verified(anna)
    client.reassign(to=boris, by=gleb)
    assert [step.status for step in step_durations(Period.latest(2))] == ["new"]  # midnight may pass meanwhile


def test_page_shows_funnel_charts_managers_and_steps(as_gleb, sold, anna):
    response = as_gleb.get("/statistics/?first=2026-11-14&last=2026-11-20")
    assert response.status_code == 200
    assert [row[:2] for row in response.context["funnel"]][-1] == ("Оформлен", 1)
    assert [bar.value_label for bar in response.context["signed"].bars] == ["0"] * 6 + ["1"]
    assert response.context["amount"].bars[0].value_label == "0,00\u00a0₽"
    assert anna.name in response.text
    assert 'role="img"' in response.text
    assert "style=" not in response.text.split("<main>")[1]


@pytest.mark.parametrize(
    "query",
    ["first=2026-11-20&last=2026-11-19", "first=2020-01-01&last=2026-01-01", "first=x", "first=9999-12-31&last="],
)
def test_invalid_period_shows_an_error(as_gleb, query):
    response = as_gleb.get(f"/statistics/?{query}")
    assert response.status_code == 422
    assert 'role="alert"' in response.text or "error" in response.text
    assert as_gleb.get(f"/statistics.csv?{query}").status_code == 200


@pytest.mark.parametrize("query", ["first=0001-01-01&last=0001-01-01", "first=9999-12-31&last=9999-12-31"])
def test_extreme_dates_are_handled(as_gleb, query):
    assert as_gleb.get(f"/statistics/?{query}").status_code in (200, 422)
    assert b"".join(as_gleb.get(f"/statistics.csv?{query}").streaming_content)


def test_csv_is_in_the_format_of_russian_excel(as_gleb, sold, anna):
    anna.name = "=cmd|' /C calc'!A0"
    anna.save()
    response = as_gleb.get("/statistics.csv?first=2026-11-20&last=2026-11-20")
    text = b"".join(response.streaming_content).decode()
    assert text.startswith("\ufeff" + ";".join(CSV_HEADER) + "\r\n")
    amount = f"{sold.due:.2f}".replace(".", ",")
    row = f"20.11.2026;'=cmd|' /C calc'!A0;1;1;{amount};1;2;0,00;0,00;0,00;0,00;{amount};0,00"
    assert text.split("\r\n")[1] == row


def test_codes_that_the_manager_entered_are_counted(as_gleb, sold, make, anna):
    contract = issuing.issue(make.awaiting_contract(anna), by=anna)
    phone = Phone()
    with time_machine.travel(NOON, tick=True):
        phone.open(*issue_link(contract.client, anna, contract))
        phone.accept()
        phone.sign()
    (row,) = totals_by_manager(DAY)
    assert (row.signed, row.code_by_manager) == (2, 1)
    assert "Код ввёл менеджер" in as_gleb.get("/statistics/").text


def test_paid_amounts_by_method(as_gleb, sold, make, anna, gleb):
    """Also without a method, as earlier versions confirmed payments. An undone payment is counted nowhere."""
    with time_machine.travel(NOON, tick=False):
        for method in ("qr", "qr", "app"):
            invoice = signed_contract(make, anna).invoices.get()
            payment.confirm_payment(invoice, method, by=anna)
        undo_payment(invoice, confirmed_at=invoice.paid_at, by=gleb, reason="Ошибка")
        old = signed_contract(make, anna).invoices.get()
        Invoice.objects.filter(pk=old.pk).update(status="paid", paid_at=NOON, paid_by=gleb)
    due = sold.due
    assert totals_by_method(DAY) == [("", 1, due), ("qr", 2, 2 * due), ("cash", 1, due)]
    assert daily_amounts_by_method(DAY) == {
        (DAY.first, anna.pk): {"qr": 2 * due, "cash": due},
        (DAY.first, gleb.pk): {"": due},
    }
    page = re.sub(r"\s+", " ", as_gleb.get("/statistics/?first=2026-11-20&last=2026-11-20").text)
    assert f'Перевод по QR-коду</th><td>2</td><td class="money">{2 * due:.2f}'.replace(".", ",") in page
    assert "Карта в приложении" not in page
    csv = b"".join(as_gleb.get("/statistics.csv?first=2026-11-20&last=2026-11-20").streaming_content).decode()
    assert csv.split("\r\n")[0].endswith(
        ";Способ не указан, руб.;Перевод по QR-коду, руб.;Карта в приложении, руб.;Терминал, руб.;Наличные, руб."
        ";Другой способ, руб."
    )
    assert f";0,00;{2 * due:.2f};0,00;0,00;{due:.2f};0,00".replace(".", ",") in csv


def test_undone_payment_is_no_step_forward(make, anna):
    with time_machine.travel(NOON, tick=False) as clock:
        invoice = signed_contract(make, anna).invoices.get()
        payment.confirm_payment(invoice, "cash", by=anna)
        clock.shift(timedelta(minutes=5))
        undo_payment(invoice, confirmed_at=invoice.paid_at, by=anna)
    assert Status.PROCESSED not in [step.status for step in step_durations(DAY)]


@pytest.mark.parametrize("text", ["=1", "+1", "-1", "@a", "\tx", "\rx"])
def test_formulas_are_escaped(text):
    assert escape_cell(text) == "'" + text
    assert escape_cell("Анна") == "Анна"


def test_chart_scales_to_the_largest_value_and_shows_small_values():
    chart = bar_chart("x", [("a", 0), ("b", 1), ("c", 1000)])
    assert [bar.height for bar in chart.bars] == [0, 1, 100]
    assert [bar.y for bar in chart.bars] == [100, 99, 0]
    assert chart.max_label == "1000"
    assert bar_chart("x", []).max_label == "0"


def test_page_takes_at_most_fourteen_queries(as_gleb, sold, django_assert_max_num_queries):
    with django_assert_max_num_queries(14):
        as_gleb.get("/statistics/")


def test_statistics_use_indexes(make, sold):
    """With few rows the planner uses sequential scans or any index, so set the statistics of large tables."""
    plans = []
    first, after = Period.latest(30).bounds
    from contracts.models import Contract, Invoice

    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        with as_superuser():
            cursor.execute(
                "UPDATE pg_class SET relpages = 1, reltuples = 100000"
                " WHERE relname IN ('manager_contracts', 'manager_invoices')"
            )
        for rows in (
            Contract.objects.filter(signed_at__gte=first, signed_at__lt=after).values_list(
                "signed_at", "signed_by", "code_entered_on"
            ),
            Invoice.objects.filter(status="paid", paid_at__gte=first, paid_at__lt=after).values_list("paid_at"),
            Invoice.objects.filter(status="pending").order_by("created_at").values_list("created_at"),
            Invoice.objects.filter(status="cancelled", cancelled_at__gte=first).values_list("cancelled_at"),
        ):
            plans.append(rows.explain())
    for plan, index in zip(
        plans, ("contracts_signed_by", "invoices_paid", "invoices_waiting", "invoices_cancelled"), strict=True
    ):
        assert index in plan
