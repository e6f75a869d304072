"""Compare the object storage with the database: objects without a row, and rows whose object is missing.

Both sides are read in key order, one page at a time, so that memory use does not depend on their number.
"""

import heapq
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta

from django.db import connection, transaction
from django.db.models import F, Q, QuerySet
from django.db.models.functions import Collate
from django.utils import timezone

from agreements.models import Agreement
from contracts.models import Contract
from devices.models import DevicePhoto
from erasure.models import Erasure
from foundation.storage import object_storage
from passport.models import Passport
from photos.images import app_copy_key, original_key, thumbnail_key
from photos.models import Upload

# The row of a younger object may not be written yet.
MIN_AGE = timedelta(days=1)
# Only photos are deleted automatically. Orphaned documents are reported for manual review.
DELETABLE_PREFIXES = ("devices/", "passports/", "incoming/")
MAX_LISTED = 100


@dataclass
class KeySummary:
    """The number of keys, and the first MAX_LISTED of them."""

    count: int = 0
    keys: list[str] = field(default_factory=list)

    def add(self, key: str) -> None:
        self.count += 1
        if len(self.keys) < MAX_LISTED:
            self.keys.append(key)


@dataclass
class Report:
    objects: int = 0
    without_row: KeySummary = field(default_factory=KeySummary)
    without_object: KeySummary = field(default_factory=KeySummary)
    too_young: int = 0
    deleted: int = 0


@transaction.atomic
def compare_storage(*, delete: bool = False) -> Report:
    """Compare both sides in one pass. With `delete`, delete photos without a row that are older than MIN_AGE."""
    report, now = Report(), timezone.now()
    for listed, key in _merge_by_key(object_storage.list_objects(), _referenced_keys()):
        report.objects += listed is not None
        if listed is None:
            if not key.endswith("-app.jpg"):  # sync_devices makes missing copies
                report.without_object.add(key)
        elif key is None and listed.modified_at > now - MIN_AGE:
            report.too_young += 1
        elif key is None:
            report.without_row.add(listed.key)
            report.deleted += delete and _delete_orphan(listed.key)
    return report


def _delete_orphan(key: str) -> bool:
    # Check again before deleting: if the storage's key order differs from ours, the report is wrong, but no photo is
    # lost.
    if not key.startswith(DELETABLE_PREFIXES) or _is_referenced(key):
        return False
    object_storage.delete(key)
    return True


def _is_referenced(key: str) -> bool:
    names = [key, original_key(key)]
    return (
        DevicePhoto.objects.filter(key__in=names).exists()
        or Passport.objects.filter(photo=key).exists()
        or Upload.objects.filter(Q(key=key) | Q(photo_key__in=names)).exists()
    )


def delete_stale_uploads(*, delete: bool = False) -> int:
    """Count uploads older than MIN_AGE that were never attached. With `delete`, delete them and their objects."""
    old = Upload.objects.filter(created_at__lt=timezone.now() - MIN_AGE)
    abandoned = old.filter(attached_at=None)
    count = abandoned.count()
    if delete:
        for upload in abandoned.iterator(chunk_size=500):
            with transaction.atomic():
                upload.discard()
        old.exclude(attached_at=None).delete()
    return count


def _merge_by_key(listing: Iterator, keys: Iterator[str]) -> Iterator[tuple]:
    """Yield pairs of a listed object and the key in a row; None where one side has no counterpart."""
    listed, key = next(listing, None), next(keys, None)
    while listed or key:
        if key is None or (listed and listed.key < key):
            yield listed, None
            listed = next(listing, None)
        elif listed is None or key < listed.key:
            yield None, key
            key = next(keys, None)
        else:
            yield listed, key
            listed, key = next(listing, None), next(keys, None)


def _referenced_keys() -> Iterator[str]:
    return heapq.merge(
        _keys_in_order(Contract.objects.filter(erased_at=None), "pdf_key"),
        _keys_in_order(Erasure.objects.all(), "act_key"),
        _keys_in_order(Agreement.objects.all(), "pdf_key"),
        _keys_in_order(Passport.objects.all(), "photo"),
        _with_copies(_keys_in_order(DevicePhoto.objects.all(), "key")),
        _with_copies(_keys_in_order(Upload.objects.filter(attached_at=None), "photo_key")),
    )


def _keys_in_order(rows: QuerySet, name: str) -> Iterator[str]:
    rows = rows.filter(~Q(**{name: ""})).annotate(in_order=Collate(F(name), "C")).order_by("in_order")
    # Server-side cursor: iterator() does not use one behind PgBouncer. Needs the surrounding transaction.
    with connection.chunked_cursor() as cursor:
        cursor.execute(*rows.values_list(name).query.sql_with_params())
        while page := cursor.fetchmany(2000):
            yield from (key for key, *_ in page)


def _with_copies(keys: Iterator[str]) -> Iterator[str]:
    for key in keys:
        if key.startswith("devices/"):  # "-" sorts before ".", so these keys come before the photo's
            yield app_copy_key(key)
            yield thumbnail_key(key)
        yield key
