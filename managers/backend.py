"""Who a request is from, loaded with what every page asks about them."""

from django.contrib.auth.backends import ModelBackend
from django.db.models import OuterRef, Subquery

from managers.models import Authenticator, Manager


class Backend(ModelBackend):
    def get_user(self, user_id) -> Manager | None:
        authenticator = Authenticator.objects.filter(user=OuterRef("pk"), confirmed=True).values("pk")[:1]
        manager = Manager.objects.filter(pk=user_id).annotate(authenticator_id=Subquery(authenticator)).first()
        return manager if manager and self.user_can_authenticate(manager) else None
