"""Statistics for the head of managers: where clients are, what was signed and paid, how long the steps take."""

from collections.abc import Iterator
from datetime import date, timedelta
from functools import wraps

from django import forms
from django.http import Http404
from django.shortcuts import render
from django.views.decorators.http import require_safe

from clients.models import Status
from clients.statistics import clients_by_status
from contracts.charts import columns
from contracts.statistics import LONGEST, Done, Period, StepTime, by_day, by_manager, done, step_times
from foundation.russian import money
from foundation.russian.plurals import plural
from foundation.web import csv_download
from managers.models import Manager

# Where the calendar of Python ends, sums of days do too.
LAST = date(2200, 1, 1)
CHOICES = (7, 30, 90)
HEADS = ["День", "Менеджер", "Подписано договоров", "Оплачено счетов", "Оплачено, руб."]


def day_field(label: str) -> forms.DateField:
    widget = forms.DateInput({"type": "date"}, format="%Y-%m-%d")
    return forms.DateField(label=label, widget=widget, error_messages={"required": "Укажите день."})


class PeriodForm(forms.Form):
    first = day_field("С")
    last = day_field("По")

    def clean(self):
        cleaned = super().clean()
        first, last = cleaned.get("first"), cleaned.get("last")
        if first and last and not (timedelta(0) <= last - first < timedelta(days=LONGEST) and last < LAST):
            raise forms.ValidationError(f"Выберите от одного дня до {LONGEST} дней подряд.")
        return cleaned


def for_heads(view):
    """For admins; for others there is no such page."""

    @wraps(view)
    def guarded(request, *args, **kwargs):
        if not request.user.is_admin:
            raise Http404
        return view(request, *args, **kwargs)

    return guarded


@require_safe
@for_heads
def statistics(request):
    form, period = _chosen(request)
    days, names = by_day(period), _names()
    context = {
        "form": form,
        "period": period,
        "choices": [(days, Period.latest(days)) for days in CHOICES],
        "funnel": _funnel(),
        "signed": _chart("Подписано договоров по дням", days, "signed"),
        "amount": _chart("Оплачено по дням", days, "amount", money.in_figures),
        "managers": [(names.get(row.manager_id, ""), row) for row in by_manager(period)],
        "steps": [_told(step) for step in step_times(period)],
        "query": f"first={period.first:%Y-%m-%d}&last={period.last:%Y-%m-%d}",
    }
    return render(request, "contracts/statistics.html", context, status=422 if form.errors else 200)


@require_safe
@for_heads
def table(request):
    """The same figures by day and manager: CSV (RFC 4180) with semicolons and a BOM, as a Russian Excel opens it."""
    _, period = _chosen(request)
    return csv_download.response(f"privet-{period.first}-{period.last}", HEADS, _rows(period))


def _chosen(request) -> tuple[PeriodForm, Period]:
    """The form, and the period that it asks for: the last 30 days unless it asks for one that there can be."""
    period = Period.latest(30)
    asked = "first" in request.GET or "last" in request.GET
    form = PeriodForm(request.GET if asked else None, initial={"first": period.first, "last": period.last})
    if asked and form.is_valid():
        period = Period(**form.cleaned_data)
    return form, period


def _names() -> dict:
    return dict(Manager.objects.values_list("pk", "name"))


def _funnel() -> list[tuple[str, int, float]]:
    """Label, clients, and the width of the bar in hundredths of the widest."""
    counts = clients_by_status()
    del counts[Status.ERASED]
    most = max(1, *counts.values())
    return [(Status(status).label, count, round(100 * count / most, 1)) for status, count in counts.items()]


def _chart(title: str, days: list[Done], what: str, tell=str):
    return columns(title, [(f"{row.day:%d.%m}", getattr(row, what)) for row in days], tell)


def _told(step: StepTime) -> tuple[str, str, str]:
    return Status(step.status).label, _in_words(step.median), _in_words(step.ninetieth)


def _in_words(seconds: float) -> str:
    """90 → «2 минуты», 7200 → «2 часа», 200000 → «2 дня»: to the nearest, at least a minute."""
    if seconds < 90 * 60:
        minutes = max(1, round(seconds / 60))
        return f"{minutes} {plural(minutes, 'минута', 'минуты', 'минут')}"
    if seconds < 48 * 3600:
        hours = round(seconds / 3600)
        return f"{hours} {plural(hours, 'час', 'часа', 'часов')}"
    days = round(seconds / 86400)
    return f"{days} {plural(days, 'день', 'дня', 'дней')}"


def _rows(period: Period) -> Iterator[list]:
    names = _names()
    for row in done(period):
        amount = f"{row.amount:.2f}".replace(".", ",")
        yield [f"{row.day:%d.%m.%Y}", names.get(row.manager_id, ""), row.signed, row.paid, amount]
