"""The same behaviour on local files and on a real S3 server."""

import errno
import stat
import threading
import time
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import InterfaceError, OperationalError, transaction
from django.utils import timezone

from foundation.storage import object_storage
from foundation.storage.models import LeftObject
from foundation.storage.object_storage import ObjectNotFound, StorageUnavailable
from foundation.testing import PATIENCE, use_s3_at


@pytest.mark.usefixtures("storage")
class TestEitherStorage:
    def test_stored_object_can_be_read(self):
        object_storage.put("contracts/1.pdf", b"%PDF \x00\xff")
        assert object_storage.get("contracts/1.pdf") == b"%PDF \x00\xff"
        assert object_storage.exists("contracts/1.pdf")

    def test_object_of_ten_megabytes_is_read_completely(self):
        photo = bytes(range(256)) * 4 * 1024 * 10
        object_storage.put("photos/large", photo)
        assert object_storage.get("photos/large") == photo

    def test_existing_key_is_not_overwritten(self):
        object_storage.put("contracts/1.pdf", b"signed")
        with pytest.raises(StorageUnavailable):
            object_storage.put("contracts/1.pdf", b"another")
        assert object_storage.get("contracts/1.pdf") == b"signed"
        assert sum(len(names) for names in default_storage.listdir("contracts")) == 1

    def test_unknown_key_raises_not_found(self):
        assert not object_storage.exists("photos/none")
        with pytest.raises(ObjectNotFound):
            object_storage.get("photos/none")

    def test_deleted_object_is_not_found(self):
        object_storage.put("photos/1", b"photo")
        object_storage.delete("photos/1")
        assert not object_storage.exists("photos/1")

    def test_objects_are_listed_with_their_time(self):
        assert list(object_storage.list_objects()) == []
        for key in ("contracts/1.pdf", "photos/1", "photos/2"):
            object_storage.put(key, b"content")
        listed = {item.key: item.modified_at for item in object_storage.list_objects()}
        assert sorted(listed) == ["contracts/1.pdf", "photos/1", "photos/2"]
        assert all(abs(timezone.now() - modified) < timedelta(minutes=1) for modified in listed.values())

    def test_deleting_a_missing_object_is_a_no_op(self):
        object_storage.delete("photos/none")

    def test_objects_stay_if_the_block_succeeds(self):
        with object_storage.stored_objects({"photos/1": b"one", "photos/2": b"two"}):
            assert object_storage.get("photos/1") == b"one"
        assert object_storage.get("photos/2") == b"two"

    def test_objects_are_deleted_if_the_block_fails(self):
        def record():
            with object_storage.stored_objects({"photos/1": b"one", "photos/2": b"two"}):
                assert object_storage.exists("photos/2")
                raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            record()
        assert not object_storage.exists("photos/1")
        assert not object_storage.exists("photos/2")

    @pytest.mark.parametrize("lost", [OperationalError, InterfaceError])
    def test_objects_stay_if_the_commit_may_have_succeeded(self, lost):
        """The database may have committed although its reply was lost."""
        with pytest.raises(lost), object_storage.stored_objects({"contracts/1": b"one"}):
            raise lost
        assert object_storage.get("contracts/1") == b"one"

    def test_first_object_is_deleted_if_the_second_fails(self):
        object_storage.put("photos/2", b"taken")
        with pytest.raises(StorageUnavailable), object_storage.stored_objects({"photos/1": b"one", "photos/2": b"two"}):
            pytest.fail("nothing must be recorded")
        assert not object_storage.exists("photos/1")
        assert object_storage.get("photos/2") == b"taken"

    @pytest.mark.django_db(transaction=True)
    def test_object_is_deleted_only_after_commit(self):
        object_storage.put("photos/1", b"photo")
        with transaction.atomic():
            object_storage.delete_after_commit("photos/1", "")
            transaction.set_rollback(True)
        assert object_storage.exists("photos/1")

        with transaction.atomic():
            object_storage.delete_after_commit("photos/1", "")
            assert object_storage.exists("photos/1")
        assert not object_storage.exists("photos/1")


class TruncatedFile(ContentFile):
    def chunks(self, chunk_size=None):
        yield b"the beginning"
        raise OSError(errno.ENOSPC, "No space left on device")


def test_full_disk_leaves_no_partial_file(monkeypatch):
    with monkeypatch.context() as patched:
        patched.setattr(object_storage, "ContentFile", TruncatedFile)
        with pytest.raises(StorageUnavailable):
            object_storage.put("a/key", b"content")
    assert [*object_storage.list_objects()] == []
    object_storage.put("a/key", b"content")
    assert object_storage.get("a/key") == b"content"


def test_local_files_are_readable_only_by_their_owner():
    object_storage.put("contracts/1.pdf", b"passport data")
    file = Path(default_storage.path("contracts/1.pdf"))
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700


def test_bucket_cannot_be_read_without_credentials(s3_endpoint, s3_bucket):
    object_storage.put("contracts/1.pdf", b"passport data")
    with pytest.raises(HTTPError) as error:
        urlopen(f"{s3_endpoint}/{s3_bucket}/contracts/1.pdf", timeout=PATIENCE)  # noqa: S310
    assert error.value.code == 403


def test_wrong_secret_key_raises_storage_unavailable(settings, s3_bucket):
    settings.S3_SECRET_KEY = "wrong"
    settings.STORAGES = dict(settings.STORAGES)
    with pytest.raises(StorageUnavailable):
        object_storage.put("photos/1", b"photo")


@pytest.fixture
def stalling():
    """URL of a server that starts to send an object and then stalls."""
    done = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_HEAD(self):
            self.send_response(200)
            self.send_header("Content-Length", "1000")
            self.end_headers()

        def do_GET(self):
            self.do_HEAD()
            self.wfile.write(b"only the start")
            self.wfile.flush()
            done.wait(30)

        def log_message(self, *arguments):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    done.set()
    server.shutdown()
    server.server_close()


@pytest.fixture(params=["refusing", "silent"])
def down(request, settings):
    """A storage that refuses connections or never answers."""
    use_s3_at(request.getfixturevalue(request.param), settings)


def seconds(function) -> float:
    """Return the seconds until `function` raises StorageUnavailable."""
    start = time.monotonic()
    with pytest.raises(StorageUnavailable):
        function()
    return time.monotonic() - start


@pytest.mark.usefixtures("down")
class TestTimeouts:
    def test_put_times_out(self):
        assert seconds(lambda: object_storage.put("photos/1", b"photo")) < PATIENCE

    def test_get_times_out(self):
        assert seconds(lambda: object_storage.get("photos/1")) < PATIENCE

    def test_delete_times_out(self):
        assert seconds(lambda: object_storage.delete("photos/1")) < PATIENCE

    def test_exists_times_out(self):
        assert seconds(lambda: object_storage.exists("photos/1")) < PATIENCE

    def test_stored_objects_times_out_without_running_the_block(self):
        def store():
            with object_storage.stored_objects({"photos/1": b"one", "photos/2": b"two"}):
                pytest.fail("nothing must be recorded")

        assert seconds(store) < PATIENCE

    def test_presigning_makes_no_calls(self):
        start = time.monotonic()
        upload = object_storage.presign_upload("incoming/1", content_type="image/jpeg", max_bytes=1000)
        shown = object_storage.presign_download("photos/1.jpg", cache="no-store")
        assert time.monotonic() - start < PATIENCE
        assert upload.fields["key"] == "incoming/1"
        assert "/photos/1.jpg?" in shown

    def test_read_limited_times_out(self):
        assert seconds(lambda: object_storage.read_limited("incoming/1", max_bytes=1000)) < PATIENCE

    @pytest.mark.django_db(transaction=True)
    def test_deletion_of_many_objects_waits_only_once(self):
        keys = [f"photos/{number}" for number in range(20)]
        start = time.monotonic()
        with transaction.atomic():
            object_storage.delete_after_commit(*keys)
        assert time.monotonic() - start < PATIENCE
        assert set(LeftObject.objects.values_list("key", flat=True)) == set(keys)

    @pytest.mark.django_db(transaction=True)
    def test_failed_deletion_after_commit_is_recorded(self, caplog):
        with transaction.atomic():
            object_storage.delete_after_commit("photos/1")
        assert "objects left behind: photos/1" in caplog.text
        assert LeftObject.objects.get().key == "photos/1"


def test_get_times_out_if_the_server_stalls(settings, stalling):
    use_s3_at(stalling, settings)
    assert seconds(lambda: object_storage.get("photos/1")) < PATIENCE
