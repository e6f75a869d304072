"""Who a request is from, loaded with what every page asks about them, and what the group of their role may do."""

from uuid import UUID

from django.contrib.auth.backends import ModelBackend
from django.contrib.auth.models import Permission
from django.db.models import QuerySet

from foundation.observability import request_log
from managers.models import Manager
from managers.roles import GROUPS


class Backend(ModelBackend):
    def get_user(self, user_id: UUID) -> Manager | None:
        manager = _who_came_with_the_session()
        if manager is None or manager.pk != user_id:
            return super().get_user(user_id)
        return manager if self.user_can_authenticate(manager) else None

    def _get_group_permissions(self, user_obj: Manager) -> QuerySet[Permission]:
        return Permission.objects.filter(group__name=GROUPS.get(user_obj.role, ""))

    def _get_user_permissions(self, user_obj: Manager) -> QuerySet[Permission]:
        return Permission.objects.none()


def _who_came_with_the_session() -> Manager | None:
    """The person of the session of the request that is served (managers/session_store.py)."""
    session = getattr(request_log.current.get(), "session", None)
    return session and session.row.manager
