from django.contrib import admin, messages
from django.contrib.admin.options import ActionLocation
from django.db import transaction

from managers.models import Manager
from managers.password_mail import MailUnavailable, send_invitation
from privet.read_only import OfficeAdmin


@admin.register(Manager)
class ManagerAdmin(OfficeAdmin):
    """People are added without a password: they set it by the link of a letter. They are switched off, not deleted."""

    list_display = ["name", "email", "role", "is_active", "last_login"]
    list_filter = ["role", "is_active"]
    search_fields = ["name", "email"]
    ordering = ["name", "email"]
    actions = ["send_password_link"]
    readonly_fields = ["created_at", "last_login"]

    def has_delete_permission(self, request, obj=None) -> bool:
        return False

    def get_fields(self, request, obj=None):
        return (
            ["email", "name", "role"] if obj is None else ["email", "name", "role", "is_active", *self.readonly_fields]
        )

    def get_readonly_fields(self, request, obj=None):
        # An admin who switches themself off would be let in by nobody.
        own = ["role", "is_active"] if obj == request.user else []
        return [*self.readonly_fields, *own]

    def save_model(self, request, obj, form, change):
        if not change:
            obj.set_unusable_password()
            transaction.on_commit(lambda: self._invite(request, obj))
        super().save_model(request, obj, form, change)

    @admin.action(
        description="Отправить ссылку для нового пароля",
        location=[ActionLocation.CHANGE_LIST, ActionLocation.CHANGE_FORM],
    )
    def send_password_link(self, request, queryset):
        for manager in queryset.filter(is_active=True):
            self._invite(request, manager)

    def _invite(self, request, manager: Manager) -> None:
        try:
            send_invitation(manager.email)
        except MailUnavailable:
            text = f"Письмо для {manager.email} не отправлено: почта недоступна. Повторите действием из списка."
            self.message_user(request, text, messages.ERROR)
        else:
            self.message_user(request, f"Ссылка для пароля отправлена на {manager.email}.", messages.SUCCESS)
