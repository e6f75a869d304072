from datetime import UTC, date, datetime, timedelta

import pytest
import time_machine
from django.db import connection

from clients.models import Client
from contracts import issuing, payment, signing
from contracts.charts import bar_chart
from contracts.conftest import code_sent_to, sign
from contracts.statistics import (
    Period,
    Totals,
    daily_totals_by_manager,
    step_durations,
    totals_by_day,
    totals_by_manager,
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
    """Анна's client who came, was claimed, signed and paid within one Moscow day; 650 roubles."""
    with time_machine.travel(NOON, tick=False) as clock:
        contract = signed_contract(make, anna)
        clock.shift(timedelta(hours=2))
        payment.confirm_payment(contract.invoices.get(), by=anna)
    return contract


def test_what_a_manager_signed_and_was_paid_is_counted_on_its_day(sold, anna):
    (row,) = daily_totals_by_manager(DAY)
    assert (row.day, row.manager_id, row.signed, row.paid) == (date(2026, 11, 20), anna.pk, 1, 1)
    assert row.amount == sold.due
    assert daily_totals_by_manager(Period(date(2026, 11, 19), date(2026, 11, 19))) == []


@pytest.mark.parametrize(
    ("moment", "day"),
    [(datetime(2026, 11, 20, 20, 59, tzinfo=UTC), 20), (datetime(2026, 11, 20, 21, 0, tzinfo=UTC), 21)],
)
def test_a_day_is_a_moscow_day(make, anna, moment, day):
    with time_machine.travel(moment, tick=False):
        signed_contract(make, anna)
    (row,) = daily_totals_by_manager(Period(date(2026, 11, 19), date(2026, 11, 22)))
    assert row.day == date(2026, 11, day)
    assert daily_totals_by_manager(Period(date(2026, 11, day), date(2026, 11, day))) == [row]


def test_sums_by_day_and_by_manager_are_those_of_the_rows(make, anna, boris):
    """One signs and another takes the money, before midnight and after; an invoice that waits is no money."""
    for moment, signer, payer in (
        (datetime(2026, 11, 20, 20, 59, 59, 999999, tzinfo=UTC), anna, boris),
        (datetime(2026, 11, 20, 21, 0, tzinfo=UTC), boris, boris),
        (datetime(2026, 11, 22, 9, 0, tzinfo=UTC), anna, None),
    ):
        with time_machine.travel(moment, tick=False):
            contract = signed_contract(make, signer)
            if payer:
                payment.confirm_payment(contract.invoices.get(), by=payer)
    due, period = contract.due, Period(date(2026, 11, 20), date(2026, 11, 22))
    assert totals_by_day(period) == [
        Totals(date(2026, 11, 20), None, 1, 1, due),
        Totals(date(2026, 11, 21), None, 1, 1, due),
        Totals(date(2026, 11, 22), None, 1, 0, 0),
    ]
    assert totals_by_manager(period) == [Totals(None, anna.pk, 2, 0, 0), Totals(None, boris.pk, 1, 2, 2 * due)]
    assert len(daily_totals_by_manager(period)) == 4


def test_days_and_managers_outside_the_period_are_not_summed(sold):
    for day in (date(2026, 11, 19), date(2026, 11, 21)):
        assert totals_by_day(Period(day, day)) == [Totals(day, None)]
        assert totals_by_manager(Period(day, day)) == []


def test_the_time_of_a_step_is_that_between_two_changes_of_status(make, anna):
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


def test_giving_a_client_to_another_is_no_step(make, anna, boris, gleb):
    client = make.verified(anna)
    client.reassign(to=boris, by=gleb)
    assert [step.status for step in step_durations(Period.latest(2))] == ["new"]  # midnight may come


def test_the_page_shows_funnel_charts_managers_and_steps(as_gleb, sold, anna):
    answer = as_gleb.get("/statistics/?first=2026-11-14&last=2026-11-20")
    assert answer.status_code == 200
    assert [row[:2] for row in answer.context["funnel"]][-1] == ("Оформлен", 1)
    assert [column.told for column in answer.context["signed"].columns] == ["0"] * 6 + ["1"]
    assert answer.context["amount"].columns[0].told == "0,00\u00a0₽"
    assert anna.name in answer.text
    assert 'role="img"' in answer.text
    assert "style=" not in answer.text.split("<main>")[1]


@pytest.mark.parametrize(
    "query",
    ["first=2026-11-20&last=2026-11-19", "first=2020-01-01&last=2026-01-01", "first=x", "first=9999-12-31&last="],
)
def test_a_period_that_cannot_be_is_refused_in_words(as_gleb, query):
    answer = as_gleb.get(f"/statistics/?{query}")
    assert answer.status_code == 422
    assert 'role="alert"' in answer.text or "error" in answer.text
    assert as_gleb.get(f"/statistics.csv?{query}").status_code == 200


@pytest.mark.parametrize("query", ["first=0001-01-01&last=0001-01-01", "first=9999-12-31&last=9999-12-31"])
def test_the_ends_of_the_calendar_break_nothing(as_gleb, query):
    assert as_gleb.get(f"/statistics/?{query}").status_code in (200, 422)
    assert b"".join(as_gleb.get(f"/statistics.csv?{query}").streaming_content)


def test_the_table_opens_in_a_russian_spreadsheet(as_gleb, sold, anna):
    anna.name = "=cmd|' /C calc'!A0"
    anna.save()
    answer = as_gleb.get("/statistics.csv?first=2026-11-20&last=2026-11-20")
    text = b"".join(answer.streaming_content).decode()
    assert text.startswith("\ufeff" + ";".join(CSV_HEADER) + "\r\n")
    amount = f"{sold.due:.2f}".replace(".", ",")
    assert text.split("\r\n")[1] == f"20.11.2026;'=cmd|' /C calc'!A0;1;1;{amount}"


@pytest.mark.parametrize("text", ["=1", "+1", "-1", "@a", "\tx", "\rx"])
def test_no_cell_is_a_formula(text):
    assert escape_cell(text) == "'" + text
    assert escape_cell("Анна") == "Анна"


def test_a_chart_is_as_high_as_its_largest_value_and_shows_small_ones():
    chart = bar_chart("x", [("a", 0), ("b", 1), ("c", 1000)])
    assert [column.height for column in chart.columns] == [0, 1, 100]
    assert [column.y for column in chart.columns] == [100, 99, 0]
    assert chart.most == "1000"
    assert bar_chart("x", []).most == "0"


def test_the_page_asks_little_of_the_database(as_gleb, sold, django_assert_max_num_queries):
    with django_assert_max_num_queries(10):
        as_gleb.get("/statistics/")


def test_the_figures_are_read_by_index(make, sold):
    """With few rows the planner reads tables whole, or any index; it is told that there are many."""
    plans = []
    first, after = Period.latest(30).bounds
    from contracts.models import Contract, Invoice

    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute(
            "UPDATE pg_class SET relpages = 1, reltuples = 100000"
            " WHERE relname IN ('manager_contracts', 'manager_invoices')"
        )
        for rows in (
            Contract.objects.filter(signed_at__gte=first, signed_at__lt=after).values_list("signed_at", "signed_by"),
            Invoice.objects.filter(status="paid", paid_at__gte=first, paid_at__lt=after).values_list("paid_at"),
            Invoice.objects.filter(status="pending").order_by("created_at").values_list("created_at"),
        ):
            plans.append(rows.explain())
    for plan, index in zip(plans, ("contracts_signed", "invoices_paid", "invoices_waiting"), strict=True):
        assert index in plan
