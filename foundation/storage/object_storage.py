"""Where photos and contracts are kept: an S3-compatible server, or files of this machine. Nobody else imports boto3.

Keys are made by us and never reused; whatever goes wrong outside is StorageUnavailable.
"""

import logging
import os
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

import boto3
from boto3.s3.transfer import TransferConfig
from botocore import UNSIGNED
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from django.conf import settings
from django.core import signing
from django.core.files.base import ContentFile, File
from django.core.files.storage import FileSystemStorage, default_storage
from django.db import DatabaseError, InterfaceError, OperationalError, transaction
from django.urls import reverse
from s3transfer.exceptions import RetriesExceededError
from storages.backends.s3 import S3Storage

from foundation.observability import metrics
from privet.models import LeftObject

logger = logging.getLogger(__name__)

UPLOAD_SECONDS = 5 * 60
SHOWN_SECONDS = 2 * 60


class StorageUnavailable(Exception):
    """The object could not be written or read; nothing else was changed."""


class ObjectMissing(StorageUnavailable):
    """The storage answers, and has no such object."""


class Listed(NamedTuple):
    """An object as the storage lists it."""

    key: str
    modified_at: datetime


class ObjectTooLarge(Exception):
    """The object is larger than was asked for; it was not read."""


class UploadAddress(NamedTuple):
    """Where a browser posts a file: multipart to `url`, all `fields` first and then `file`."""

    url: str
    fields: dict[str, str]


def _listed_name(entry: os.DirEntry) -> str:
    return f"{entry.name}/" if entry.is_dir() else entry.name


class Local(FileSystemStorage):
    """Files under `.data/files`, readable by this process's user alone; its addresses are those of `local_files`."""

    def __init__(self, location: str):
        super().__init__(location=location, file_permissions_mode=0o600, directory_permissions_mode=0o700)

    def answers(self) -> bool:
        """Before the first object there is no folder, only the one that it will be made in."""
        there = next(folder for folder in (Path(self.location), *Path(self.location).parents) if folder.exists())
        return os.access(there, os.R_OK | os.W_OK | os.X_OK)

    def prepare(self) -> list[str]:
        Path(self.location).mkdir(mode=self.directory_permissions_mode, parents=True, exist_ok=True)
        return []

    def listing(self, folder: str = "") -> Iterator["Listed"]:
        # In the order of keys: what lies in a folder `a` comes after `a-b`, as "/" does after "-".
        entries = os.scandir(self.path(folder)) if self.exists(folder) else ()  # none before the first object
        for entry in sorted(entries, key=_listed_name):
            if entry.is_dir():
                yield from self.listing(f"{folder}{entry.name}/")
                continue
            with suppress(FileNotFoundError):  # removed meanwhile
                modified = datetime.fromtimestamp(entry.stat().st_mtime, UTC)
                yield Listed(f"{folder}{entry.name}", modified)

    def _save(self, name: str, content: File) -> str:
        try:
            return super()._save(name, content)
        except OSError:
            self.delete(name)  # what a full disk cut off takes the room that is missing
            raise

    def upload_address(self, key: str, content_type: str, most: int) -> UploadAddress:
        token = signing.dumps([key, content_type, most], salt="storages.upload")
        return UploadAddress(reverse("stored_upload", args=[token]), {"key": key, "Content-Type": content_type})

    def address(self, key: str, cache: str) -> str:
        return reverse("stored_object", args=[signing.dumps([key, cache], salt="storages.shown")])

    def read(self, key: str, most: int) -> bytes:
        if self.size(key) > most:
            raise ObjectTooLarge(key)
        with self.open(key) as file:
            return file.read(most)

    def receive(self, key: str, file: File) -> None:
        """Write an upload, over an earlier one under the same key: as S3 does, at once or not at all."""
        name = self.save(f"{key}.{uuid.uuid4()}", file)
        os.replace(self.path(name), self.path(key))


class S3(S3Storage):
    """A private bucket; answers within about four seconds or not at all."""

    def answers(self) -> bool:
        self.bucket.meta.client.head_bucket(Bucket=self.bucket_name)
        return True

    def prepare(self) -> list[str]:
        # The first bucket of a server takes longer than a page waits for an answer.
        config = self.client_config.merge(Config(read_timeout=30))
        client = self._client(self.endpoint_url, config)
        try:
            client.head_bucket(Bucket=self.bucket_name)
        except client.exceptions.ClientError as error:
            if error.response["Error"]["Code"] != "404":
                raise
            place = {} if self.region_name == "us-east-1" else {"LocationConstraint": self.region_name}
            client.create_bucket(Bucket=self.bucket_name, **({"CreateBucketConfiguration": place} if place else {}))
        return [name for name, settle in RULES.items() if not _settled(settle, client, self.bucket_name)]

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

    def upload_address(self, key: str, content_type: str, most: int) -> UploadAddress:
        post = self._signer.generate_presigned_post(
            self.bucket_name,
            key,
            Fields={"Content-Type": content_type},
            Conditions=[{"Content-Type": content_type}, ["content-length-range", 1, most]],
            ExpiresIn=UPLOAD_SECONDS,
        )
        return UploadAddress(post["url"], post["fields"])

    def address(self, key: str, cache: str) -> str:
        parameters = {
            "Bucket": self.bucket_name,
            "Key": key,
            "ResponseContentType": "image/jpeg",
            "ResponseContentDisposition": "inline",
            "ResponseCacheControl": cache,
        }
        return self._signer.generate_presigned_url("get_object", Params=parameters, ExpiresIn=SHOWN_SECONDS)

    @cached_property
    def _signer(self):
        """A client for the address by which browsers reach the storage; it signs and never calls."""
        return self._client(settings.S3_PUBLIC_ENDPOINT, self.client_config)

    def _client(self, endpoint: str, config: Config):
        return self._create_session().client("s3", endpoint_url=endpoint, region_name=self.region_name, config=config)

    def read(self, key: str, most: int) -> bytes:
        try:
            # A range: what has grown since is not read either.
            answer = self.bucket.Object(key).get(Range=f"bytes=0-{most}")
        except ClientError as error:
            if error.response["Error"]["Code"] == "InvalidRange":  # of an empty object there is none
                return b""
            raise
        with answer["Body"] as body:
            if answer["ContentLength"] > most:
                raise ObjectTooLarge(key)
            return body.read()


def _close(client, bucket: str) -> None:
    client.put_bucket_acl(Bucket=bucket, ACL="private")


def _let_our_pages_in(client, bucket: str) -> None:
    url = urlsplit(settings.APP_BASE_URL)
    rule = {
        "AllowedOrigins": [f"{url.scheme}://{url.netloc}"],
        "AllowedMethods": ["GET", "POST"],
        "AllowedHeaders": ["*"],
        "MaxAgeSeconds": 3600,
    }
    client.put_bucket_cors(Bucket=bucket, CORSConfiguration={"CORSRules": [rule]})


def _forget_what_was_abandoned(client, bucket: str) -> None:
    rules = [
        {"ID": "uploads", "Filter": {"Prefix": "incoming/"}, "Expiration": {"Days": 1}},
        {"ID": "parts", "Filter": {"Prefix": ""}, "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 1}},
    ]
    enabled = {"Rules": [rule | {"Status": "Enabled"} for rule in rules]}
    client.put_bucket_lifecycle_configuration(Bucket=bucket, LifecycleConfiguration=enabled)


# What a bucket is told, by the name of the call.
RULES = {
    "PutBucketAcl": _close,
    "PutBucketCors": _let_our_pages_in,
    "PutBucketLifecycleConfiguration": _forget_what_was_abandoned,
}
# How servers that lack a call answer it; Amazon's buckets without access lists are private as they are made.
LACKING = ("NotImplemented", "MalformedXML", "MethodNotAllowed", "AccessControlListNotSupported")


def _settled(settle: Callable, client, bucket: str) -> bool:
    try:
        settle(client, bucket)
    except ClientError as error:
        if error.response["Error"]["Code"] in LACKING:
            return False
        raise
    return True


@contextmanager
def _outside(key: str) -> Iterator[None]:
    try:
        with metrics.STORAGE_SECONDS.time():
            yield
    except FileNotFoundError as error:
        raise ObjectMissing(key) from error
    except (OSError, BotoCoreError, ClientError, RetriesExceededError) as error:
        if isinstance(error, ClientError) and error.response["Error"]["Code"] == "NoSuchKey":
            raise ObjectMissing(key) from error
        metrics.STORAGE_FAILURES.inc()
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


def read(key: str, *, most: int) -> bytes:
    """The content of an object that somebody else wrote; ObjectTooLarge, unread, when it has more than `most` bytes."""
    with _outside(key):
        return default_storage.read(key, most)


def upload_address(key: str, *, content_type: str, most: int) -> UploadAddress:
    """Where a browser may write this object, of this type and 1 to `most` bytes, within UPLOAD_SECONDS."""
    return default_storage.upload_address(key, content_type, most)


def address(key: str, *, cache: str) -> str:
    """Where whoever has the address sees the JPEG, within SHOWN_SECONDS; it answers with this `Cache-Control`."""
    return default_storage.address(key, cache)


def exists(key: str) -> bool:
    with _outside(key):
        return default_storage.exists(key)


def answers() -> bool:
    """Whether objects can be read and written at all; StorageUnavailable or False when not."""
    with _outside("the storage"):
        return default_storage.answers()


def prepare() -> list[str]:
    """Make the bucket, private, with its rules; once more changes nothing. Returns the calls that the server lacks."""
    with _outside("the bucket"):
        return default_storage.prepare()


def listing() -> Iterator[Listed]:
    """Every object, in the order of keys, a page of the storage's at a time: memory does not grow with their number."""
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
    except (OperationalError, InterfaceError):
        raise  # COMMIT may have gone through, its answer been lost: clean_storage removes what nothing speaks of
    except BaseException:
        _remove_quietly(written)
        raise


def remove_after_commit(*keys: str) -> None:
    """Remove the objects when the current transaction is committed. What can't be removed then is tried again."""
    transaction.on_commit(lambda: _remove_quietly([key for key in keys if key]))


def _remove_quietly(keys: list[str]) -> None:
    for number, key in enumerate(keys):
        try:
            remove(key)
        except StorageUnavailable:
            # The others are not tried: each would take as long to fail.
            _leave(keys[number:])
            break


def _leave(keys: list[str]) -> None:
    logger.error("objects left behind: %s", ", ".join(keys))
    try:
        LeftObject.objects.bulk_create([LeftObject(key=key) for key in keys], ignore_conflicts=True)
    except DatabaseError:  # then cleaning finds them by the listing
        logger.exception("objects left behind could not be noted")


def remove_left() -> None:
    """Try again to remove what could not be removed; StorageUnavailable ends it."""
    for left in LeftObject.objects.order_by("left_at").iterator():
        remove(left.key)
        left.delete()


def is_open_to_strangers() -> bool:
    """Whether the bucket lists or gives objects to strangers; StorageUnavailable when it can't be asked."""
    config = Config(
        signature_version=UNSIGNED,
        connect_timeout=2,
        read_timeout=2,
        retries={"total_max_attempts": 1},
        s3={"addressing_style": "path"},
    )
    bucket = settings.S3_BUCKET
    with _outside(bucket):
        stranger = boto3.client(
            "s3", endpoint_url=settings.S3_PUBLIC_ENDPOINT, region_name=settings.S3_REGION, config=config
        )
        some = next(default_storage.listing(), None)
        return _allowed(stranger.list_objects_v2, Bucket=bucket, MaxKeys=1) or (
            some is not None and _allowed(stranger.head_object, Bucket=bucket, Key=some.key)
        )


def _allowed(ask, **of_what) -> bool:
    try:
        ask(**of_what)
    except ClientError as error:
        if error.response["Error"]["Code"] not in ("AccessDenied", "403"):
            raise
        return False
    return True
