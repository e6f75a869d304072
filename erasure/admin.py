"""Admin: erase a client's data on request, and list the acts."""

import uuid

from django.contrib import admin, messages
from django.contrib.admin.options import ActionLocation
from django.core.exceptions import PermissionDenied
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils import timezone
from django.utils.html import format_html

from clients.admin import ClientAdmin, ClientSearchMixin
from clients.models import Client, ClientErased, Status
from erasure import erasing, retention
from erasure.forms import ErasureForm
from erasure.models import ErasedObject, ErasedRows, Erasure, ErasureReason
from foundation.admin.base import ReadOnlyAdmin, ReadOnlyTabularInline

MAX_CLIENTS = 20


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

    def get_urls(self):
        return [path("new/", self.admin_site.admin_view(self.new), name="erasure_new"), *super().get_urls()]

    def new(self, request):
        """Confirmation page for the clients in the URL. POST erases their data."""
        if not request.user.has_perm("erasure.add_erasure"):
            raise PermissionDenied
        clients = _selected_clients(request)
        if not clients:
            self.message_user(request, "Выберите клиентов, данные которых ещё не удалены.", messages.WARNING)
            return redirect("admin:clients_client_changelist")
        form = ErasureForm(request.POST if request.method == "POST" else None)
        if form.is_valid():
            self._erase(request, clients, form.cleaned_data)
            return redirect("admin:erasure_erasure_changelist")
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

    def _erase(self, request, clients: list[Client], data: dict) -> None:
        for client in clients:
            try:
                erasure = erasing.erase(
                    client, ErasureReason(data["reason"]), by=request.user, note=data["note"], ended=data["ended"]
                )
            except ClientErased:  # erased meanwhile by another admin or by retention
                continue
            if erasure.act_key:
                self.message_user(request, f"Данные уничтожены. {erasure} готов.", messages.SUCCESS)
            else:
                text = "Записи уничтожены, но хранилище файлов не отвечает: файлы и акт — когда оно ответит."
                self.message_user(request, text, messages.WARNING)


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
