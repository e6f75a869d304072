"""A job of the worker: records in the chain of events whether codes arrived.

The evidence of a signature has only what was known when the contract was signed.
"""

from datetime import timedelta

from django.db import transaction
from django.utils import timezone

from clients.models import Client
from contracts.event_chain import EventKind, append_event
from contracts.models import Contract, SigningCode
from messaging.delivery import MAX_AGE_OF_REPORTS
from messaging.models import DeliveryState

BATCH_SIZE = 50
FINAL = (DeliveryState.DELIVERED, DeliveryState.FAILED)


def record_deliveries() -> int:
    """Record the delivery of up to BATCH_SIZE codes. Return their number."""
    since = timezone.now() - MAX_AGE_OF_REPORTS - timedelta(days=1)
    codes = SigningCode.objects.filter(delivery_recorded=False, sent_at__gt=since, message__state__in=FINAL)
    return sum(_record(pk) for pk in list(codes.order_by("sent_at").values_list("pk", flat=True)[:BATCH_SIZE]))


@transaction.atomic
def _record(pk) -> int:
    """Record one delivery, unless another worker does or another operation holds the client at this moment."""
    # The client is locked first, as everywhere: who holds the client and the head of the chain may wait for a contract.
    clients = Client.objects.select_for_update(skip_locked=True, no_key=True, of=("self",))
    if not clients.filter(contracts__codes=pk).first():
        return 0
    contract = Contract.objects.select_for_update(of=("self",)).filter(codes=pk).first()
    code = contract and SigningCode.objects.select_related("message").filter(pk=pk, delivery_recorded=False).first()
    if not code:
        return 0
    SigningCode.objects.filter(pk=pk).update(delivery_recorded=True)
    message = code.message
    facts = {"code": str(code.pk), "message": str(message.pk), "channel": message.channel, "state": message.state}
    facts["reported_at"] = (message.delivered_at or message.failed_at).isoformat()
    append_event(contract, EventKind.CODE_DELIVERY, by=None, at=timezone.now(), **facts)
    return 1
