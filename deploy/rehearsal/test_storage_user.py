"""deploy/storage-user with a command that only records how it is called in place of MinIO's client."""

import json
import os
import subprocess
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[1] / "storage-user"
CLIENT = """#!/bin/sh
echo "$@" >>"$CALLS"
if [ "$*" = "admin user info minio privet-key" ]; then echo "PolicyName: $ATTACHED"; fi
"""


@pytest.fixture
def run(tmp_path):
    """Return a function that runs the script and returns its policy and the calls of `mc`."""
    (tmp_path / "mc").write_text(CLIENT)
    (tmp_path / "mc").chmod(0o755)
    settings = {
        "PATH": f"{tmp_path}:{os.environ['PATH']}", "TMPDIR": str(tmp_path), "CALLS": str(tmp_path / "calls"),
        "MINIO_ENDPOINT": "http://minio", "MINIO_ROOT_USER": "root", "MINIO_ROOT_PASSWORD": "made-up",
        "S3_ACCESS_KEY": "privet-key", "S3_SECRET_KEY": "made-up-too", "S3_BUCKET": "photos",
    }  # fmt: skip

    def run(attached: str = "") -> tuple[dict, list[str]]:
        subprocess.run(["sh", SCRIPT], env=settings | {"ATTACHED": attached}, check=True, capture_output=True)
        return json.loads((tmp_path / "policy.json").read_text()), (tmp_path / "calls").read_text().splitlines()

    return run


def test_policy_allows_only_the_bucket_and_not_its_policy(run):
    policy, _ = run()
    for_bucket, for_objects = policy["Statement"]
    assert (for_bucket["Resource"], for_objects["Resource"]) == (["arn:aws:s3:::photos"], ["arn:aws:s3:::photos/*"])
    actions = {*for_bucket["Action"], *for_objects["Action"]}
    # What init_storage reads and writes.
    assert {"s3:CreateBucket", "s3:GetBucketPolicy", "s3:GetBucketCors", "s3:PutBucketCors"} <= actions
    assert {"s3:GetLifecycleConfiguration", "s3:PutLifecycleConfiguration"} <= actions
    assert [action for action in actions if "*" in action or action in ("s3:PutBucketPolicy", "s3:DeleteBucket")] == []


def test_policy_is_attached_once(run):
    attach = "admin policy attach minio privet --user privet-key"
    assert run()[1].count(attach) == 1
    assert run(attached="privet")[1].count(attach) == 1
