from functools import partial

from contact.models import ContactChange
from managers.models import Manager


def waiting_contact_changes(request) -> dict:
    """How many changes wait for this admin. Counted only when a template asks."""
    return {"count_waiting_contact_changes": partial(_count, getattr(request, "user", None))}


def _count(user: Manager | None) -> int:
    if user is None or not user.is_authenticated or not user.is_admin:
        return 0
    return ContactChange.objects.asked().exclude(requested_by=user).count()
