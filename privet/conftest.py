import os
import subprocess
import sys
import uuid

import boto3
import pytest

from privet.embedded import data_dir
from privet.env import BASE_DIR


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
    settings.S3_ENDPOINT, settings.S3_BUCKET = s3_endpoint, f"privet-tests-{uuid.uuid4()}"
    settings.S3_ACCESS_KEY, settings.S3_SECRET_KEY = "privet-access", "privet-secret"
    settings.STORAGES = settings.STORAGES | {"default": {"BACKEND": "privet.storages.S3"}}
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
