from django.contrib import admin

from clients.admin import ClientAdmin, ClientSearchMixin
from contact.changes import labels
from contact.models import ContactChange, ContactCode
from foundation.admin.base import ReadOnlyAdmin, ReadOnlyTabularInline


class ChangeColumns:
    """Columns that follow from other columns of a change."""

    @admin.display(description="что")
    def what(self, change: ContactChange) -> str:
        return labels(change.fields)

    @admin.display(description="состояние")
    def state(self, change: ContactChange) -> str:
        return change.state.label


class ContactCodeInline(ReadOnlyTabularInline):
    model = ContactCode
    fields = ["sent_at", "message", "expires_at", "failed_tries", "used_at"]
    related = ("message",)
    ordering = ["-sent_at"]


@admin.register(ContactChange)
class ContactChangeAdmin(ChangeColumns, ClientSearchMixin, ReadOnlyAdmin):
    """Changes of phones and e-mails by managers. The values are shown only while an admin decides, on our page."""

    plural_forms = ("изменение контакта", "изменения контакта", "изменений контакта")
    list_display = ["requested_at", "client", "what", "requested_by", "state", "way"]
    list_filter = ["way", ("requested_by", admin.RelatedOnlyFieldListFilter)]
    search_fields = ["client"]
    inlines = [ContactCodeInline]
    fields = readonly_fields = [
        "client", "what", "state", "requested_at", "requested_by", "asked_at", "reason", "applied_at", "way",
        "held_until", "decided_by", "decided_at", "decision_note", "rejected_at", "cancelled_at", "cancelled_by",
    ]  # fmt: skip

    def get_queryset(self, request):
        return super().get_queryset(request).select_related("requested_by")


class ContactChangeInline(ChangeColumns, ReadOnlyTabularInline):
    model = ContactChange
    fields = readonly_fields = [
        "requested_at", "requested_by", "what", "state", "way", "applied_at", "held_until", "decided_by",
    ]  # fmt: skip
    related = ("requested_by", "decided_by")
    show_change_link = True


ClientAdmin.extend(inlines=[ContactChangeInline])
