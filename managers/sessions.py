"""One's own sessions: begun at sign-in, listed, ended."""

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
    """Delete what nobody can use any more; rows that somebody else is deleting are skipped."""
    ended = Session.objects.filter(expire_date__lt=timezone.now())
    with transaction.atomic():
        keys = list(ended.select_for_update(skip_locked=True).values_list("pk", flat=True)[:limit])
        Session.objects.filter(pk__in=keys).delete()


def active_sessions(manager: Manager) -> QuerySet[Session]:
    """The sessions of `manager` that have not ended, the one used last first. Accurate to a minute."""
    return manager.sessions.filter(expire_date__gt=timezone.now()).order_by("-seen_at", "-started_at")


def end_other_sessions(request: HttpRequest) -> int:
    """End all sessions of the person of `request` but this one; how many those were."""
    return request.user.sessions.exclude(session_key=request.session.session_key).delete()[0]
