"""Comparison of the object storage with the database, on local files and on S3."""

import tracemalloc
import uuid
from datetime import UTC, datetime, timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from contracts import issuing
from devices import saving
from foundation.storage import object_storage
from foundation.storage.models import LeftObject
from foundation.testing import use_s3_at
from operations import storage_cleanup
from passport import saving as passport_saving
from passport.models import Passport
from photos.images import Photo, app_copy_key
from photos.models import Upload
from photos.uploads import start_upload

pytestmark = pytest.mark.django_db
TOMORROW = timedelta(days=1, hours=1)


def clean(*arguments: str) -> str:
    out = StringIO()
    call_command("clean_storage", *arguments, stdout=out)
    return out.getvalue()


def keys() -> set[str]:
    return {listed.key for listed in object_storage.list_objects()}


@pytest.fixture
def rows(make, anna, storage) -> set[str]:
    """Create a client with a contract, a device with photos and a passport with a photo; return all object keys."""
    client = make.awaiting_contract(anna)
    device = client.devices.get()
    saving.save_device(device, [Photo(b"1", b"1", b"1")] * 2, by=anna)
    passport_saving.replace_photo(Passport.objects.get(), b"passport", by=anna)
    issuing.issue(make.fresh(client), by=anna)
    return keys()


@pytest.fixture
def accepted(make, anna, storage) -> Upload:
    """An accepted upload of a device that was never saved."""
    client, device_id = make.verified(anna), uuid.uuid4()
    upload = start_upload(client, "device", device_id=device_id, content_type="image/jpeg", size=1, by=anna)
    upload.mark_accepted(f"devices/{device_id}/{uuid.uuid4()}.jpg", now=timezone.now())
    object_storage.put(upload.photo_key, b"picture")
    object_storage.put(app_copy_key(upload.photo_key), b"copy")
    object_storage.put(upload.thumbnail_key, b"thumbnail")
    return upload


@pytest.fixture
def commits(django_capture_on_commit_callbacks):
    """Return a context manager that runs on_commit callbacks at its end."""
    return lambda: django_capture_on_commit_callbacks(execute=True)


@pytest.fixture
def old(monkeypatch):
    """Count all objects as older than a day, because the storage server's clock can't be changed."""
    monkeypatch.setattr(storage_cleanup, "MIN_AGE", timedelta(seconds=-5))


@pytest.mark.usefixtures("old")
def test_referenced_objects_are_not_deleted(rows):
    output = clean("--remove")
    assert keys() == rows
    assert f"{len(rows)} objects; 0 without a row (0 deleted)" in output
    assert "0 rows without an object" in output


@pytest.mark.usefixtures("old")
def test_orphaned_photos_are_reported_and_deleted_on_request(rows):
    orphans = {
        f"devices/{uuid.uuid4()}/{uuid.uuid4()}.jpg",
        f"devices/{uuid.uuid4()}/{uuid.uuid4()}-thumbnail.jpg",
        f"devices/{uuid.uuid4()}/{uuid.uuid4()}-app.jpg",
        f"passports/{uuid.uuid4()}/{uuid.uuid4()}.jpg",
        f"incoming/{uuid.uuid4()}/device-{uuid.uuid4().hex}",
    }
    for key in orphans:
        object_storage.put(key, b"orphan")

    output = clean()
    assert all(f"objects without a row: {key}\n" in output for key in orphans)
    assert keys() == rows | orphans

    assert "5 without a row (5 deleted)" in clean("--remove")
    assert keys() == rows


@pytest.mark.usefixtures("old")
def test_orphaned_documents_are_reported_and_not_deleted(rows):
    documents = {f"contracts/{uuid.uuid4()}/{uuid.uuid4()}.pdf", "something/else.pdf"}
    for key in documents:
        object_storage.put(key, b"%PDF")

    assert "2 without a row (0 deleted)" in clean("--remove")
    assert keys() == rows | documents


def test_objects_younger_than_a_day_are_not_deleted(storage):
    object_storage.put(f"devices/{uuid.uuid4()}/{uuid.uuid4()}.jpg", b"its row is not written yet")
    assert "0 without a row (0 deleted), 1 younger than a day" in clean("--remove")
    assert len(keys()) == 1


@pytest.mark.usefixtures("old")
def test_missing_objects_are_reported(rows):
    for key in rows:
        object_storage.delete(key)
    output = clean("--remove")
    # The nightly sync_devices makes missing copies for the app.
    reported = {key for key in rows if not key.endswith("-app.jpg")}
    assert len(reported) == len(rows) - 2
    assert f"{len(reported)} rows without an object" in output
    assert all(f"rows without an object: {key}\n" in output for key in reported)


def test_upload_not_attached_within_a_day_is_deleted(accepted, commits):
    assert "0 without a row" in clean("--remove")
    assert len(keys()) == 3

    Upload.objects.update(created_at=timezone.now() - TOMORROW)
    assert "1 uploads never attached" in clean()
    assert len(keys()) == 3
    with commits():
        clean("--remove")
    assert keys() == set()
    assert not Upload.objects.exists()


def test_attached_upload_row_is_deleted_and_its_photo_stays(accepted, make, anna, commits):
    device = make.device(accepted.client, anna, id=accepted.device_id)
    saving.save_device(device, uploads=[accepted], by=anna)
    Upload.objects.update(created_at=timezone.now() - TOMORROW)

    with commits():
        output = clean("--remove")

    assert "0 uploads never attached" in output
    assert keys() == set(device.photos.get().keys)
    assert not Upload.objects.exists()


def test_failed_deletions_are_retried(storage):
    object_storage.put("passports/1.jpg", b"photo")
    LeftObject.objects.create(key="passports/1.jpg")
    LeftObject.objects.create(key="passports/missing.jpg")

    assert "2 failed deletions, 2 still pending" in clean()
    assert "2 failed deletions, 0 still pending" in clean("--remove")
    assert keys() == set()


def test_storage_outage_is_reported_and_keeps_pending_deletions(settings):
    LeftObject.objects.create(key="passports/1.jpg")
    use_s3_at("http://127.0.0.1:1", settings)
    with pytest.raises(CommandError, match="does not answer"):
        clean("--remove")
    assert LeftObject.objects.count() == 1


def test_memory_does_not_grow_with_the_number_of_objects(monkeypatch):
    long_ago = datetime(2020, 1, 1, tzinfo=UTC)
    for count in (1_000, 100_000):
        listing = (object_storage.ListedObject(f"devices/{number:09}.jpg", long_ago) for number in range(count))
        monkeypatch.setattr(object_storage, "list_objects", lambda listing=listing: listing)
        tracemalloc.start()
        report = storage_cleanup.compare_storage()
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert report.without_row.count == count
        assert peak < 2_000_000
