"""What the two kinds of storage have in common: exceptions, value types and lifetimes of addresses."""

from datetime import datetime
from typing import NamedTuple

UPLOAD_SECONDS = 5 * 60
DOWNLOAD_SECONDS = 2 * 60


class StorageUnavailable(Exception):
    """The object could not be written or read; nothing else was changed."""


class ObjectNotFound(StorageUnavailable):
    """The storage answers, and has no such object."""


class ListedObject(NamedTuple):
    """An object as the storage lists it."""

    key: str
    modified_at: datetime


class ObjectTooLarge(Exception):
    """The object is larger than was asked for; it was not read."""


class PresignedUpload(NamedTuple):
    """Where a browser posts a file: multipart to `url`, all `fields` first and then `file`."""

    url: str
    fields: dict[str, str]
