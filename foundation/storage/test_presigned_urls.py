"""The addresses that storages hand to browsers: on either kind of storage the same limits."""

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

KEY, MOST = "incoming/1", 200_000
PICTURE = b"\xff\xd8" + bytes(99_998)


@pytest.fixture
def address(storage):
    return object_storage.presign_upload(KEY, content_type="image/jpeg", most=MOST)


def refused(status: int) -> bool:
    return status in (400, 403, 413)


def look(url: str):
    """The status, the headers and the content that a browser without cookies gets."""
    if url.startswith("/"):
        answer = Browser().get(url)
        return answer.status_code, answer.headers, answer.content
    with urlopen(url, timeout=20) as answer:  # noqa: S310
        return answer.status, answer.headers, answer.read()


class TestUploading:
    def test_a_file_within_the_limits_is_stored(self, address, send):
        assert send(address.url, address.fields, PICTURE) == 204
        assert object_storage.read_limited(KEY, most=MOST) == PICTURE

    def test_what_was_sent_can_be_sent_again(self, address, send):
        for content in (b"cut off", PICTURE):
            assert send(address.url, address.fields, content) == 204
        assert object_storage.get(KEY) == PICTURE
        assert [listed.key for listed in object_storage.list_objects()] == [KEY]

    def test_exactly_the_limit_is_stored_and_a_byte_more_is_not(self, address, send):
        assert send(address.url, address.fields, bytes(MOST)) == 204
        assert refused(send(address.url, address.fields, bytes(MOST + 1)))
        assert len(object_storage.get(KEY)) == MOST

    def test_an_empty_file_is_refused(self, address, send):
        assert refused(send(address.url, address.fields, b""))
        assert not object_storage.exists(KEY)

    @pytest.mark.parametrize("name", ["key", "Content-Type"])
    def test_another_key_or_content_type_is_refused(self, address, send, name):
        other = {"key": "contracts/1.pdf", "Content-Type": "text/html"}[name]
        assert refused(send(address.url, address.fields | {name: other}, PICTURE))
        assert list(object_storage.list_objects()) == []

    @pytest.mark.parametrize("name", ["key", "Content-Type"])
    def test_a_field_that_is_left_out_is_refused(self, address, send, name):
        fields = {field: value for field, value in address.fields.items() if field != name}
        assert refused(send(address.url, fields, PICTURE))
        assert list(object_storage.list_objects()) == []

    def test_it_is_refused_when_five_minutes_have_passed(self, storage, send):
        # The real server has a clock of its own, so it is the signing that is moved.
        with time_machine.travel(timezone.now() - timedelta(seconds=290), tick=True):
            timely = object_storage.presign_upload(KEY, content_type="image/jpeg", most=MOST)
        with time_machine.travel(timezone.now() - timedelta(seconds=310), tick=True):
            late = object_storage.presign_upload("incoming/2", content_type="image/jpeg", most=MOST)
        assert send(timely.url, timely.fields, PICTURE) == 204
        assert refused(send(late.url, late.fields, PICTURE))
        assert [listed.key for listed in object_storage.list_objects()] == [KEY]

    def test_what_is_larger_than_asked_for_is_not_read(self, storage):
        object_storage.put(KEY, bytes(1000))
        assert len(object_storage.read_limited(KEY, most=1000)) == 1000
        with pytest.raises(ObjectTooLarge):
            object_storage.read_limited(KEY, most=999)

    def test_what_never_came_is_missing_and_what_came_empty_is_empty(self, storage):
        with pytest.raises(ObjectNotFound):
            object_storage.read_limited(KEY, most=1)
        object_storage.put(KEY, b"")
        assert object_storage.read_limited(KEY, most=1) == b""


class TestShowing:
    def test_whoever_has_the_address_sees_the_jpeg(self, storage):
        object_storage.put("photos/1.jpg", PICTURE)
        status, headers, content = look(object_storage.presign_download("photos/1.jpg", cache="private, max-age=60"))
        assert (status, content) == (200, PICTURE)
        assert headers["Content-Type"] == "image/jpeg"
        assert headers["Content-Disposition"] == "inline"
        assert headers["Cache-Control"] == "private, max-age=60"

    def test_it_is_refused_when_two_minutes_have_passed(self, storage):
        object_storage.put("photos/1.jpg", PICTURE)
        with time_machine.travel(timezone.now() - timedelta(seconds=110), tick=True):
            timely = object_storage.presign_download("photos/1.jpg", cache="no-store")
        with time_machine.travel(timezone.now() - timedelta(seconds=130), tick=True):
            late = object_storage.presign_download("photos/1.jpg", cache="no-store")
        assert look(timely)[0] == 200
        assert _status(late) == 403

    def test_an_address_shows_no_other_object(self, storage):
        object_storage.put("photos/1.jpg", PICTURE)
        object_storage.put("photos/2.jpg", PICTURE)
        url = object_storage.presign_download("photos/1.jpg", cache="no-store")
        other = url.replace("photos/1", "photos/2") if storage == "s3" else url.replace("/objects/", "/objects/x")
        assert _status(other) == 403


def _status(url: str) -> int:
    try:
        return look(url)[0]
    except HTTPError as error:
        return error.code


def test_oversized_content_length_is_rejected_early():
    address = object_storage.presign_upload(KEY, content_type="image/jpeg", most=MOST)
    # More is announced than is ever sent: who waits for the body sees it cut off.
    answer = Browser().generic(
        "POST", address.url, b"", content_type="multipart/form-data; boundary=x", CONTENT_LENGTH=str(100 * 1024**2)
    )
    assert answer.status_code == 413


@pytest.mark.parametrize("length", ["x", "1.5", "²", "9" * 5000])
def test_a_length_that_is_no_number_is_a_bad_request(length):
    address = object_storage.presign_upload(KEY, content_type="image/jpeg", most=MOST)
    answer = Browser().generic(
        "POST", address.url, b"", content_type="multipart/form-data; boundary=x", CONTENT_LENGTH=length
    )
    assert answer.status_code == 400


def test_the_signed_addresses_of_the_local_storage_lead_nowhere_when_it_is_not_used(settings):
    upload = object_storage.presign_upload(KEY, content_type="image/jpeg", most=MOST)
    shown = object_storage.presign_download("photos/1.jpg", cache="no-store")
    use_s3_at("http://127.0.0.1:1", settings)
    assert Browser().post(upload.url, upload.fields).status_code == 404
    assert Browser().get(shown).status_code == 404


class TestPreparing:
    def test_setup_is_idempotent(self, storage):
        call_command("init_storage")
        object_storage.put("photos/1.jpg", PICTURE)
        call_command("init_storage")
        assert object_storage.get("photos/1.jpg") == PICTURE

    def test_the_bucket_is_made_with_its_rules(self, settings, s3_bucket):
        settings.S3_BUCKET = f"{s3_bucket}-another"
        settings.STORAGES = dict(settings.STORAGES)
        assert object_storage.set_up_bucket() == []

        object_storage.put("photos/1.jpg", PICTURE)
        client, bucket = default_storage.connection.meta.client, settings.S3_BUCKET
        rules = client.get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"]
        assert {rule["ID"] for rule in rules} == {"uploads", "parts"}
        assert [rule["Expiration"]["Days"] for rule in rules if rule["ID"] == "uploads"] == [1]
        assert [rule["Filter"]["Prefix"] for rule in rules if rule["ID"] == "uploads"] == ["incoming/"]

    def test_a_bucket_that_was_open_is_closed(self, s3_bucket, s3_endpoint):
        client = default_storage.connection.meta.client
        client.put_bucket_acl(Bucket=s3_bucket, ACL="public-read")
        object_storage.put("photos/1.jpg", PICTURE)
        assert object_storage.is_public()
        call_command("init_storage")
        assert not object_storage.is_public()

    @pytest.mark.parametrize(("origin", "allowed"), [("https://privet.example", True), ("https://evil.example", False)])
    def test_pages_of_ours_alone_may_send_photos(self, settings, s3_bucket, origin, allowed):
        settings.APP_BASE_URL = "https://privet.example"
        object_storage.set_up_bucket()
        url = object_storage.presign_upload(KEY, content_type="image/jpeg", most=MOST).url
        asked = Request(  # noqa: S310
            url,
            method="OPTIONS",
            headers={"Origin": origin, "Access-Control-Request-Method": "POST"},
        )
        assert (_allowed_origin(asked) == origin) is allowed

    @pytest.mark.parametrize("down", ["refusing", "silent"])
    def test_a_storage_that_is_down_is_said_in_words(self, request, settings, down):
        where = request.getfixturevalue(down)
        use_s3_at(where, settings)
        with pytest.raises(CommandError, match=urlsplit(where).netloc):
            call_command("init_storage")


def _allowed_origin(request: Request) -> str | None:
    try:
        with urlopen(request, timeout=20) as answer:  # noqa: S310
            return answer.headers["Access-Control-Allow-Origin"]
    except HTTPError as error:
        return error.headers["Access-Control-Allow-Origin"]
