"""Who a request is from, loaded with what every page asks about them, and what the group of their role may do."""

from django.contrib.auth.backends import ModelBackend
from django.contrib.auth.models import Permission
from django.db.models import OuterRef, QuerySet, Subquery

from managers.models import Authenticator, Manager
from managers.roles import GROUPS


class Backend(ModelBackend):
    def get_user(self, user_id) -> Manager | None:
        authenticator = Authenticator.objects.filter(user=OuterRef("pk"), confirmed=True).values("pk")[:1]
        manager = Manager.objects.filter(pk=user_id).annotate(authenticator_id=Subquery(authenticator)).first()
        return manager if manager and self.user_can_authenticate(manager) else None

    def _get_group_permissions(self, user_obj: Manager) -> QuerySet[Permission]:
        return Permission.objects.filter(group__name=GROUPS.get(user_obj.role, ""))

    def _get_user_permissions(self, user_obj: Manager) -> QuerySet[Permission]:
        return Permission.objects.none()
