"""The current user's sessions: start at sign-in, list, end."""

from django.contrib.auth.signals import user_logged_in
from django.db import transaction
from django.db.models import QuerySet
from django.dispatch import receiver
from django.http import HttpRequest
from django.utils import timezone

from managers.client_ip import client_ip
from managers.models import Manager, Session


@receiver(user_logged_in)
def start_session(sender, request: HttpRequest, user: Manager, **kwargs) -> None:
    request.session.start(user, ip=client_ip(request), user_agent=request.headers.get("User-Agent", ""))
    delete_expired()


def delete_expired(limit: int = 1000) -> None:
    """Delete up to `limit` expired sessions; skip locked rows."""
    expired = Session.objects.filter(expire_date__lt=timezone.now())
    with transaction.atomic():
        keys = list(expired.select_for_update(skip_locked=True).values_list("pk", flat=True)[:limit])
        Session.objects.filter(pk__in=keys).delete()


def active_sessions(manager: Manager) -> QuerySet[Session]:
    """Return the unexpired sessions of `manager`, last used first. The time of use is accurate to a minute."""
    return manager.sessions.filter(expire_date__gt=timezone.now()).order_by("-seen_at", "-started_at")


def end_other_sessions(request: HttpRequest) -> int:
    """End all sessions of the request's user except the current one; return their number."""
    return request.user.sessions.exclude(session_key=request.session.session_key).delete()[0]
