"""Authentication backend: takes the user that the session loaded, and permissions from the group of the role."""

from uuid import UUID

from django.contrib.auth.backends import ModelBackend
from django.contrib.auth.models import Permission
from django.db.models import Model

from foundation.observability import request_log
from managers.models import Manager
from managers.roles import GROUPS


class Backend(ModelBackend):
    """Permissions depend only on the role: those of its group. There are no permissions per object or per user."""

    def get_user(self, user_id: UUID) -> Manager | None:
        manager = _session_manager()
        if manager is None or manager.pk != user_id:
            return super().get_user(user_id)
        return manager if self.user_can_authenticate(manager) else None

    def get_user_permissions(self, user_obj: Manager, obj: Model | None = None) -> set[str]:
        return set()

    def get_group_permissions(self, user_obj: Manager, obj: Model | None = None) -> set[str]:
        """Return permissions as `app_label.codename`; one query per user and request."""
        if not user_obj.is_active or user_obj.is_anonymous or obj is not None:
            return set()
        if not hasattr(user_obj, "role_permissions"):
            permissions = Permission.objects.filter(group__name=GROUPS.get(user_obj.role, ""))
            names = permissions.values_list("content_type__app_label", "codename").order_by()
            user_obj.role_permissions = {f"{app_label}.{codename}" for app_label, codename in names}
        return user_obj.role_permissions

    def get_all_permissions(self, user_obj: Manager, obj: Model | None = None) -> set[str]:
        return self.get_group_permissions(user_obj, obj)


def _session_manager() -> Manager | None:
    """Return the user that the current request's session loaded (managers/session_store.py)."""
    session = getattr(request_log.current.get(), "session", None)
    return session and session.row.manager
