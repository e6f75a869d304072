"""A job of the worker: fraud signals about contact changes that nobody confirmed. They belong to no contract."""

from datetime import timedelta

from django.db.models import Case, Exists, OuterRef, Q, Value, When
from django.utils import timezone

from contact.models import OPEN_CHANGE, ContactChange, Way
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
    may_be_confirmed = OPEN_CHANGE & Q(requested_at__gt=now - MAX_WAITING)
    # A change that waited for long and was then written by the only admin gets both signals.
    kind = Case(
        When(way=Way.ONLY_ADMIN, then=Value(SignalKind.CONTACT_BY_ONLY_ADMIN.value)),
        default=Value(SignalKind.CONTACT_UNCONFIRMED.value),
    )
    recorded = FraudSignal.objects.filter(
        client=OuterRef("client"), contract=None, kind=OuterRef("kind"), at=OuterRef("requested_at")
    )
    changes = unconfirmed.exclude(may_be_confirmed).annotate(kind=kind)
    changes = changes.filter(~Exists(recorded), requested_at__gt=now - WATCHED)
    signals = [_signal(change) for change in changes.order_by("requested_at")[:BATCH_SIZE]]
    # Another worker may record the same.
    FraudSignal.objects.bulk_create(signals, ignore_conflicts=True)
    return len(signals)


def _signal(change: ContactChange) -> FraudSignal:
    outcome = next((text for name, text in DETAILS.items() if getattr(change, name)), STILL_WAITING)
    return FraudSignal(
        client_id=change.client_id,
        kind=change.kind,
        at=change.requested_at,
        manager_id=change.requested_by_id,
        details=outcome,
    )
