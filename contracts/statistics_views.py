"""Statistics for admins: clients by status, contracts signed, invoices paid, and step durations."""

from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal
from functools import wraps

from django import forms
from django.http import Http404
from django.shortcuts import render
from django.views.decorators.http import require_safe

from clients.models import Status
from clients.statistics import clients_by_status
from contracts.charts import bar_chart
from contracts.models import PaymentMethod
from contracts.statistics import (
    MAX_DAYS,
    Period,
    StepDuration,
    Totals,
    claim_totals,
    daily_amounts_by_method,
    daily_totals_by_manager,
    signals_by_kind,
    step_durations,
    totals_by_day,
    totals_by_manager,
    totals_by_method,
    unchecked_claims,
)
from foundation.russian import money
from foundation.russian.plurals import plural
from foundation.web import csv_download
from managers.models import Manager

# Far below date.max, so that adding days can't overflow.
MAX_DATE = date(2200, 1, 1)
PERIOD_DAYS = (7, 30, 90)
CSV_HEADER = [
    "День", "Менеджер", "Подписано договоров", "Оплачено счетов", "Оплачено, руб.", "Код ввёл менеджер", "Сигналов",
    *(f"{label}, руб." for label in PaymentMethod.labels),
]  # fmt: skip


def day_field(label: str) -> forms.DateField:
    widget = forms.DateInput({"type": "date"}, format="%Y-%m-%d")
    return forms.DateField(label=label, widget=widget, error_messages={"required": "Укажите день."})


class PeriodForm(forms.Form):
    first = day_field("С")
    last = day_field("По")

    def clean(self):
        cleaned = super().clean()
        first, last = cleaned.get("first"), cleaned.get("last")
        if first and last and not (timedelta(0) <= last - first < timedelta(days=MAX_DAYS) and last < MAX_DATE):
            raise forms.ValidationError(f"Выберите от одного дня до {MAX_DAYS} дней подряд.")
        return cleaned


def admins_only(view):
    """Decorator: admins only; 404 for everybody else."""

    @wraps(view)
    def guarded(request, *args, **kwargs):
        if not request.user.is_admin:
            raise Http404
        return view(request, *args, **kwargs)

    return guarded


@require_safe
@admins_only
def statistics(request):
    form, period = _form_and_period(request)
    days, names = totals_by_day(period), _manager_names()
    context = {
        "form": form,
        "period": period,
        "choices": [(days, Period.latest(days)) for days in PERIOD_DAYS],
        "funnel": _funnel(),
        "signed": _chart("Подписано договоров по дням", days, "signed"),
        "amount": _chart("Оплачено по дням", days, "amount", money.format_rubles),
        "managers": [(names.get(row.manager_id, ""), row) for row in totals_by_manager(period)],
        "signals": signals_by_kind(period),
        "methods": totals_by_method(period),
        "claims": claim_totals(period),
        "unchecked": unchecked_claims(),
        "steps": [_step_row(step) for step in step_durations(period)],
        "query": f"first={period.first:%Y-%m-%d}&last={period.last:%Y-%m-%d}",
    }
    return render(request, "contracts/statistics.html", context, status=422 if form.errors else 200)


@require_safe
@admins_only
def statistics_csv(request):
    """Totals by day and manager: CSV (RFC 4180) with semicolons and a BOM, the format of Russian Excel."""
    _, period = _form_and_period(request)
    return csv_download.csv_response(f"privet-{period.first}-{period.last}", CSV_HEADER, _csv_rows(period))


def _form_and_period(request) -> tuple[PeriodForm, Period]:
    """Return the form and the period; the last 30 days if the query is missing or invalid."""
    period = Period.latest(30)
    is_submitted = "first" in request.GET or "last" in request.GET
    form = PeriodForm(request.GET if is_submitted else None, initial={"first": period.first, "last": period.last})
    if is_submitted and form.is_valid():
        period = Period(**form.cleaned_data)
    return form, period


def _manager_names() -> dict:
    return dict(Manager.objects.values_list("pk", "name"))


def _funnel() -> list[tuple[str, int, float]]:
    """Return label, number of clients, and bar width in percent of the widest bar."""
    counts = clients_by_status()
    del counts[Status.ERASED]
    highest = max(1, *counts.values())
    return [(Status(status).label, count, round(100 * count / highest, 1)) for status, count in counts.items()]


def _chart(title: str, days: list[Totals], field: str, format_value=str):
    return bar_chart(title, [(f"{row.day:%d.%m}", getattr(row, field)) for row in days], format_value)


def _step_row(step: StepDuration) -> tuple[str, str, str]:
    return Status(step.status).label, _format_duration(step.median), _format_duration(step.percentile_90)


def _format_duration(seconds: float) -> str:
    """90 → «2 минуты», 7200 → «2 часа», 200000 → «2 дня»: rounded, at least one minute."""
    if seconds < 90 * 60:
        minutes = max(1, round(seconds / 60))
        return f"{minutes} {plural(minutes, 'минута', 'минуты', 'минут')}"
    if seconds < 48 * 3600:
        hours = round(seconds / 3600)
        return f"{hours} {plural(hours, 'час', 'часа', 'часов')}"
    days = round(seconds / 86400)
    return f"{days} {plural(days, 'день', 'дня', 'дней')}"


def _csv_rows(period: Period) -> Iterator[list]:
    names, amounts = _manager_names(), daily_amounts_by_method(period)
    for row in daily_totals_by_manager(period):
        by_method = amounts.get((row.day, row.manager_id), {})
        yield [
            f"{row.day:%d.%m.%Y}", names.get(row.manager_id, ""), row.signed, row.paid, _csv_amount(row.amount),
            row.code_by_manager, row.signals,
            *(_csv_amount(by_method.get(method, Decimal(0))) for method in PaymentMethod.values),
        ]  # fmt: skip


def _csv_amount(amount: Decimal) -> str:
    return f"{amount:.2f}".replace(".", ",")
