"""Admin: request the erasure of a client's data, follow and withdraw requests, and list the acts."""

import uuid

from django.contrib import admin, messages
from django.contrib.admin.options import ActionLocation
from django.core.exceptions import PermissionDenied
from django.db.models import Q
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils import timezone
from django.utils.html import format_html

from clients.admin import ClientAdmin, ClientSearchMixin
from clients.models import Client, ClientErased, Status
from erasure import requests, retention
from erasure.forms import ErasureForm
from erasure.models import (
    OPEN_REQUEST,
    ErasedObject,
    ErasedRows,
    Erasure,
    ErasureReason,
    ErasureRequest,
    RequestState,
)
from foundation.admin.base import ReadOnlyAdmin, ReadOnlyTabularInline

MAX_CLIENTS = 20
STATE_FILTERS = {
    RequestState.WAITING: OPEN_REQUEST & Q(last_error=""),
    RequestState.FAILED: OPEN_REQUEST & ~Q(last_error=""),
    RequestState.ERASED: Q(erasure__act_key=""),
    RequestState.DONE: Q(erasure__isnull=False) & ~Q(erasure__act_key=""),
    RequestState.REFUSED: Q(refused_at__isnull=False),
    RequestState.WITHDRAWN: Q(withdrawn_at__isnull=False),
}


@admin.action(
    description="Уничтожить персональные данные", location=[ActionLocation.CHANGE_LIST, ActionLocation.CHANGE_FORM]
)
def erase_clients(modeladmin, request, queryset):
    """Action that opens the confirmation page."""
    selected = list(queryset.exclude(status=Status.ERASED).values_list("pk", flat=True)[: MAX_CLIENTS + 1])
    if not selected:
        modeladmin.message_user(request, "Данные выбранных клиентов уже удалены.", messages.WARNING)
    elif len(selected) > MAX_CLIENTS:
        modeladmin.message_user(
            request, f"За один раз — не больше {MAX_CLIENTS} клиентов. Сузьте выбор.", messages.ERROR
        )
    else:
        return redirect(reverse("admin:erasure_new", query={"client": selected}))
    return None


class ErasedRowsInline(ReadOnlyTabularInline):
    model = ErasedRows
    fields = ["at", "category", "table", "count"]


class ErasedObjectInline(ReadOnlyTabularInline):
    model = ErasedObject
    fields = ["category", "key", "removed_at"]


@admin.register(Erasure)
class ErasureAdmin(ClientSearchMixin, ReadOnlyAdmin):
    """Erasures with their acts."""

    plural_forms = ("акт об уничтожении данных", "акта об уничтожении данных", "актов об уничтожении данных")
    list_display = ["number", "client", "scope", "reason", "erased_at", "who", "act"]
    list_filter = ["scope", "reason"]
    search_fields = ["number"]
    fields = ["number", "client", "scope", "reason", "note", "erased_at", "who", "act", "act_sha256"]
    inlines = [ErasedRowsInline, ErasedObjectInline]
    view_on_site = False

    def get_queryset(self, request):
        return super().get_queryset(request).select_related("client", "by")

    @admin.display(description="кто")
    def who(self, erasure: Erasure) -> str:
        return erasure.by.name if erasure.by else "по сроку хранения"

    @admin.display(description="акт")
    def act(self, erasure: Erasure) -> str:
        if not erasure.act_key:
            return "ждёт хранилища файлов"
        return format_html('<a href="{}" target="_blank" rel="noopener">PDF</a>', erasure.get_absolute_url())


class RequestStateFilter(admin.SimpleListFilter):
    title = "состояние"
    parameter_name = "state"

    def lookups(self, request, model_admin):
        return RequestState.choices

    def queryset(self, request, queryset):
        return queryset.filter(STATE_FILTERS[self.value()]) if self.value() in STATE_FILTERS else queryset


@admin.register(ErasureRequest)
class ErasureRequestAdmin(ClientSearchMixin, ReadOnlyAdmin):
    """Requests with their state. The worker carries them out."""

    plural_forms = ("запрос на уничтожение данных", "запроса на уничтожение данных", "запросов на уничтожение данных")
    list_display = ["number", "client", "state", "scope", "reason", "requested_at", "who", "act"]
    list_filter = [RequestStateFilter, "reason"]
    actions = ["withdraw"]
    fields = [
        "client", "state_now", "scope", "reason", "note", "ended", "requested_at", "requested_by", "problem",
        "withdrawn_at", "withdrawn_by", "act",
    ]  # fmt: skip

    def get_queryset(self, request):
        return super().get_queryset(request).select_related("client", "requested_by", "erasure")

    @admin.display(description="номер", ordering="id")
    def number(self, request: ErasureRequest) -> str:
        return str(request.pk)

    @admin.display(description="состояние")
    def state(self, request: ErasureRequest) -> str:
        return request.state.label

    @admin.display(description="состояние")
    def state_now(self, request: ErasureRequest) -> str:
        if request.state in (RequestState.WAITING, RequestState.FAILED, RequestState.ERASED):
            return format_html('{} <a href="">Обновить</a>', request.state.label)
        return request.state.label

    @admin.display(description="кто")
    def who(self, request: ErasureRequest) -> str:
        return request.requested_by.name

    @admin.display(description="что помешало")
    def problem(self, request: ErasureRequest) -> str:
        if request.state == RequestState.FAILED:
            at = timezone.localtime(request.next_attempt_at)
            return f"{request.last_error} Попыток: {request.attempts}, следующая {at:%d.%m.%Y в %H:%M:%S}."
        if request.state == RequestState.ERASED and request.erasure.attempts > 1:
            return f"Хранилище файлов не отвечает. Попыток: {request.erasure.attempts}."
        return request.refusal or "—"

    @admin.display(description="акт")
    def act(self, request: ErasureRequest) -> str:
        if not request.erasure:
            return "—"
        url = reverse("admin:erasure_erasure_change", args=[request.erasure_id])
        return format_html('<a href="{}">{}</a>', url, request.erasure)

    @admin.action(description="Отозвать запрос", location=[ActionLocation.CHANGE_LIST, ActionLocation.CHANGE_FORM])
    def withdraw(self, request, queryset):
        if not request.user.has_perm(requests.PERMISSION):
            raise PermissionDenied
        for row in queryset:
            if requests.withdraw(row, by=request.user):
                self.message_user(request, f"{row} отозван.", messages.SUCCESS)
            else:
                text = f"{row} не отозван: он уже закрыт или выполняется сейчас. Обновите страницу."
                self.message_user(request, text, messages.WARNING)

    def get_urls(self):
        return [path("new/", self.admin_site.admin_view(self.new), name="erasure_new"), *super().get_urls()]

    def new(self, request):
        """Confirmation page for the clients in the URL. POST saves a request for each."""
        if not request.user.has_perm(requests.PERMISSION):
            raise PermissionDenied
        clients = self._clients_without_request(request)
        if not clients:
            return self._redirect_to_requests(request)
        form = ErasureForm(request.POST if request.method == "POST" else None)
        if form.is_valid():
            self._request_erasures(request, clients, form.cleaned_data)
            return self._redirect_to_requests(request)
        now = timezone.now()
        context = self.admin_site.each_context(request) | {
            "title": "Уничтожить персональные данные",
            "opts": self.opts,
            "clients": [
                (client, retention.allowed_scope(client, now).label, retention.contract_binds_until(client))
                for client in clients
            ],
            "form": form,
        }
        return TemplateResponse(request, "admin/erasure/new.html", context, status=422 if form.is_bound else 200)

    def _clients_without_request(self, request) -> list[Client]:
        """Return the clients in the URL; report those that have an open request already."""
        clients = _selected_clients(request)
        existing = {row.client_id: row for row in ErasureRequest.objects.open().filter(client__in=clients)}
        for row in existing.values():
            self._report_existing(request, row)
        return [client for client in clients if client.pk not in existing]

    def _request_erasures(self, request, clients: list[Client], data: dict) -> None:
        for client in clients:
            try:
                row, is_new = requests.request_erasure(
                    client, ErasureReason(data["reason"]), by=request.user, note=data["note"], ended=data["ended"]
                )
            except ClientErased:  # erased meanwhile by another admin or by retention
                continue
            if is_new:
                text = f"{row} принят: данные будут уничтожены в течение минуты."
                self.message_user(request, text, messages.SUCCESS)
            else:
                self._report_existing(request, row)

    def _report_existing(self, request, row: ErasureRequest) -> None:
        self.message_user(request, f"Уничтожить данные этого клиента уже запрошено: {row}.", messages.WARNING)

    def _redirect_to_requests(self, request):
        """Redirect to the open request of the only client in the URL, or to the list of requests, or of clients."""
        clients = _selected_clients(request)
        rows = list(ErasureRequest.objects.open().filter(client__in=clients))
        if not clients:
            self.message_user(request, "Выберите клиентов, данные которых ещё не удалены.", messages.WARNING)
            return redirect("admin:clients_client_changelist")
        if len(clients) == len(rows) == 1:
            return redirect("admin:erasure_erasurerequest_change", rows[0].pk)
        return redirect("admin:erasure_erasurerequest_changelist")


def _selected_clients(request) -> list[Client]:
    ids = [pk for text in request.GET.getlist("client")[:MAX_CLIENTS] if (pk := _parse_uuid(text))]
    clients = Client.objects.filter(pk__in=ids).exclude(status=Status.ERASED)
    return list(clients.select_related("passport").prefetch_related("user").order_by("pk"))


def _parse_uuid(text: str) -> uuid.UUID | None:
    try:
        return uuid.UUID(text)
    except ValueError:
        return None


ClientAdmin.extend(actions=[erase_clients])
