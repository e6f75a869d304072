"""Retention of disclosures, acts and erasure requests: deleted after three years."""

from datetime import datetime, timedelta

import pgtrigger
from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet

from clients.disclosure import Disclosure
from erasure.models import OPEN_REQUEST, ErasedRows, Erasure, ErasureRequest
from foundation.storage import object_storage


def expired_disclosures(now: datetime) -> QuerySet[Disclosure]:
    return Disclosure.objects.filter(at__lt=_cutoff(now))


def expired_acts(now: datetime) -> QuerySet[Erasure]:
    """Erasures whose act and log extract are expired (order 179, item 8)."""
    return Erasure.objects.filter(erased_at__lt=_cutoff(now)).exclude(act_key="")


def expired_requests(now: datetime) -> QuerySet[ErasureRequest]:
    """Refused and withdrawn requests. A request that was carried out is deleted with its act."""
    return ErasureRequest.objects.filter(requested_at__lt=_cutoff(now), erasure=None).exclude(OPEN_REQUEST)


def delete_expired_disclosures(now: datetime) -> int:
    with transaction.atomic(), pgtrigger.ignore("clients.Disclosure:append_only"):
        return expired_disclosures(now).delete()[0]


@transaction.atomic
def delete_act(erasure: Erasure) -> None:
    with pgtrigger.ignore("erasure.ErasedRows:append_only"):
        ErasedRows.objects.filter(erasure=erasure).delete()
    erasure.objects_gone.all().delete()
    ErasureRequest.objects.filter(erasure=erasure).delete()
    erasure.delete()
    object_storage.delete_after_commit(erasure.act_key)


def _cutoff(now: datetime) -> datetime:
    return now - timedelta(days=settings.RETENTION_RECORD_YEARS * 366)
