from django.contrib import admin, messages
from django.contrib.admin.options import ActionLocation
from django.db import transaction
from django.db.models import Exists, OuterRef

from foundation.admin.base import BaseModelAdmin
from managers import second_factor
from managers.history_admin import HistoryAdminMixin
from managers.models import Authenticator, Manager
from managers.notices import send_notice
from managers.password_mail import MailUnavailable, send_invitation


@admin.register(Manager)
class ManagerAdmin(HistoryAdminMixin, BaseModelAdmin):
    """New users have no password; they set one through an e-mailed link. Users are deactivated, not deleted."""

    plural_forms = ("сотрудник", "сотрудника", "сотрудников")
    animate = True
    list_display = ["name", "email", "role", "is_active", "has_second_factor", "last_login"]
    list_filter = ["role", "is_active"]
    search_fields = ["name", "email"]
    ordering = ["name", "email"]
    actions = ["send_password_link", "reset_second_factor"]
    readonly_fields = ["has_second_factor", "created_at", "last_login"]

    def get_queryset(self, request):
        authenticators = Authenticator.objects.filter(user=OuterRef("pk"), confirmed=True)
        return super().get_queryset(request).annotate(has_app=Exists(authenticators))

    @admin.display(description="второй фактор", boolean=True)
    def has_second_factor(self, manager: Manager) -> bool:
        return manager.has_app

    def has_delete_permission(self, request, obj=None) -> bool:
        return False

    def get_fields(self, request, obj=None):
        return (
            ["email", "name", "role"] if obj is None else ["email", "name", "role", "is_active", *self.readonly_fields]
        )

    def get_readonly_fields(self, request, obj=None):
        # Admins who deactivate themselves could not sign in again.
        locked = ["role", "is_active"] if obj == request.user else []
        return [*self.readonly_fields, *locked]

    def save_model(self, request, obj, form, change):
        if not change:
            obj.set_unusable_password()
            transaction.on_commit(lambda: self._send_invitation(request, obj))
        super().save_model(request, obj, form, change)

    @admin.action(
        description="Отправить ссылку для нового пароля",
        location=[ActionLocation.CHANGE_LIST, ActionLocation.CHANGE_FORM],
        permissions=["change"],
    )
    def send_password_link(self, request, queryset):
        for manager in queryset.filter(is_active=True):
            self._send_invitation(request, manager)

    @admin.action(
        description="Сбросить второй фактор",
        location=[ActionLocation.CHANGE_LIST, ActionLocation.CHANGE_FORM],
        permissions=["change"],
    )
    def reset_second_factor(self, request, queryset):
        """For users who lost both the phone and the backup codes.

        Admins cannot reset their own second factor: another admin must do it.
        """
        for manager in queryset:
            if manager == request.user:
                self.message_user(request, "Свой второй фактор сбросить нельзя: попросите другого.", messages.ERROR)
                continue
            second_factor.reset(manager)
            self.log_change(request, manager, "Сброшен второй фактор.")
            email_sent = send_notice(manager, "second_factor_reset_mail")
            text = f"Второй фактор сброшен: {manager}. {'Письмо отправлено' if email_sent else 'Письмо не отправлено'}."
            self.message_user(request, text, messages.SUCCESS if email_sent else messages.WARNING)

    def _send_invitation(self, request, manager: Manager) -> None:
        try:
            send_invitation(manager.email)
        except MailUnavailable:
            text = f"Письмо для {manager.email} не отправлено: почта недоступна. Повторите действием из списка."
            self.message_user(request, text, messages.ERROR)
        else:
            self.message_user(request, f"Ссылка для пароля отправлена на {manager.email}.", messages.SUCCESS)
