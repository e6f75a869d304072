from django import forms
from django.contrib import admin
from django.contrib.admin.widgets import AdminTextareaWidget

from clients.admin import ClientAdmin
from devices.models import ClientTariff, Device, DeviceType, Tariff
from foundation.admin.base import BaseModelAdmin, ReadOnlyStackedInline, ReadOnlyTabularInline, rubles_column
from managers.history import history_of
from managers.history_admin import HistoryAdminMixin


class ReferenceListAdmin(BaseModelAdmin):
    """A list edited by admins. Rows that are in use are deactivated, not deleted."""

    referenced_by: tuple[type, str]  # the model that refers to a row, and its field

    def has_delete_permission(self, request, obj=None) -> bool:
        # Check with a query; Django's delete view would load every related row.
        model, field = self.referenced_by
        is_allowed = obj is not None and super().has_delete_permission(request, obj)
        return is_allowed and not model.objects.filter(**{field: obj}).exists()


@admin.register(DeviceType)
class DeviceTypeAdmin(ReferenceListAdmin):
    plural_forms = ("тип устройства", "типа устройств", "типов устройств")
    has_history = True  # Django's own, of changes in the admin
    list_display = ["name", "position", "is_active"]
    list_editable = ["position", "is_active"]
    search_fields = ["name"]
    referenced_by = (Device, "type")


class TariffForm(forms.ModelForm):
    notes = forms.CharField(label="Примечания", max_length=2000, required=False, widget=AdminTextareaWidget)


@admin.register(Tariff)
class TariffAdmin(HistoryAdminMixin, ReferenceListAdmin):
    form = TariffForm
    plural_forms = ("тариф", "тарифа", "тарифов")
    list_display = ["name", "base_sum", "period", "extra_sum", "is_active"]
    base_sum, extra_sum = rubles_column(Tariff, "base_fee"), rubles_column(Tariff, "extra_per_device")
    list_filter = ["is_active"]
    search_fields = ["name"]
    referenced_by = (ClientTariff, "tariff")


class DeviceInline(ReadOnlyTabularInline):
    model = Device
    fields = ["type", "title", "purchased_on", "serial_number", "extra_sum", "updated_at", "updated_by"]
    readonly_fields = ["extra_sum", "updated_at", "updated_by"]
    extra_sum = rubles_column(Device, "extra_fee")
    related = ("type", "updated_by")


class ClientTariffInline(ReadOnlyStackedInline):
    model = ClientTariff
    fields = ["tariff", "device_count", "sum", "computed_at", "computed_by"]
    readonly_fields = ["sum"]
    sum = rubles_column(ClientTariff, "total_extra_fee")
    related = ("tariff", "computed_by")


ClientAdmin.extend(
    inlines=[DeviceInline, ClientTariffInline],
    histories=lambda client: [history_of(model).filter(client=client) for model in (Device, ClientTariff)],
)
