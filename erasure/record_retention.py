"""Retention of disclosures and acts: deleted after three years."""

from datetime import datetime, timedelta

import pgtrigger
from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet

from clients.disclosure import Disclosure
from erasure.models import ErasedRows, Erasure
from foundation.storage import object_storage


def expired_disclosures(now: datetime) -> QuerySet[Disclosure]:
    return Disclosure.objects.filter(at__lt=_cutoff(now))


def expired_acts(now: datetime) -> QuerySet[Erasure]:
    """Erasures whose act and log extract are expired (order 179, item 8)."""
    return Erasure.objects.filter(erased_at__lt=_cutoff(now)).exclude(act_key="")


def delete_expired_disclosures(now: datetime) -> int:
    with transaction.atomic(), pgtrigger.ignore("clients.Disclosure:append_only"):
        return expired_disclosures(now).delete()[0]


@transaction.atomic
def delete_act(erasure: Erasure) -> None:
    with pgtrigger.ignore("erasure.ErasedRows:append_only"):
        ErasedRows.objects.filter(erasure=erasure).delete()
    erasure.objects_gone.all().delete()
    erasure.delete()
    object_storage.delete_after_commit(erasure.act_key)


def _cutoff(now: datetime) -> datetime:
    return now - timedelta(days=settings.RETENTION_RECORD_YEARS * 366)
