"""Fixtures that several apps use: subprocesses, log lines and object storage. A pytest plugin of the root conftest."""

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
    """The setting STORAGES with objects in `folder`."""
    local = {"BACKEND": "foundation.storage.local.LocalObjectStorage", "OPTIONS": {"location": str(folder)}}
    return settings.STORAGES | {"default": local}


@pytest.fixture
def run_python():
    """Runs a Python of its own with nothing but the given environment set."""

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
    """Log lines in either form that the settings know."""
    lines = []

    class Lines(logging.Handler):
        def emit(self, record):
            lines.extend(form.format(record) for form in (JsonFormatter(), RedactingFormatter("%(name)s %(message)s")))

    handler, loggers = Lines(), [logging.getLogger(), logging.getLogger("django")]
    for logger in loggers:
        logger.addHandler(handler)
    yield lines
    for logger in loggers:
        logger.removeHandler(handler)


@pytest.fixture(scope="session")
def s3_endpoint() -> str:
    """A real S3 server, started unless it runs: bin/s3 lets one of several processes do it. bin/test stops it."""
    command = [BASE_DIR / "bin" / "s3", "start", data_dir() / "s3"]
    answer = subprocess.run(command, capture_output=True, text=True, timeout=120)  # noqa: S603
    assert answer.returncode == 0, answer.stderr
    return answer.stdout.strip()


@pytest.fixture
def s3_bucket(settings, s3_endpoint) -> str:
    """An empty bucket on the real S3 server, and the settings that name it."""
    settings.S3_ENDPOINT = settings.S3_PUBLIC_ENDPOINT = s3_endpoint
    settings.S3_BUCKET = f"privet-tests-{uuid.uuid4()}"
    settings.S3_ACCESS_KEY, settings.S3_SECRET_KEY = "privet-access", "privet-secret"
    settings.STORAGES = settings.STORAGES | {"default": {"BACKEND": "foundation.storage.s3.S3ObjectStorage"}}
    # The first bucket of a server takes longer than we wait for an answer in earnest.
    patient = boto3.client(
        "s3",
        endpoint_url=s3_endpoint,
        aws_access_key_id=settings.S3_ACCESS_KEY,
        aws_secret_access_key=settings.S3_SECRET_KEY,
    )
    patient.create_bucket(Bucket=settings.S3_BUCKET)
    patient.put_object(Bucket=settings.S3_BUCKET, Key="first", Body=b"")
    patient.delete_object(Bucket=settings.S3_BUCKET, Key="first")
    return settings.S3_BUCKET


@pytest.fixture(params=["local", "s3"])
def storage(request) -> str:
    """Makes `foundation.storage.object_storage` work on an empty storage of either kind."""
    if request.param == "s3":
        request.getfixturevalue("s3_bucket")
    return request.param


@pytest.fixture
def send():
    """Posts a file to an address of the storage, as a browser does, and gives the status of the answer."""

    def post(url: str, fields: dict[str, str], content: bytes) -> int:
        parts = fields | {"file": SimpleUploadedFile("photo.jpg", content, "application/octet-stream")}
        if url.startswith("/"):
            return Browser(enforce_csrf_checks=True).post(url, parts).status_code
        request = Request(  # noqa: S310
            url, encode_multipart(BOUNDARY, parts), {"Content-Type": MULTIPART_CONTENT}
        )
        try:
            with urlopen(request, timeout=20) as answer:  # noqa: S310
                return answer.status
        except HTTPError as error:
            return error.code

    return post


@pytest.fixture
def refusing():
    """The address of a port on which nobody listens."""
    with socket.socket() as unheard:
        unheard.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{unheard.getsockname()[1]}"


@pytest.fixture
def silent():
    """The address of a server that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


def use_s3_at(endpoint: str, settings) -> None:
    settings.S3_ENDPOINT = settings.S3_PUBLIC_ENDPOINT = endpoint
    settings.S3_ACCESS_KEY, settings.S3_SECRET_KEY = "access", "secret"
    settings.STORAGES = settings.STORAGES | {"default": {"BACKEND": "foundation.storage.s3.S3ObjectStorage"}}
