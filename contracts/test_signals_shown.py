"""Admins see fraud signals; nobody else does."""

from datetime import UTC, date, datetime

import pytest
import time_machine
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from contracts import issuing
from contracts.conftest import sign
from contracts.models import FraudSignal, SignalKind
from contracts.statistics import Period, daily_totals_by_manager, signals_by_kind, totals_by_manager
from contracts.statistics_views import CSV_HEADER
from contracts.test_pages import url
from erasure import erasing
from erasure.models import ErasureReason
from support.models import LogEntry, Ticket

SIGNALS = reverse("admin:contracts_fraudsignal_changelist")
CONTRACTS = reverse("admin:contracts_contract_changelist")
NOON = datetime(2026, 11, 20, 9, tzinfo=UTC)
DAY = Period(date(2026, 11, 20), date(2026, 11, 20))
LABELS = [*SignalKind.labels, "Сигнал", "Отметил менеджер"]


def page(row) -> str:
    return reverse(f"admin:contracts_{row._meta.model_name}_change", args=[row.pk])


def rows(browser, url: str, **query) -> set:
    return set(browser.get(url, query).context["cl"].queryset)


@pytest.fixture
def signed_at_noon(make, anna):
    with time_machine.travel(NOON, tick=False):
        return sign(issuing.issue(make.awaiting_contract(anna), by=anna), anna)


def test_card_shows_signals_to_admins(as_gleb, signed):
    text = as_gleb.get(url("card", signed.client)).text

    assert "Сигналы:" in text
    for signal in signed.signals.all():
        assert signal.details in text


def test_managers_see_no_signals(as_anna, signed):
    assert signed.signals.exists()
    for name in ("card", "done", "contract", "payment"):
        text = as_anna.get(url(name, signed.client), follow=True).text
        assert [label for label in LABELS if label in text] == [], name


def test_support_sees_no_signals(as_vera, signed):
    ticket = Ticket.objects.get(user=signed.client.user)
    for name, pk in (("ticket", ticket.pk), ("client_card", signed.client_id)):
        response = as_vera.get(reverse(f"support:{name}", args=[pk]))
        assert response.status_code == 200
        assert [label for label in LABELS if label in response.text] == [], name


def test_client_log_has_no_signals(signed):
    text = " ".join(LogEntry.objects.values_list("body", flat=True))
    assert [label for label in LABELS if label in text] == []


@pytest.mark.parametrize("role", ["anna", "vera"])
def test_lists_and_statistics_are_for_admins(role, request, signed):
    browser = request.getfixturevalue(f"as_{role}")
    for path in (SIGNALS, page(signed.signals.first()), CONTRACTS, page(signed), "/statistics/", "/statistics.csv"):
        assert browser.get(path).status_code in (302, 404), path


def test_card_takes_two_more_queries_for_any_number_of_contracts(as_gleb, make, signed, anna):
    def queries() -> list[str]:
        with CaptureQueriesContext(connection) as captured:
            as_gleb.get(url("card", signed.client))
        return [query["sql"] for query in captured if "manager_fraud_signals" in query["sql"]]

    assert len(queries()) == 2
    make.device(make.fresh(signed.client), anna, title="Утюг")
    sign(issuing.issue(make.fresh(signed.client), by=anna), anna)
    assert len(queries()) == 2


def test_list_explains_signals_and_links_to_contract_and_client(as_gleb, signed):
    text = as_gleb.get(SIGNALS).text

    for kind in SignalKind:
        assert kind.label in text
        assert kind.meaning in text
    assert page(signed) in text
    assert reverse("admin:clients_client_change", args=[signed.client_id]) in text
    signal = signed.signals.first()
    assert SignalKind(signal.kind).meaning in as_gleb.get(page(signal)).text


def test_list_is_filtered_by_kind_manager_client_and_date(as_gleb, signed_at_noon, signed, make, boris):
    other = sign(issuing.issue(make.awaiting_contract(boris), by=boris), boris)
    code = FraudSignal.objects.filter(kind=SignalKind.CODE_BY_MANAGER)

    assert rows(as_gleb, SIGNALS, kind__exact="code_by_manager") == set(code)
    assert rows(as_gleb, SIGNALS, manager__id__exact=boris.pk) == set(other.signals.all())
    assert rows(as_gleb, SIGNALS, client__id__exact=signed.client_id) == set(signed.signals.all())
    old = {"at__gte": "2026-11-20 00:00:00+03:00", "at__lt": "2026-11-21 00:00:00+03:00"}
    assert rows(as_gleb, SIGNALS, **old) == set(signed_at_noon.signals.all())


def test_signals_cannot_be_changed_in_the_admin_site(as_gleb, signed):
    before = list(FraudSignal.objects.values())
    signal = signed.signals.first()

    assert as_gleb.post(page(signal), {"details": "x"}).status_code == 403
    assert (
        as_gleb.post(reverse("admin:contracts_fraudsignal_delete", args=[signal.pk]), {"post": "yes"}).status_code
        == 403
    )
    assert as_gleb.post(reverse("admin:contracts_fraudsignal_add"), {"details": "x"}).status_code == 403
    assert list(FraudSignal.objects.values()) == before


def test_contracts_have_a_column_a_filter_and_their_signals(as_gleb, signed, make, anna):
    waiting = issuing.issue(make.awaiting_contract(anna), by=anna)

    assert "Согласие отметил менеджер, Код ввёл менеджер" not in as_gleb.get(CONTRACTS, {"signals": "no"}).text
    assert "Код ввёл менеджер, Согласие отметил менеджер" in as_gleb.get(CONTRACTS).text
    assert rows(as_gleb, CONTRACTS, signals="yes") == {signed}
    assert rows(as_gleb, CONTRACTS, signals="no") == {waiting}
    assert rows(as_gleb, CONTRACTS, signals="nonsense") == {signed, waiting}
    for signal in signed.signals.all():
        assert signal.details in as_gleb.get(page(signed)).text


def test_list_takes_a_constant_number_of_queries(as_gleb, make, anna, signed):
    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            assert as_gleb.get(SIGNALS).status_code == 200
        return len(captured)

    queries()  # fills Django's cache of content types
    one = queries()
    for _ in range(4):
        sign(issuing.issue(make.awaiting_contract(anna), by=anna), anna)
    assert queries() == one


def test_signals_are_counted_by_kind_day_and_manager(signed_at_noon, anna):
    expected = [(SignalKind.CONSENT_BY_MANAGER, 1), (SignalKind.CODE_BY_MANAGER, 1)]
    assert signals_by_kind(DAY) == expected
    for totals in (daily_totals_by_manager, totals_by_manager):
        (row,) = totals(DAY)
        assert (row.manager_id, row.signed, row.signals) == (anna.pk, 1, 2)
    assert signals_by_kind(Period(date(2026, 11, 19), date(2026, 11, 19))) == []


def test_statistics_show_signals_on_the_page_and_in_the_csv(as_gleb, signed_at_noon):
    query = "?first=2026-11-20&last=2026-11-20"
    text = as_gleb.get(f"/statistics/{query}").text
    assert "Согласие отметил менеджер" in text
    assert "Сигналов" in text

    assert CSV_HEADER[:7] == [
        "День", "Менеджер", "Подписано договоров", "Оплачено счетов", "Оплачено, руб.", "Код ввёл менеджер", "Сигналов",
    ]  # fmt: skip
    line = b"".join(as_gleb.get(f"/statistics.csv{query}").streaming_content).decode().split("\r\n")[1]
    assert line.split(";")[2:7] == ["1", "0", "0,00", "1", "2"]


def test_period_without_signals_says_so(as_gleb):
    assert "За этот период сигналов нет." in as_gleb.get("/statistics/").text


def test_statistics_of_signals_read_only_an_index(signed):
    signals = FraudSignal.objects.filter(at__gte=NOON).values_list("kind", "manager", "at").order_by()
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off; SET LOCAL enable_bitmapscan = off")
        assert "Index Only Scan using signals_by_time" in signals.explain()


@pytest.mark.usefixtures("maintenance")
def test_signals_outlive_the_erasure_of_the_client(signed, gleb):
    before = list(FraudSignal.objects.values())
    erasing.erase(signed.client, ErasureReason.REQUEST, by=gleb, note="Заявление вх. 15", ended=True)

    assert list(FraudSignal.objects.values()) == before
