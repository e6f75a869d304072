"""Store, read and delete objects (photos, documents) by key, in the storage that the settings configure.

Keys are never reused. All functions raise StorageUnavailable if the storage fails.
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
    SetupReport,
    StorageUnavailable,
)
from foundation.storage.models import LeftObject

__all__ = [
    "DOWNLOAD_SECONDS", "UPLOAD_SECONDS", "ListedObject", "ObjectNotFound", "ObjectTooLarge", "PresignedUpload",
    "SetupReport", "StorageUnavailable",
]  # fmt: skip

logger = logging.getLogger(__name__)


@contextmanager
def storage_call(key: str) -> Iterator[None]:
    """Measure a call and translate its errors to ObjectNotFound, or StorageUnavailable for any other failure."""
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
    """Store a new object. Raises StorageUnavailable if the key exists already."""
    with storage_call(key):
        name = default_storage.save(key, ContentFile(content))
    if name != key:
        default_storage.delete(name)
        raise StorageUnavailable(f"{key} exists already")


def get(key: str) -> bytes:
    """Return the object's content. Raises ObjectNotFound."""
    with storage_call(key), default_storage.open(key) as file:
        return file.read()


def read_limited(key: str, *, max_bytes: int) -> bytes:
    """Return the content of an uploaded object. Raises ObjectTooLarge if it has more than `max_bytes` bytes."""
    with storage_call(key):
        return default_storage.read_limited(key, max_bytes)


def presign_upload(key: str, *, content_type: str, max_bytes: int) -> PresignedUpload:
    """Return a form with which a browser can upload this object within UPLOAD_SECONDS.

    The storage accepts only this content type and 1 to `max_bytes` bytes.
    """
    return default_storage.presign_upload(key, content_type, max_bytes)


def presign_download(key: str, *, cache: str) -> str:
    """URL of a JPEG for anyone who has the URL, valid for DOWNLOAD_SECONDS.

    `cache` is the `Cache-Control` header of the response.
    """
    return default_storage.presign_download(key, cache)


def exists(key: str) -> bool:
    with storage_call(key):
        return default_storage.exists(key)


def is_available() -> bool:
    """Whether objects can be read and written. May also raise StorageUnavailable."""
    with storage_call("the storage"):
        return default_storage.is_available()


def set_up_bucket() -> SetupReport:
    """Create the private bucket, or add our rules to an existing one. Idempotent."""
    with storage_call("the bucket"):
        return default_storage.set_up()


def list_objects() -> Iterator[ListedObject]:
    """Yield every object in the order of keys. Objects are fetched page by page, so memory use is constant."""
    with storage_call("the listing"):
        yield from default_storage.list_objects()


def delete(key: str) -> None:
    """Delete the object, if it exists."""
    with storage_call(key):
        default_storage.delete(key)


@contextmanager
def stored_objects(objects: Mapping[str, bytes]) -> Iterator[None]:
    """Store the objects by key, then run the block that saves their rows. If it fails, delete the objects."""
    written = []
    try:
        for key, content in objects.items():
            put(key, content)
            written.append(key)
        yield
    except (OperationalError, InterfaceError):
        raise  # COMMIT may have succeeded although its reply was lost; clean_storage deletes objects without a row
    except BaseException:
        _delete_or_record(written)
        raise


def delete_after_commit(*keys: str) -> None:
    """Delete the objects after the current transaction commits. Failed deletions are recorded and retried."""
    transaction.on_commit(lambda: _delete_or_record([key for key in keys if key]))


def _delete_or_record(keys: list[str]) -> None:
    for number, key in enumerate(keys):
        try:
            delete(key)
        except StorageUnavailable:
            # Do not try the others: each would take as long to fail.
            _record_failed_deletions(keys[number:])
            break


def _record_failed_deletions(keys: list[str]) -> None:
    logger.error("objects left behind: %s", ", ".join(keys))
    try:
        LeftObject.objects.bulk_create([LeftObject(key=key) for key in keys], ignore_conflicts=True)
    except DatabaseError:  # clean_storage will find them by listing the storage
        logger.exception("objects left behind could not be recorded")


def retry_failed_deletions() -> None:
    """Retry the recorded deletions, oldest first. Stops with StorageUnavailable at the first failure."""
    for failed in LeftObject.objects.order_by("left_at").iterator():
        delete(failed.key)
        failed.delete()


def is_public() -> bool:
    """Whether anyone can list or read objects without credentials. Raises StorageUnavailable."""
    with storage_call("the bucket"):
        return default_storage.is_public()
