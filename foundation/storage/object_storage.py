"""Reads, writes and removes objects (photos, documents) by key, on whichever storage the settings name.

Keys are never reused. Every failure of the storage itself is raised as StorageUnavailable.
"""

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import DatabaseError, InterfaceError, OperationalError, transaction

from foundation.observability import metrics
from foundation.storage import s3
from foundation.storage.interface import (
    DOWNLOAD_SECONDS,
    UPLOAD_SECONDS,
    ListedObject,
    ObjectNotFound,
    ObjectTooLarge,
    PresignedUpload,
    StorageUnavailable,
)
from foundation.storage.models import LeftObject

__all__ = [
    "DOWNLOAD_SECONDS", "UPLOAD_SECONDS", "ListedObject", "ObjectNotFound", "ObjectTooLarge", "PresignedUpload",
    "StorageUnavailable",
]  # fmt: skip

logger = logging.getLogger(__name__)


@contextmanager
def _storage_call(key: str) -> Iterator[None]:
    """Measure a call and translate its errors: ObjectNotFound, or StorageUnavailable for any other failure."""
    try:
        with metrics.STORAGE_SECONDS.time():
            yield
    except FileNotFoundError as error:
        raise ObjectNotFound(key) from error
    except (OSError, *s3.ERRORS) as error:
        if s3.is_missing(error):
            raise ObjectNotFound(key) from error
        metrics.STORAGE_FAILURES.inc()
        logger.warning("storage failed for %s: %s", key, type(error).__name__)
        raise StorageUnavailable(key) from error


def put(key: str, content: bytes) -> None:
    """Write an object under a key that is not taken."""
    with _storage_call(key):
        name = default_storage.save(key, ContentFile(content))
    if name != key:
        default_storage.delete(name)
        raise StorageUnavailable(f"{key} is taken")


def get(key: str) -> bytes:
    """The object's content; ObjectNotFound when there is none."""
    with _storage_call(key), default_storage.open(key) as file:
        return file.read()


def read_limited(key: str, *, most: int) -> bytes:
    """The content of an object that somebody else wrote; ObjectTooLarge, unread, when it has more than `most` bytes."""
    with _storage_call(key):
        return default_storage.read(key, most)


def presign_upload(key: str, *, content_type: str, most: int) -> PresignedUpload:
    """Where a browser may write this object, of this type and 1 to `most` bytes, within UPLOAD_SECONDS."""
    return default_storage.upload_address(key, content_type, most)


def presign_download(key: str, *, cache: str) -> str:
    """Where whoever has the address sees the JPEG, within SHOWN_SECONDS; it answers with this `Cache-Control`."""
    return default_storage.address(key, cache)


def exists(key: str) -> bool:
    with _storage_call(key):
        return default_storage.exists(key)


def is_available() -> bool:
    """Whether objects can be read and written at all; StorageUnavailable or False when not."""
    with _storage_call("the storage"):
        return default_storage.answers()


def set_up_bucket() -> list[str]:
    """Make the bucket, private, with its rules; once more changes nothing. Returns the calls that the server lacks."""
    with _storage_call("the bucket"):
        return default_storage.prepare()


def list_objects() -> Iterator[ListedObject]:
    """Every object, in the order of keys, a page of the storage's at a time: memory does not grow with their number."""
    with _storage_call("the listing"):
        yield from default_storage.listing()


def delete(key: str) -> None:
    """Remove the object; one that is gone already is fine."""
    with _storage_call(key):
        default_storage.delete(key)


@contextmanager
def stored_objects(objects: Mapping[str, bytes]) -> Iterator[None]:
    """Write the objects, then run the block that records them; if it fails, they are removed again."""
    written = []
    try:
        for key, content in objects.items():
            put(key, content)
            written.append(key)
        yield
    except (OperationalError, InterfaceError):
        raise  # COMMIT may have gone through, its answer been lost: clean_storage removes what nothing speaks of
    except BaseException:
        _delete_or_record(written)
        raise


def delete_after_commit(*keys: str) -> None:
    """Remove the objects when the current transaction is committed. What can't be removed then is tried again."""
    transaction.on_commit(lambda: _delete_or_record([key for key in keys if key]))


def _delete_or_record(keys: list[str]) -> None:
    for number, key in enumerate(keys):
        try:
            delete(key)
        except StorageUnavailable:
            # The others are not tried: each would take as long to fail.
            _record_failed_deletions(keys[number:])
            break


def _record_failed_deletions(keys: list[str]) -> None:
    logger.error("objects left behind: %s", ", ".join(keys))
    try:
        LeftObject.objects.bulk_create([LeftObject(key=key) for key in keys], ignore_conflicts=True)
    except DatabaseError:  # then cleaning finds them by the listing
        logger.exception("objects left behind could not be noted")


def retry_failed_deletions() -> None:
    """Try again to remove what could not be removed; StorageUnavailable ends it."""
    for left in LeftObject.objects.order_by("left_at").iterator():
        delete(left.key)
        left.delete()


def is_public() -> bool:
    """Whether anybody on the internet can list or read objects; StorageUnavailable when it can't be asked."""
    with _storage_call("the bucket"):
        return default_storage.is_public()
