from django.contrib import admin
from django.urls import reverse
from django.utils.html import format_html
from django.utils.text import Truncator

from clients.admin import ClientSearchMixin
from foundation.admin.base import ReadOnlyAdmin
from support.models import LogEntry, Ticket, known_statuses, status_label


class StatusFilter(admin.SimpleListFilter):
    title = "статус"
    parameter_name = "status"

    def lookups(self, request, model_admin):
        return [(status, status_label(status)) for status in known_statuses()]

    def queryset(self, request, queryset):
        known = self.value() in dict(self.lookup_choices)
        return queryset.filter(status=self.value()) if known else queryset


@admin.register(Ticket)
class TicketAdmin(ReadOnlyAdmin):
    """Search tickets. They are read and answered on the pages of support."""

    plural_forms = ("обращение", "обращения", "обращений")
    list_display = ["subject", "client", "state", "created_at", "updated_at"]
    list_filter = [StatusFilter]
    ordering = ["-updated_at", "-id"]
    search_fields = ["subject"]
    search_help_text = "Имя или телефон клиента, тема обращения"
    fields = ["subject", "client", "state", "created_at", "updated_at", "conversation"]

    def get_queryset(self, request):
        # Prefetched, not joined: the app may have deleted the account.
        return super().get_queryset(request).prefetch_related("user__client")

    def lookup_allowed(self, lookup, value, request=None) -> bool:
        # Only our filter: comparing with a status that the enum type lacks is a database error.
        return lookup == StatusFilter.parameter_name

    def get_search_results(self, request, queryset, search_term):
        return (queryset.search(search_term) if search_term.strip() else queryset), False

    @admin.display(description="клиент")
    def client(self, ticket: Ticket) -> str:
        return ticket.user.name if ticket.user else "учётная запись удалена"

    @admin.display(description="статус")
    def state(self, ticket: Ticket) -> str:
        return ticket.status_label

    @admin.display(description="переписка")
    def conversation(self, ticket: Ticket) -> str:
        return format_html('<a href="{}">Открыть переписку</a>', reverse("support:ticket", args=[ticket.pk]))


@admin.register(LogEntry)
class LogEntryAdmin(ClientSearchMixin, ReadOnlyAdmin):
    client_path = "thread__client"
    plural_forms = ("запись журнала", "записи журнала", "записей журнала")
    list_display = ["created_at", "client", "kind", "author", "beginning"]
    list_filter = ["kind"]
    ordering = ["-created_at", "-id"]
    search_fields = ["thread"]
    fields = ["created_at", "client", "kind", "author", "body"]

    def get_queryset(self, request):
        return super().get_queryset(request).select_related("thread__client", "author")

    @admin.display(description="клиент")
    def client(self, entry: LogEntry) -> str:
        return str(entry.thread.client)

    @admin.display(description="текст")
    def beginning(self, entry: LogEntry) -> str:
        return Truncator(entry.body).chars(100)
