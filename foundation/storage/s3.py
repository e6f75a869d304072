"""Object storage on an S3-compatible server. No other module imports boto3."""

from collections.abc import Callable, Iterator
from functools import cached_property
from urllib.parse import urlsplit

import boto3
from boto3.s3.transfer import TransferConfig
from botocore import UNSIGNED
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from django.conf import settings
from s3transfer.exceptions import RetriesExceededError
from storages.backends.s3 import S3Storage

from foundation.storage.interface import DOWNLOAD_SECONDS, UPLOAD_SECONDS, ListedObject, ObjectTooLarge, PresignedUpload

# Everything that a call to the server can raise.
ERRORS = (BotoCoreError, ClientError, RetriesExceededError)


class S3ObjectStorage(S3Storage):
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
        return [name for name, settle in BUCKET_RULES.items() if not _apply_rule(settle, client, self.bucket_name)]

    def listing(self) -> Iterator[ListedObject]:
        return (ListedObject(found.key, found.last_modified) for found in self.bucket.objects.all())

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

    def upload_address(self, key: str, content_type: str, most: int) -> PresignedUpload:
        post = self._signer.generate_presigned_post(
            self.bucket_name,
            key,
            Fields={"Content-Type": content_type},
            Conditions=[{"Content-Type": content_type}, ["content-length-range", 1, most]],
            ExpiresIn=UPLOAD_SECONDS,
        )
        return PresignedUpload(post["url"], post["fields"])

    def address(self, key: str, cache: str) -> str:
        parameters = {
            "Bucket": self.bucket_name,
            "Key": key,
            "ResponseContentType": "image/jpeg",
            "ResponseContentDisposition": "inline",
            "ResponseCacheControl": cache,
        }
        return self._signer.generate_presigned_url("get_object", Params=parameters, ExpiresIn=DOWNLOAD_SECONDS)

    def is_public(self) -> bool:
        """Whether an unsigned request can list the bucket or read an object."""
        config = Config(
            signature_version=UNSIGNED,
            connect_timeout=2,
            read_timeout=2,
            retries={"total_max_attempts": 1},
            s3={"addressing_style": "path"},
        )
        anonymous = boto3.client(
            "s3", endpoint_url=settings.S3_PUBLIC_ENDPOINT, region_name=self.region_name, config=config
        )
        first = next(self.listing(), None)
        return _is_allowed(anonymous.list_objects_v2, Bucket=self.bucket_name, MaxKeys=1) or (
            first is not None and _is_allowed(anonymous.head_object, Bucket=self.bucket_name, Key=first.key)
        )

    @cached_property
    def _signer(self):
        """A client for the address by which browsers reach the storage; it signs and never calls."""
        return self._client(settings.S3_PUBLIC_ENDPOINT, self.client_config)

    def _client(self, endpoint: str, config: Config):
        session = boto3.Session(aws_access_key_id=self.access_key, aws_secret_access_key=self.secret_key)
        return session.client("s3", endpoint_url=endpoint, region_name=self.region_name, config=config)

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


def _make_private(client, bucket: str) -> None:
    client.put_bucket_acl(Bucket=bucket, ACL="private")


def _allow_cors(client, bucket: str) -> None:
    url = urlsplit(settings.APP_BASE_URL)
    rule = {
        "AllowedOrigins": [f"{url.scheme}://{url.netloc}"],
        "AllowedMethods": ["GET", "POST"],
        "AllowedHeaders": ["*"],
        "MaxAgeSeconds": 3600,
    }
    client.put_bucket_cors(Bucket=bucket, CORSConfiguration={"CORSRules": [rule]})


def _expire_abandoned_uploads(client, bucket: str) -> None:
    rules = [
        {"ID": "uploads", "Filter": {"Prefix": "incoming/"}, "Expiration": {"Days": 1}},
        {"ID": "parts", "Filter": {"Prefix": ""}, "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 1}},
    ]
    enabled = {"Rules": [rule | {"Status": "Enabled"} for rule in rules]}
    client.put_bucket_lifecycle_configuration(Bucket=bucket, LifecycleConfiguration=enabled)


# What a bucket is told, by the name of the call.
BUCKET_RULES = {
    "PutBucketAcl": _make_private,
    "PutBucketCors": _allow_cors,
    "PutBucketLifecycleConfiguration": _expire_abandoned_uploads,
}
# How servers that lack a call answer it; Amazon's buckets without access lists are private as they are made.
UNSUPPORTED_CODES = ("NotImplemented", "MalformedXML", "MethodNotAllowed", "AccessControlListNotSupported")


def _apply_rule(settle: Callable, client, bucket: str) -> bool:
    try:
        settle(client, bucket)
    except ClientError as error:
        if error.response["Error"]["Code"] in UNSUPPORTED_CODES:
            return False
        raise
    return True


def is_missing(error: Exception) -> bool:
    return isinstance(error, ClientError) and error.response["Error"]["Code"] == "NoSuchKey"


def _is_allowed(call: Callable, **arguments) -> bool:
    try:
        call(**arguments)
    except ClientError as error:
        if error.response["Error"]["Code"] not in ("AccessDenied", "403"):
            raise
        return False
    return True
