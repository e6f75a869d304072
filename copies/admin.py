from clients.admin import ClientAdmin
from copies.models import CopyCode
from foundation.admin.base import ReadOnlyTabularInline


class CopyCodeInline(ReadOnlyTabularInline):
    model = CopyCode
    fields = readonly_fields = ["sent_at", "ip", "message", "failed_tries", "used_at", "open_until"]
    related = ("message",)
    ordering = ["-sent_at"]


ClientAdmin.extend(inlines=[CopyCodeInline])
