"""The client's app gets smaller copies of the photos."""

import io

import pytest
from django.core.management import CommandError, call_command
from PIL import Image

from devices import app_copies, saving
from devices.conftest import photo_file
from devices.models import DevicePhoto
from devices.shared import SharedDevicePhoto
from devices.test_mirror_sync import untimed_url
from devices.test_photos import photos_of, public_path, stored
from foundation.storage import object_storage
from foundation.storage.models import LeftObject


def sync() -> None:
    call_command("sync_devices", stdout=io.StringIO())


@pytest.fixture
def photo(as_anna, device) -> DevicePhoto:
    """A photo of 2000 by 1000 pixels, uploaded by Анна."""
    as_anna.post(photos_of(device), {"photos": [photo_file(size=(2000, 1000))]})
    return device.photos.get()


@pytest.fixture
def old_photo(photo) -> DevicePhoto:
    """A photo of an earlier version: without a copy, and with a URL without a time."""
    object_storage.delete(photo.app_copy_key)
    SharedDevicePhoto.objects.update(file_url=untimed_url(photo))
    return photo


def shown_size(browser, photo) -> tuple[int, int]:
    response = browser.get(browser.get(public_path(photo)).url)
    image = Image.open(io.BytesIO(response.content))
    assert not image.getexif()
    return image.size


@pytest.mark.usefixtures("storage")
def test_app_gets_a_smaller_copy(photo):
    copy = object_storage.get(app_copies.shown_key(photo))
    assert Image.open(io.BytesIO(copy)).size == (800, 400)
    assert len(copy) < len(object_storage.get(photo.key))


def test_photo_without_a_copy_is_shown_itself_until_the_nightly_job(signed_out, old_photo):
    assert shown_size(signed_out, old_photo) == (1200, 600)
    sync()
    assert shown_size(signed_out, old_photo) == (800, 400)
    assert stored(old_photo) == {True}


@pytest.mark.parametrize("content", [None, b"no JPEG"])
def test_unreadable_photo_gets_no_copy_but_a_new_url(signed_out, old_photo, caplog, content):
    before = public_path(old_photo)
    object_storage.delete(old_photo.key)
    if content:
        object_storage.put(old_photo.key, content)

    sync()

    assert public_path(old_photo) != before
    assert "no copy of devices/" in caplog.text
    assert not object_storage.exists(old_photo.app_copy_key)


def test_storage_outage_stops_the_job_and_changes_no_url(old_photo, storage_down):
    before = public_path(old_photo)
    storage_down("exists")
    with pytest.raises(CommandError, match="storage does not answer"):
        sync()
    assert public_path(old_photo) == before


def test_app_is_redirected_during_a_storage_outage(signed_out, photo, storage_down):
    storage_down("exists")
    assert signed_out.get(public_path(photo)).status_code == 302


@pytest.mark.django_db(transaction=True)
def test_no_copy_is_left_of_a_photo_deleted_meanwhile(anna, old_photo, monkeypatch):
    put = object_storage.put

    def delete_then_put(key, content):
        saving.delete_photo(DevicePhoto.objects.get(pk=old_photo.pk), by=anna)
        put(key, content)

    monkeypatch.setattr(object_storage, "put", delete_then_put)
    sync()

    assert stored(old_photo) == {False}
    assert not LeftObject.objects.exists()
