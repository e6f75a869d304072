"""Exceptions, value types and lifetimes of URLs that both kinds of object storage share."""

from datetime import datetime
from typing import NamedTuple

UPLOAD_SECONDS = 5 * 60
DOWNLOAD_SECONDS = 2 * 60


class StorageUnavailable(Exception):
    """The storage failed or did not answer; nothing was changed."""


class ObjectNotFound(StorageUnavailable):
    """The storage works, but has no such object."""


class ListedObject(NamedTuple):
    """An object as the storage lists it."""

    key: str
    modified_at: datetime


class SetupReport(NamedTuple):
    """What could not be set up: calls that the server does not support, and messages about what has to be done."""

    unsupported: list[str]
    refused: list[str]


class ObjectTooLarge(Exception):
    """The object has more bytes than the given limit, so it was not read."""


class PresignedUpload(NamedTuple):
    """A presigned form: the browser posts multipart data to `url`, all `fields` first and then `file`."""

    url: str
    fields: dict[str, str]
