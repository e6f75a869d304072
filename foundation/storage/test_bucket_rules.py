"""`init_storage` adds its rules to a bucket, and never harms those of others."""

import json
import threading
import xml.etree.ElementTree as ET
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import StringIO

import pytest
from django.core.files.storage import default_storage
from django.core.management import CommandError, call_command

from foundation.storage import bucket_rules, object_storage
from foundation.testing import use_s3_at

FOREIGN_CORS = [
    {"ID": "shop", "AllowedOrigins": ["https://shop.example"], "AllowedMethods": ["PUT"], "ExposeHeaders": ["ETag"]},
    {"AllowedOrigins": ["*"], "AllowedMethods": ["GET"]},
]
FOREIGN_LIFECYCLE = [
    {
        "ID": "logs", "Filter": {"And": {"Prefix": "logs/", "Tags": [{"Key": "kind", "Value": "debug"}]}},
        "Expiration": {"Days": 30}, "Status": "Disabled",
    },
    {"ID": "uploads", "Filter": {"Prefix": "shop/"}, "Expiration": {"Days": 7}, "Status": "Enabled"},
    {"ID": "versions", "Prefix": "old/", "NoncurrentVersionExpiration": {"NoncurrentDays": 3}, "Status": "Enabled"},
]  # fmt: skip
OLD_CORS = {
    "AllowedOrigins": ["http://localhost:8000"], "AllowedMethods": ["GET", "POST"], "AllowedHeaders": ["*"],
    "MaxAgeSeconds": 3600,
}  # fmt: skip
OLD_LIFECYCLE = [
    {"ID": "uploads", "Filter": {"Prefix": "incoming/"}, "Expiration": {"Days": 1}, "Status": "Enabled"},
    {
        "ID": "parts", "Filter": {"Prefix": ""}, "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 1},
        "Status": "Enabled",
    },
]  # fmt: skip


class Bucket:
    """The rules of the real bucket, as its owner sees and changes them."""

    def __init__(self, name: str):
        self.name, self.client = name, default_storage.connection.meta.client

    @property
    def cors(self) -> list[dict]:
        return self.client.get_bucket_cors(Bucket=self.name)["CORSRules"]

    @cors.setter
    def cors(self, rules: list[dict]) -> None:
        self.client.put_bucket_cors(Bucket=self.name, CORSConfiguration={"CORSRules": rules})

    @property
    def lifecycle(self) -> dict[str, dict]:
        found = self.client.get_bucket_lifecycle_configuration(Bucket=self.name)["Rules"]
        rules = {rule["ID"]: rule for rule in found}
        assert len(rules) == len(found)
        return rules

    @lifecycle.setter
    def lifecycle(self, rules: list[dict]) -> None:
        self.client.put_bucket_lifecycle_configuration(Bucket=self.name, LifecycleConfiguration={"Rules": rules})

    @property
    def grants(self) -> list[dict]:
        return self.client.get_bucket_acl(Bucket=self.name)["Grants"]

    def deny(self, *actions: str) -> None:
        statement = {
            "Effect": "Deny", "Principal": "*", "Action": [f"s3:{action}" for action in actions],
            "Resource": f"arn:aws:s3:::{self.name}",
        }  # fmt: skip
        policy = {"Version": "2012-10-17", "Statement": [statement]}
        self.client.put_bucket_policy(Bucket=self.name, Policy=json.dumps(policy))

    def allow_everything(self) -> None:
        self.client.delete_bucket_policy(Bucket=self.name)


@pytest.fixture
def bucket(s3_bucket) -> Bucket:
    return Bucket(s3_bucket)


def ids(rules: list[dict]) -> list[str | None]:
    return [rule.get("ID") for rule in rules]


def test_bucket_without_rules_gets_ours_once(bucket):
    for _ in range(2):
        call_command("init_storage")
        assert ids(bucket.cors) == ["privet"]
        assert bucket.lifecycle.keys() == {"privet-uploads", "privet-parts"}


def test_rules_of_others_stay(bucket):
    bucket.cors, bucket.lifecycle = FOREIGN_CORS, FOREIGN_LIFECYCLE
    foreign = bucket.cors, bucket.lifecycle

    for _ in range(2):
        call_command("init_storage")
        assert bucket.cors[:-1] == foreign[0]
        assert ids(bucket.cors) == ["shop", None, "privet"]
        assert bucket.lifecycle.keys() == foreign[1].keys() | {"privet-uploads", "privet-parts"}
        assert foreign[1].items() <= bucket.lifecycle.items()


def test_our_rules_follow_the_settings(bucket, settings):
    call_command("init_storage")
    settings.APP_BASE_URL = "https://new.example"
    call_command("init_storage")
    assert [rule["AllowedOrigins"] for rule in bucket.cors] == [["https://new.example"]]


def test_rules_of_earlier_versions_are_replaced(bucket):
    bucket.cors, bucket.lifecycle = [*FOREIGN_CORS, OLD_CORS], OLD_LIFECYCLE

    call_command("init_storage")

    assert ids(bucket.cors) == ["shop", None, "privet"]
    assert bucket.lifecycle.keys() == {"privet-uploads", "privet-parts"}


def test_bucket_with_too_many_rules_is_not_changed(bucket):
    cors = [FOREIGN_CORS[0] | {"ID": f"shop-{number}"} for number in range(bucket_rules.MAX_CORS_RULES)]
    lifecycle = [
        FOREIGN_LIFECYCLE[1] | {"ID": f"shop-{number}", "Filter": {"Prefix": f"shop/{number}/"}}
        for number in range(bucket_rules.MAX_LIFECYCLE_RULES - 1)
    ]
    bucket.cors, bucket.lifecycle = cors, lifecycle

    with pytest.raises(CommandError) as error:
        call_command("init_storage")

    assert "101 CORS rules, and 100 are allowed" in str(error.value)
    assert "1001 lifecycle rules, and 1000 are allowed" in str(error.value)
    assert ids(bucket.cors) == ids(cors)
    assert len(bucket.lifecycle) == len(lifecycle)

    bucket.cors, bucket.lifecycle = cors[1:], lifecycle[1:]
    call_command("init_storage")
    assert len(bucket.cors) == bucket_rules.MAX_CORS_RULES
    assert len(bucket.lifecycle) == bucket_rules.MAX_LIFECYCLE_RULES


@pytest.mark.parametrize(
    ("action", "call", "example"),
    [
        ("GetBucketCORS", "GetBucketCors", '"AllowedMethods": ["GET", "POST"]'),
        ("GetLifecycleConfiguration", "GetBucketLifecycleConfiguration", '"Prefix": "incoming/"'),
        ("GetBucketAcl", "GetBucketAcl", "private"),
    ],
)
def test_rules_that_cannot_be_read_are_not_overwritten(bucket, action, call, example):
    bucket.cors, bucket.lifecycle = FOREIGN_CORS, FOREIGN_LIFECYCLE
    bucket.client.put_bucket_acl(Bucket=bucket.name, ACL="public-read")
    bucket.deny(action)

    with pytest.raises(CommandError, match=f"{call} is denied") as error:
        call_command("init_storage")

    assert example in str(error.value)
    bucket.allow_everything()
    unchanged = {
        "GetBucketCORS": ids(bucket.cors) == ids(FOREIGN_CORS),
        "GetLifecycleConfiguration": bucket.lifecycle.keys() == {rule["ID"] for rule in FOREIGN_LIFECYCLE},
        "GetBucketAcl": len(bucket.grants) == 2,
    }
    assert [name for name, value in unchanged.items() if value] == [action]  # the other rules were applied


def test_rights_of_others_stay_and_those_of_the_public_end(bucket):
    owner = bucket.client.get_bucket_acl(Bucket=bucket.name)["Owner"]
    reader = {"Grantee": {"Type": "CanonicalUser", "ID": owner["ID"]}, "Permission": "READ_ACP"}
    everyone = {"Grantee": {"Type": "Group", "URI": bucket_rules.PUBLIC_GROUPS[0]}, "Permission": "READ"}
    access = {"Owner": owner, "Grants": [*bucket.grants, reader, everyone]}
    bucket.client.put_bucket_acl(Bucket=bucket.name, AccessControlPolicy=access)

    call_command("init_storage")

    assert sorted(grant["Permission"] for grant in bucket.grants) == ["FULL_CONTROL", "READ_ACP"]


ACCESS = b"""<AccessControlPolicy xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Owner><ID>a</ID></Owner>
<AccessControlList/></AccessControlPolicy>"""
OLD_NOTATION = b"""<LifecycleConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Rule><ID>logs</ID>
<Prefix>logs/</Prefix><Status>Enabled</Status><Expiration><Days>30</Days></Expiration></Rule></LifecycleConfiguration>"""


def error(code: str) -> bytes:
    return f"<Error><Code>{code}</Code><Message>{code}</Message></Error>".encode()


@pytest.fixture
def other_server(settings):
    """A server of another kind: no CORS rules, as MinIO, and a lifecycle in the old notation, as Amazon still has.

    Returns the bodies that it received, by the query string.
    """
    received = {}
    answers = {
        "acl": (200, ACCESS),
        "cors": (404, error("NoSuchCORSConfiguration")),
        "lifecycle": (200, OLD_NOTATION),
    }

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_HEAD(self):
            self.answer(200, b"")

        def do_GET(self):
            self.answer(*answers[self.query])

        def do_PUT(self):
            received[self.query] = self.rfile.read(int(self.headers["Content-Length"]))
            self.answer(*((501, error("NotImplemented")) if self.query == "cors" else (200, b"")))

        @property
        def query(self) -> str:
            return self.path.partition("?")[2]

        def answer(self, status: int, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *arguments):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    use_s3_at(f"http://127.0.0.1:{server.server_port}", settings)
    yield received
    server.shutdown()
    server.server_close()


def test_unsupported_calls_are_reported_and_the_other_rules_applied(other_server):
    errors = StringIO()
    call_command("init_storage", stderr=errors)

    assert "does not support PutBucketCors" in errors.getvalue()
    assert other_server.keys() == {"cors", "lifecycle"}  # the access list has no public rights


def test_notation_of_lifecycle_rules_is_not_mixed(other_server):
    assert object_storage.set_up_bucket().refused == []

    rules = ET.fromstring(other_server["lifecycle"])  # noqa: S314
    names = [[child.tag.rpartition("}")[2] for child in rule] for rule in rules]
    assert len(names) == 3
    assert all("Prefix" in rule and "Filter" not in rule for rule in names)
