"""Presigned URLs for browsers have the same limits on both kinds of storage."""

from datetime import timedelta
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

import pytest
import time_machine
from django.core.files.storage import default_storage
from django.core.management import CommandError, call_command
from django.test import Client as Browser
from django.utils import timezone

from foundation.storage import object_storage
from foundation.storage.object_storage import ObjectNotFound, ObjectTooLarge
from foundation.testing import use_s3_at

KEY, MAX_BYTES = "incoming/1", 200_000
PICTURE = b"\xff\xd8" + bytes(99_998)


@pytest.fixture
def upload(storage):
    return object_storage.presign_upload(KEY, content_type="image/jpeg", max_bytes=MAX_BYTES)


def is_rejected(status: int) -> bool:
    return status in (400, 403, 413)


def fetch(url: str):
    """Return the status, headers and content that a browser without cookies gets."""
    if url.startswith("/"):
        response = Browser().get(url)
        return response.status_code, response.headers, response.content
    with urlopen(url, timeout=20) as response:  # noqa: S310
        return response.status, response.headers, response.read()


class TestUploading:
    def test_file_within_the_limits_is_stored(self, upload, send):
        assert send(upload.url, upload.fields, PICTURE) == 204
        assert object_storage.read_limited(KEY, max_bytes=MAX_BYTES) == PICTURE

    def test_second_upload_replaces_the_first(self, upload, send):
        for content in (b"truncated", PICTURE):
            assert send(upload.url, upload.fields, content) == 204
        assert object_storage.get(KEY) == PICTURE
        assert [listed.key for listed in object_storage.list_objects()] == [KEY]

    def test_file_of_the_maximum_size_is_stored_and_a_larger_one_is_rejected(self, upload, send):
        assert send(upload.url, upload.fields, bytes(MAX_BYTES)) == 204
        assert is_rejected(send(upload.url, upload.fields, bytes(MAX_BYTES + 1)))
        assert len(object_storage.get(KEY)) == MAX_BYTES

    def test_empty_file_is_rejected(self, upload, send):
        assert is_rejected(send(upload.url, upload.fields, b""))
        assert not object_storage.exists(KEY)

    @pytest.mark.parametrize("name", ["key", "Content-Type"])
    def test_other_key_or_content_type_is_rejected(self, upload, send, name):
        other = {"key": "contracts/1.pdf", "Content-Type": "text/html"}[name]
        assert is_rejected(send(upload.url, upload.fields | {name: other}, PICTURE))
        assert list(object_storage.list_objects()) == []

    @pytest.mark.parametrize("name", ["key", "Content-Type"])
    def test_missing_field_is_rejected(self, upload, send, name):
        fields = {field: value for field, value in upload.fields.items() if field != name}
        assert is_rejected(send(upload.url, fields, PICTURE))
        assert list(object_storage.list_objects()) == []

    def test_upload_is_rejected_after_five_minutes(self, storage, send):
        # The S3 server has its own clock, so the test moves the time of signing.
        with time_machine.travel(timezone.now() - timedelta(seconds=290), tick=True):
            valid = object_storage.presign_upload(KEY, content_type="image/jpeg", max_bytes=MAX_BYTES)
        with time_machine.travel(timezone.now() - timedelta(seconds=310), tick=True):
            expired = object_storage.presign_upload("incoming/2", content_type="image/jpeg", max_bytes=MAX_BYTES)
        assert send(valid.url, valid.fields, PICTURE) == 204
        assert is_rejected(send(expired.url, expired.fields, PICTURE))
        assert [listed.key for listed in object_storage.list_objects()] == [KEY]

    def test_object_above_the_limit_is_not_read(self, storage):
        object_storage.put(KEY, bytes(1000))
        assert len(object_storage.read_limited(KEY, max_bytes=1000)) == 1000
        with pytest.raises(ObjectTooLarge):
            object_storage.read_limited(KEY, max_bytes=999)

    def test_missing_object_raises_and_empty_object_is_empty(self, storage):
        with pytest.raises(ObjectNotFound):
            object_storage.read_limited(KEY, max_bytes=1)
        object_storage.put(KEY, b"")
        assert object_storage.read_limited(KEY, max_bytes=1) == b""


class TestShowing:
    def test_url_serves_the_jpeg_without_cookies(self, storage):
        object_storage.put("photos/1.jpg", PICTURE)
        status, headers, content = fetch(object_storage.presign_download("photos/1.jpg", cache="private, max-age=60"))
        assert (status, content) == (200, PICTURE)
        assert headers["Content-Type"] == "image/jpeg"
        assert headers["Content-Disposition"] == "inline"
        assert headers["Cache-Control"] == "private, max-age=60"

    def test_url_expires_after_two_minutes(self, storage):
        object_storage.put("photos/1.jpg", PICTURE)
        with time_machine.travel(timezone.now() - timedelta(seconds=110), tick=True):
            valid = object_storage.presign_download("photos/1.jpg", cache="no-store")
        with time_machine.travel(timezone.now() - timedelta(seconds=130), tick=True):
            expired = object_storage.presign_download("photos/1.jpg", cache="no-store")
        assert fetch(valid)[0] == 200
        assert _status(expired) == 403

    def test_url_does_not_work_for_another_object(self, storage):
        object_storage.put("photos/1.jpg", PICTURE)
        object_storage.put("photos/2.jpg", PICTURE)
        url = object_storage.presign_download("photos/1.jpg", cache="no-store")
        other = url.replace("photos/1", "photos/2") if storage == "s3" else url.replace("/objects/", "/objects/x")
        assert _status(other) == 403


def _status(url: str) -> int:
    try:
        return fetch(url)[0]
    except HTTPError as error:
        return error.code


def test_oversized_content_length_is_rejected_early():
    upload = object_storage.presign_upload(KEY, content_type="image/jpeg", max_bytes=MAX_BYTES)
    # The body is shorter than announced: a view that read it would fail with a truncated body.
    response = Browser().generic(
        "POST", upload.url, b"", content_type="multipart/form-data; boundary=x", CONTENT_LENGTH=str(100 * 1024**2)
    )
    assert response.status_code == 413


@pytest.mark.parametrize("length", ["x", "1.5", "²", "9" * 5000])
def test_invalid_content_length_is_a_bad_request(length):
    upload = object_storage.presign_upload(KEY, content_type="image/jpeg", max_bytes=MAX_BYTES)
    response = Browser().generic(
        "POST", upload.url, b"", content_type="multipart/form-data; boundary=x", CONTENT_LENGTH=length
    )
    assert response.status_code == 400


def test_local_urls_return_404_if_another_storage_is_used(settings):
    upload = object_storage.presign_upload(KEY, content_type="image/jpeg", max_bytes=MAX_BYTES)
    shown = object_storage.presign_download("photos/1.jpg", cache="no-store")
    use_s3_at("http://127.0.0.1:1", settings)
    assert Browser().post(upload.url, upload.fields).status_code == 404
    assert Browser().get(shown).status_code == 404


class TestSetup:
    def test_setup_is_idempotent(self, storage):
        call_command("init_storage")
        object_storage.put("photos/1.jpg", PICTURE)
        call_command("init_storage")
        assert object_storage.get("photos/1.jpg") == PICTURE

    def test_bucket_is_created_with_its_rules(self, settings, s3_bucket):
        settings.S3_BUCKET = f"{s3_bucket}-another"
        settings.STORAGES = dict(settings.STORAGES)
        assert object_storage.set_up_bucket() == ([], [])

        object_storage.put("photos/1.jpg", PICTURE)
        client, bucket = default_storage.connection.meta.client, settings.S3_BUCKET
        rules = client.get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"]
        assert {rule["ID"] for rule in rules} == {"privet-uploads", "privet-parts"}
        assert [rule["Expiration"]["Days"] for rule in rules if rule["ID"] == "privet-uploads"] == [1]
        assert [rule["Filter"]["Prefix"] for rule in rules if rule["ID"] == "privet-uploads"] == ["incoming/"]

    def test_public_bucket_becomes_private(self, s3_bucket, s3_endpoint):
        client = default_storage.connection.meta.client
        client.put_bucket_acl(Bucket=s3_bucket, ACL="public-read")
        object_storage.put("photos/1.jpg", PICTURE)
        assert object_storage.is_public()
        call_command("init_storage")
        assert not object_storage.is_public()

    @pytest.mark.parametrize(("origin", "allowed"), [("https://privet.example", True), ("https://evil.example", False)])
    def test_only_our_origin_may_upload_photos(self, settings, s3_bucket, origin, allowed):
        settings.APP_BASE_URL = "https://privet.example"
        object_storage.set_up_bucket()
        url = object_storage.presign_upload(KEY, content_type="image/jpeg", max_bytes=MAX_BYTES).url
        preflight = Request(  # noqa: S310
            url,
            method="OPTIONS",
            headers={"Origin": origin, "Access-Control-Request-Method": "POST"},
        )
        assert (_allowed_origin(preflight) == origin) is allowed

    @pytest.mark.parametrize("down", ["refusing", "silent"])
    def test_storage_outage_is_reported(self, request, settings, down):
        endpoint = request.getfixturevalue(down)
        use_s3_at(endpoint, settings)
        with pytest.raises(CommandError, match=urlsplit(endpoint).netloc):
            call_command("init_storage")


def _allowed_origin(request: Request) -> str | None:
    try:
        with urlopen(request, timeout=20) as response:  # noqa: S310
            return response.headers["Access-Control-Allow-Origin"]
    except HTTPError as error:
        return error.headers["Access-Control-Allow-Origin"]
