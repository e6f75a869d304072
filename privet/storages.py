"""Where photos and contracts are kept: an S3-compatible server, or files of this machine. Nobody else imports boto3.

Keys are made by us and never reused; whatever goes wrong outside is StorageUnavailable.
"""

import logging
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from boto3.s3.transfer import TransferConfig
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from django.conf import settings
from django.core.files.base import ContentFile
from django.core.files.storage import FileSystemStorage, default_storage
from django.db import transaction
from s3transfer.exceptions import RetriesExceededError
from storages.backends.s3 import S3Storage

logger = logging.getLogger(__name__)


class StorageUnavailable(Exception):
    """The object could not be written or read; nothing else was changed."""


class ObjectMissing(StorageUnavailable):
    """The storage answers, and has no such object."""


class Listed(NamedTuple):
    """An object as the storage lists it."""

    key: str
    modified_at: datetime


class Local(FileSystemStorage):
    """Files under `.data/files`, readable by this process's user alone."""

    def __init__(self, location: str):
        super().__init__(location=location, file_permissions_mode=0o600, directory_permissions_mode=0o700)

    def listing(self) -> Iterator["Listed"]:
        for folder, _, names in os.walk(self.location):
            for path in (Path(folder, name) for name in names):
                modified = datetime.fromtimestamp(path.stat().st_mtime, UTC)
                yield Listed(path.relative_to(self.location).as_posix(), modified)


class S3(S3Storage):
    """A private bucket; answers within about four seconds or not at all."""

    def listing(self) -> Iterator["Listed"]:
        return (Listed(found.key, found.last_modified) for found in self.bucket.objects.all())

    def get_default_settings(self):
        return super().get_default_settings() | {
            "endpoint_url": settings.S3_ENDPOINT,
            "access_key": settings.S3_ACCESS_KEY,
            "secret_key": settings.S3_SECRET_KEY,
            "bucket_name": settings.S3_BUCKET,
            "region_name": settings.S3_REGION,
            "default_acl": None,
            "querystring_auth": True,
            "file_overwrite": False,
            "client_config": Config(
                connect_timeout=1,
                read_timeout=2,
                retries={"total_max_attempts": 1},
                signature_version="s3v4",
                s3={"addressing_style": "path"},
            ),
            # Retries of its own would multiply the time limits.
            "transfer_config": TransferConfig(use_threads=False, num_download_attempts=1),
        }


@contextmanager
def _outside(key: str) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError as error:
        raise ObjectMissing(key) from error
    except (OSError, BotoCoreError, ClientError, RetriesExceededError) as error:
        logger.warning("storage failed for %s: %s", key, type(error).__name__)
        raise StorageUnavailable(key) from error


def put(key: str, content: bytes) -> None:
    """Write an object under a key that is not taken."""
    with _outside(key):
        name = default_storage.save(key, ContentFile(content))
    if name != key:
        default_storage.delete(name)
        raise StorageUnavailable(f"{key} is taken")


def get(key: str) -> bytes:
    """The object's content; ObjectMissing when there is none."""
    with _outside(key), default_storage.open(key) as file:
        return file.read()


def exists(key: str) -> bool:
    with _outside(key):
        return default_storage.exists(key)


def listing() -> Iterator[Listed]:
    """Every object, in no order, a page of the storage's at a time: memory does not grow with their number."""
    with _outside("the listing"):
        yield from default_storage.listing()


def remove(key: str) -> None:
    """Remove the object; one that is gone already is fine."""
    with _outside(key):
        default_storage.delete(key)


@contextmanager
def stored(objects: Mapping[str, bytes]) -> Iterator[None]:
    """Write the objects, then run the block that records them; if it fails, they are removed again."""
    written = []
    try:
        for key, content in objects.items():
            put(key, content)
            written.append(key)
        yield
    except BaseException:
        _remove_quietly(written)
        raise


def remove_after_commit(*keys: str) -> None:
    """Remove the objects when the current transaction is committed. A failure is logged, not raised."""
    transaction.on_commit(lambda: _remove_quietly(filter(None, keys)))


def _remove_quietly(keys) -> None:
    for key in keys:
        try:
            remove(key)
        except StorageUnavailable:
            logger.exception("object left behind: %s", key)
