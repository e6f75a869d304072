"""Who a request is from, loaded with what every page asks about them, and what the group of their role may do."""

from functools import cache
from uuid import UUID

from django.contrib.auth.backends import ModelBackend
from django.contrib.auth.models import Permission
from django.db.models import OuterRef, QuerySet, Subquery

from managers.models import Authenticator, Manager
from managers.roles import GROUPS

ANYBODY = UUID(int=0)


class Backend(ModelBackend):
    def get_user(self, user_id) -> Manager | None:
        sql, parameters = _loading()
        found = Manager.objects.raw(sql, [user_id if value == ANYBODY else value for value in parameters])
        manager = next(iter(found), None)
        return manager if manager and self.user_can_authenticate(manager) else None

    def _get_group_permissions(self, user_obj: Manager) -> QuerySet[Permission]:
        return Permission.objects.filter(group__name=GROUPS.get(user_obj.role, ""))

    def _get_user_permissions(self, user_obj: Manager) -> QuerySet[Permission]:
        return Permission.objects.none()


@cache
def _loading() -> tuple[str, list]:
    """SQL that loads ANYBODY. Kept, because every page asks, and writing it takes longer than running it."""
    authenticator = Authenticator.objects.filter(user=OuterRef("pk"), confirmed=True).values("pk")[:1]
    manager = Manager.objects.filter(pk=ANYBODY).annotate(authenticator_id=Subquery(authenticator))
    return manager.order_by().query.sql_with_params()
