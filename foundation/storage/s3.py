"""Object storage on an S3-compatible server. No other module imports boto3."""

from collections.abc import Callable, Iterator
from functools import cached_property

import boto3
from boto3.s3.transfer import TransferConfig
from botocore import UNSIGNED
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from django.conf import settings
from s3transfer.exceptions import RetriesExceededError
from storages.backends.s3 import S3Storage

from foundation.storage import bucket_rules
from foundation.storage.interface import (
    DOWNLOAD_SECONDS,
    UPLOAD_SECONDS,
    ListedObject,
    ObjectTooLarge,
    PresignedUpload,
    SetupReport,
)

# Everything that a call to the server can raise.
ERRORS = (BotoCoreError, ClientError, RetriesExceededError)


class S3ObjectStorage(S3Storage):
    """A private bucket. Calls fail after about four seconds."""

    def is_available(self) -> bool:
        self.bucket.meta.client.head_bucket(Bucket=self.bucket_name)
        return True

    def set_up(self) -> SetupReport:
        # Creating the first bucket of a server takes longer than the timeout of pages.
        config = self.client_config.merge(Config(read_timeout=30))
        client = self._client(self.endpoint_url, config)
        try:
            client.head_bucket(Bucket=self.bucket_name)
        except client.exceptions.ClientError as error:
            if error.response["Error"]["Code"] != "404":
                raise
            location = {} if self.region_name == "us-east-1" else {"LocationConstraint": self.region_name}
            options = {"CreateBucketConfiguration": location} if location else {}
            client.create_bucket(Bucket=self.bucket_name, **options)
        return bucket_rules.apply_rules(client, self.bucket_name)

    def list_objects(self) -> Iterator[ListedObject]:
        return (ListedObject(item.key, item.last_modified) for item in self.bucket.objects.all())

    def get_default_settings(self):
        return super().get_default_settings() | {
            "endpoint_url": settings.S3_ENDPOINT,
            "access_key": settings.S3_ACCESS_KEY,
            "secret_key": settings.S3_SECRET_KEY,
            "bucket_name": settings.S3_BUCKET,
            "region_name": settings.S3_REGION,
            "public_endpoint": settings.S3_PUBLIC_ENDPOINT,
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
            # Retries would multiply the timeouts.
            "transfer_config": TransferConfig(use_threads=False, num_download_attempts=1),
        }

    def presign_upload(self, key: str, content_type: str, max_bytes: int) -> PresignedUpload:
        post = self._presign_client.generate_presigned_post(
            self.bucket_name,
            key,
            Fields={"Content-Type": content_type},
            Conditions=[{"Content-Type": content_type}, ["content-length-range", 1, max_bytes]],
            ExpiresIn=UPLOAD_SECONDS,
        )
        return PresignedUpload(post["url"], post["fields"])

    def presign_download(
        self, key: str, cache: str, *, content_type: str = "image/jpeg", disposition: str = "inline"
    ) -> str:
        parameters = {
            "Bucket": self.bucket_name,
            "Key": key,
            "ResponseContentType": content_type,
            "ResponseContentDisposition": disposition,
            "ResponseCacheControl": cache,
        }
        return self._presign_client.generate_presigned_url("get_object", Params=parameters, ExpiresIn=DOWNLOAD_SECONDS)

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
        first = next(self.list_objects(), None)
        return _is_allowed(anonymous.list_objects_v2, Bucket=self.bucket_name, MaxKeys=1) or (
            first is not None and _is_allowed(anonymous.head_object, Bucket=self.bucket_name, Key=first.key)
        )

    @cached_property
    def _presign_client(self):
        """A client for the URL by which browsers reach the storage. It only signs, it makes no calls."""
        return self._client(self.public_endpoint, self.client_config)

    def content_type(self, key: str) -> str:
        """Return the content type that the object was stored with. Anyone who stores objects chooses it."""
        # Not HEAD: its error would not say whether the object or the bucket is missing.
        response = self.bucket.Object(key).get()
        response["Body"].close()
        return response["ContentType"]

    def _client(self, endpoint: str, config: Config):
        session = boto3.Session(aws_access_key_id=self.access_key, aws_secret_access_key=self.secret_key)
        return session.client("s3", endpoint_url=endpoint, region_name=self.region_name, config=config)

    def read_limited(self, key: str, max_bytes: int) -> bytes:
        try:
            # A range limits the read even if the object grows meanwhile.
            response = self.bucket.Object(key).get(Range=f"bytes=0-{max_bytes}")
        except ClientError as error:
            if error.response["Error"]["Code"] == "InvalidRange":  # the object is empty
                return b""
            raise
        with response["Body"] as body:
            if response["ContentLength"] > max_bytes:
                raise ObjectTooLarge(key)
            return body.read()


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
