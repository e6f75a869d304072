"""A job of the worker: fraud signals about contact changes that nobody confirmed. They belong to no contract."""

from datetime import timedelta

from django.db.models import Exists, OuterRef, Q
from django.utils import timezone

from contact.models import ContactChange, Way
from contracts.models import FraudSignal, SignalKind

# A change that still waits after this is taken for given up.
MAX_WAITING = timedelta(hours=1)
# Older changes have been recorded.
WATCHED = timedelta(days=7)
BATCH_SIZE = 50

DETAILS = {
    "rejected_at": "Администратор отказал",
    "cancelled_at": "Менеджер отменил изменение или начал другое",
    "applied_at": "Записано без подтверждения; сутки коды туда не отправлялись",
}
STILL_WAITING = "Подтверждения нет больше часа"


def record_signals() -> int:
    """Record the signals of up to BATCH_SIZE changes. Return their number."""
    now = timezone.now()
    unconfirmed = ContactChange.objects.exclude(way__in=[Way.CODE, Way.APPROVAL, Way.FREE])
    may_be_confirmed = Q(applied_at=None, rejected_at=None, cancelled_at=None, requested_at__gt=now - MAX_WAITING)
    recorded = FraudSignal.objects.filter(
        client=OuterRef("client"),
        contract=None,
        kind__in=[SignalKind.CONTACT_UNCONFIRMED, SignalKind.CONTACT_BY_ONLY_ADMIN],
        at=OuterRef("requested_at"),
    )
    changes = unconfirmed.exclude(may_be_confirmed).filter(~Exists(recorded), requested_at__gt=now - WATCHED)
    signals = [_signal(change) for change in changes.order_by("requested_at")[:BATCH_SIZE]]
    # Another worker may record the same.
    FraudSignal.objects.bulk_create(signals, ignore_conflicts=True)
    return len(signals)


def _signal(change: ContactChange) -> FraudSignal:
    is_only_admin = change.way == Way.ONLY_ADMIN
    outcome = next((text for name, text in DETAILS.items() if getattr(change, name)), STILL_WAITING)
    return FraudSignal(
        client_id=change.client_id,
        kind=SignalKind.CONTACT_BY_ONLY_ADMIN if is_only_admin else SignalKind.CONTACT_UNCONFIRMED,
        at=change.requested_at,
        manager_id=change.requested_by_id,
        details=outcome,
    )
