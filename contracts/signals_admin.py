"""Fraud signals in the admin site: the list, the rows of a contract, and the filter of contracts."""

from django.contrib import admin
from django.db.models import Exists, OuterRef
from django.urls import reverse
from django.utils.html import format_html

from clients.admin import ClientSearchMixin
from contracts.models import FraudSignal, SignalKind
from foundation.admin.base import ReadOnlyAdmin, ReadOnlyTabularInline


class SignalInline(ReadOnlyTabularInline):
    model = FraudSignal
    fields = ["kind", "details", "at", "manager"]
    related = ("manager",)
    ordering = ["kind"]


class HasSignalsFilter(admin.SimpleListFilter):
    title = "сигналы"
    parameter_name = "signals"

    def lookups(self, request, model_admin):
        return [("yes", "Есть сигналы"), ("no", "Нет сигналов")]

    def queryset(self, request, queryset):
        has_signals = Exists(FraudSignal.objects.filter(contract=OuterRef("pk")))
        conditions = {"yes": has_signals, "no": ~has_signals}
        return queryset.filter(conditions[self.value()]) if self.value() in conditions else queryset


@admin.register(FraudSignal)
class FraudSignalAdmin(ClientSearchMixin, ReadOnlyAdmin):
    plural_forms = ("сигнал", "сигнала", "сигналов")
    list_display = ["kind", "details", "at", "contract_link", "client_link", "manager"]
    list_filter = ["kind", "at", "manager"]
    fields = ["kind", "meaning", "details", "at", "contract_link", "client_link", "manager"]
    search_fields = ["client"]
    change_list_template = "admin/fraud_signals.html"

    def get_queryset(self, request):
        related = super().get_queryset(request).select_related("client", "contract", "manager")
        return related.defer("contract__encrypted_snapshot", "contract__evidence", "client__search")

    def changelist_view(self, request, extra_context=None):
        return super().changelist_view(request, {"kinds": list(SignalKind)} | (extra_context or {}))

    @admin.display(description="что это может значить")
    def meaning(self, signal: FraudSignal) -> str:
        return SignalKind(signal.kind).meaning

    @admin.display(description="договор")
    def contract_link(self, signal: FraudSignal) -> str:
        return _link(signal.contract) if signal.contract else "—"

    @admin.display(description="клиент")
    def client_link(self, signal: FraudSignal) -> str:
        return _link(signal.client)


def _link(row) -> str:
    """A link to the row's page in the admin site."""
    name = f"admin:{row._meta.app_label}_{row._meta.model_name}_change"
    return format_html('<a href="{}">{}</a>', reverse(name, args=[row.pk]), row)
