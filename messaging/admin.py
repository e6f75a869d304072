"""«Исходящие сообщения»: what was sent to clients, and whether it arrived. Contents only in development."""

from django.conf import settings
from django.contrib import admin

from clients.admin import ClientAdmin, ClientSearchMixin
from foundation.admin.base import ReadOnlyAdmin, ReadOnlyTabularInline
from messaging.models import OutgoingMessage


class DeliveryMixin:
    @admin.display(description="доставка")
    def delivery(self, message: OutgoingMessage) -> str:
        return message.delivery_label


@admin.register(OutgoingMessage)
class OutgoingMessageAdmin(DeliveryMixin, ClientSearchMixin, ReadOnlyAdmin):
    plural_forms = ("исходящее сообщение", "исходящих сообщения", "исходящих сообщений")
    list_display = ["created_at", "client", "channel", "purpose", "delivery", "created_by"]
    list_filter = ["channel", "state", "purpose"]
    search_fields = ["client"]
    fields = [
        "client", "channel", "purpose", "delivery", "created_at", "created_by", "expires_at", "accepted_at",
        "delivered_at", "failed_at", "problem", "provider_id",
    ]  # fmt: skip

    def get_queryset(self, request):
        messages = super().get_queryset(request).select_related("client", "created_by")
        return messages if settings.DEBUG else messages.defer("encrypted_content")

    def get_list_display(self, request):
        return [*self.list_display, *self._fields_of_outbox()]

    def get_fields(self, request, obj=None):
        return [*self.fields, *self._fields_of_outbox()]

    def get_readonly_fields(self, request, obj=None):
        return self.get_fields(request, obj)

    def _fields_of_outbox(self) -> list[str]:
        return ["text"] if settings.DEBUG else []

    @admin.display(description="что было бы отправлено")
    def text(self, message: OutgoingMessage) -> str:
        """The content, if the outbox has it and nobody else will get it."""
        if not settings.DEBUG or not message.is_in_outbox:
            return "—"
        content = message.content
        return f"{content.recipient}: {content.subject} {content.body}"


class OutgoingMessageInline(DeliveryMixin, ReadOnlyTabularInline):
    model = OutgoingMessage
    fields = readonly_fields = ["created_at", "channel", "purpose", "delivery", "created_by"]
    related = ("created_by",)
    deferred = ("encrypted_content",)
    show_change_link = True


ClientAdmin.extend(inlines=[OutgoingMessageInline])
