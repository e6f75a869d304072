"""Files that clients attach in «Привет Супер»: objects of the app's own bucket, which we only read.

A key is foreign input: a client can name any object of that bucket.
"""

from functools import lru_cache

from django.conf import settings

from foundation.storage.object_storage import storage_call
from foundation.storage.s3 import S3ObjectStorage

MAX_KEY_BYTES = 1024  # a limit of S3


def is_configured() -> bool:
    return bool(settings.APP_S3_BUCKET and settings.APP_S3_ENDPOINT)


def is_valid_key(key: str) -> bool:
    """Whether the key names an object in every client and server: "..", for example, is removed from URLs by some."""
    segments = key.split("/")
    return (
        key.isprintable()
        and "\\" not in key
        and len(key.encode()) <= MAX_KEY_BYTES
        and not {"", ".", ".."}.intersection(segments)
    )


def stored_content_type(key: str) -> str:
    """Return the content type that the app stored with the object. Raises ObjectNotFound or StorageUnavailable."""
    with storage_call("an attachment"):  # not the key: it may contain a name
        return _bucket().content_type(key)


def presign_download(key: str, *, content_type: str, disposition: str) -> str:
    """URL of the object for anyone who has it, valid for DOWNLOAD_SECONDS, with these headers of the response."""
    return _bucket().presign_download(key, "private, no-store", content_type=content_type, disposition=disposition)


def _bucket() -> S3ObjectStorage:
    return _storage(
        bucket_name=settings.APP_S3_BUCKET,
        endpoint_url=settings.APP_S3_ENDPOINT,
        public_endpoint=settings.APP_S3_PUBLIC_ENDPOINT,
        access_key=settings.APP_S3_ACCESS_KEY,
        secret_key=settings.APP_S3_SECRET_KEY,
    )


@lru_cache(maxsize=1)
def _storage(**options: str) -> S3ObjectStorage:
    return S3ObjectStorage(**options)
