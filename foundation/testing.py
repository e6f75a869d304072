"""Fixtures that several apps use: subprocesses, log lines and object storage. The root conftest loads this plugin."""

import logging
import os
import socket
import subprocess
import sys
import uuid
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import boto3
import pytest
from django.conf import settings
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client as Browser
from django.test.client import BOUNDARY, MULTIPART_CONTENT, encode_multipart

from foundation.database.embedded import data_dir
from foundation.env import BASE_DIR
from foundation.observability.log_format import JsonFormatter, RedactingFormatter

PATIENCE = 10  # seconds; includes delays on a busy machine


def local_storage(folder: Path) -> dict:
    """Return the setting STORAGES with objects in `folder`."""
    local = {"BACKEND": "foundation.storage.local.LocalObjectStorage", "OPTIONS": {"location": str(folder)}}
    return settings.STORAGES | {"default": local}


@pytest.fixture
def run_python():
    """Run Python in a subprocess with only the given environment variables."""

    def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess:
        return subprocess.run(  # noqa: S603
            [sys.executable, *arguments],
            cwd=BASE_DIR,
            env={"PATH": os.environ["PATH"], "PRIVET_ENV_FILE": os.devnull} | environment,
            capture_output=True,
            text=True,
            timeout=60,
        )

    return run


@pytest.fixture
def logged():
    """Captured log lines, formatted by both formatters of the settings."""
    lines = []
    formatters = (JsonFormatter(), RedactingFormatter("%(name)s %(message)s"))

    class ListHandler(logging.Handler):
        def emit(self, record):
            lines.extend(formatter.format(record) for formatter in formatters)

    handler, loggers = ListHandler(), [logging.getLogger(), logging.getLogger("django")]
    for logger in loggers:
        logger.addHandler(handler)
    yield lines
    for logger in loggers:
        logger.removeHandler(handler)


@pytest.fixture(scope="session")
def s3_endpoint() -> str:
    """URL of a real S3 server. bin/s3 starts it if no other test process did; bin/test stops it."""
    command = [BASE_DIR / "bin" / "s3", "start", data_dir() / "s3"]
    result = subprocess.run(command, capture_output=True, text=True, timeout=120)  # noqa: S603
    assert result.returncode == 0, result.stderr
    return result.stdout.strip()


@pytest.fixture
def s3_bucket(settings, s3_endpoint) -> str:
    """Name of an empty bucket on the real S3 server; the settings use it."""
    settings.S3_ENDPOINT = settings.S3_PUBLIC_ENDPOINT = s3_endpoint
    settings.S3_BUCKET = f"privet-tests-{uuid.uuid4()}"
    settings.S3_ACCESS_KEY, settings.S3_SECRET_KEY = "privet-access", "privet-secret"
    settings.STORAGES = settings.STORAGES | {"default": {"BACKEND": "foundation.storage.s3.S3ObjectStorage"}}
    # A client without our timeouts: creating the first bucket of a server takes longer than they allow.
    client = boto3.client(
        "s3",
        endpoint_url=s3_endpoint,
        aws_access_key_id=settings.S3_ACCESS_KEY,
        aws_secret_access_key=settings.S3_SECRET_KEY,
    )
    client.create_bucket(Bucket=settings.S3_BUCKET)
    client.put_object(Bucket=settings.S3_BUCKET, Key="first", Body=b"")
    client.delete_object(Bucket=settings.S3_BUCKET, Key="first")
    return settings.S3_BUCKET


@pytest.fixture
def app_bucket(settings, s3_endpoint):
    """The client of the real S3 server; the settings name an empty bucket of the app there."""
    settings.APP_S3_ENDPOINT = settings.APP_S3_PUBLIC_ENDPOINT = s3_endpoint
    settings.APP_S3_BUCKET = f"app-tests-{uuid.uuid4()}"
    settings.APP_S3_ACCESS_KEY, settings.APP_S3_SECRET_KEY = "privet-access", "privet-secret"
    client = boto3.client(
        "s3",
        endpoint_url=s3_endpoint,
        aws_access_key_id=settings.APP_S3_ACCESS_KEY,
        aws_secret_access_key=settings.APP_S3_SECRET_KEY,
    )
    client.create_bucket(Bucket=settings.APP_S3_BUCKET)
    return client


@pytest.fixture(params=["local", "s3"])
def storage(request) -> str:
    """Run the test on an empty storage of each kind; the value is the kind."""
    if request.param == "s3":
        request.getfixturevalue("s3_bucket")
    return request.param


@pytest.fixture
def send():
    """Post a file to a presigned URL as a browser does; returns the status of the response."""

    def post(url: str, fields: dict[str, str], content: bytes) -> int:
        parts = fields | {"file": SimpleUploadedFile("photo.jpg", content, "application/octet-stream")}
        if url.startswith("/"):
            return Browser(enforce_csrf_checks=True).post(url, parts).status_code
        request = Request(  # noqa: S310
            url, encode_multipart(BOUNDARY, parts), {"Content-Type": MULTIPART_CONTENT}
        )
        try:
            with urlopen(request, timeout=20) as response:  # noqa: S310
                return response.status
        except HTTPError as error:
            return error.code

    return post


@pytest.fixture
def refusing():
    """URL of a port that refuses connections."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{unused.getsockname()[1]}"


@pytest.fixture
def silent():
    """URL of a server that accepts connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


def use_s3_at(endpoint: str, settings) -> None:
    settings.S3_ENDPOINT = settings.S3_PUBLIC_ENDPOINT = endpoint
    settings.S3_ACCESS_KEY, settings.S3_SECRET_KEY = "access", "secret"
    settings.STORAGES = settings.STORAGES | {"default": {"BACKEND": "foundation.storage.s3.S3ObjectStorage"}}
