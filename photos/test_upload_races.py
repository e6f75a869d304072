"""Races between uploads and other operations: completed twice, discarded, device deleted, consent withdrawn."""

from functools import partial

import pytest
from django.urls import reverse

from agreements import consents
from conftest import browser_for
from devices import saving
from devices.models import MAX_PHOTOS, Device, DevicePhoto
from devices.shared import SharedDevicePhoto
from foundation.storage import object_storage
from photos.conftest import JSON
from photos.images import Photo
from photos.models import Upload
from photos.test_uploads import jpeg, photos_stored
from photos.views import GONE

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("storage")]


def complete(sent: Upload, browser):
    return browser.post(reverse("upload_completion", args=[sent.pk]), headers=JSON)


def test_concurrent_completions_create_one_photo(race, upload, anna, client, device):
    sent = upload(jpeg(), purpose="device", device=device.pk)

    first, second = race(*(partial(complete, sent, browser_for(anna)) for _ in range(2)), at=client)

    assert first.json() == second.json()
    assert device.photos.count() == SharedDevicePhoto.objects.count() == 1
    assert photos_stored() == sorted(device.photos.get().keys)


def test_concurrent_uploads_start_within_the_photo_limit(race, anna, client, device):
    saving.save_device(device, [Photo(b"1", b"1", b"1")] * (MAX_PHOTOS - 1), by=anna)
    data = {"purpose": "device", "device": device.pk, "content_type": "image/jpeg", "size": 1000}

    def request_upload(browser) -> int:
        return browser.post(reverse("uploads", args=[client.pk]), data, headers=JSON).status_code

    assert sorted(race(*(partial(request_upload, browser_for(anna)) for _ in range(2)), at=client)) == [201, 422]


@pytest.fixture
def while_read(monkeypatch):
    """A function that runs an operation after the upload was read, before it is accepted or rejected."""

    def install(operation):
        read = object_storage.read_limited

        def read_then_run(key, **kwargs):
            content = read(key, **kwargs)
            monkeypatch.setattr(object_storage, "read_limited", read)
            operation()
            return content

        monkeypatch.setattr(object_storage, "read_limited", read_then_run)

    return install


@pytest.mark.parametrize("content", [jpeg(), b"<svg/>"], ids=["photo", "no photo"])
def test_upload_discarded_during_completion_leaves_nothing(while_read, upload, as_anna, device, content):
    sent = upload(content, purpose="device", device=device.pk)
    while_read(lambda: as_anna.post(reverse("upload_removal", args=[sent.pk]), headers=JSON))

    response = complete(sent, as_anna)

    assert (response.status_code, response.json()) == (404, {"error": GONE})
    assert photos_stored() == []
    assert not Upload.objects.exists()
    assert not DevicePhoto.objects.exists()


def test_upload_discarded_before_it_was_read_leaves_nothing(monkeypatch, upload, as_anna, device):
    sent = upload(jpeg(), purpose="device", device=device.pk)
    read = object_storage.read_limited

    def discard_then_read(key, **kwargs):
        as_anna.post(reverse("upload_removal", args=[sent.pk]), headers=JSON)
        return read(key, **kwargs)

    monkeypatch.setattr(object_storage, "read_limited", discard_then_read)

    assert complete(sent, as_anna).status_code == 404
    assert photos_stored() == []


def test_photo_of_a_concurrently_deleted_device_is_not_attached(while_read, upload, as_anna, anna, device):
    sent = upload(jpeg(), purpose="device", device=device.pk)
    while_read(lambda: saving.delete_device(Device.objects.get(pk=device.pk), by=anna))

    response = complete(sent, as_anna)

    sent.refresh_from_db()
    assert (response.status_code, response.json()["attached"]) == (200, False)
    assert not DevicePhoto.objects.exists()
    assert not SharedDevicePhoto.objects.exists()
    assert photos_stored() == sorted(sent.keys[1:])  # until the upload is discarded
    as_anna.post(reverse("upload_removal", args=[sent.pk]), headers=JSON)
    assert photos_stored() == []


def test_completion_concurrent_with_deleting_the_device_is_consistent(race, upload, anna, client, device):
    sent = upload(jpeg(), purpose="device", device=device.pk)
    removal = reverse("devices:removal", args=[device.pk])

    response, removal_response = race(
        partial(complete, sent, browser_for(anna)), lambda: browser_for(anna).post(removal), at=client
    )

    sent.refresh_from_db()
    assert (response.status_code, removal_response.status_code) == (200, 302)
    assert not Device.objects.exists()
    assert not DevicePhoto.objects.exists()
    assert not SharedDevicePhoto.objects.exists()
    remaining = [] if sent.attached_at else sorted(sent.keys[1:])
    assert photos_stored() == remaining


def test_passport_photo_is_rejected_if_the_consent_is_withdrawn_meanwhile(while_read, upload, as_anna, anna, client):
    sent = upload(jpeg())
    while_read(lambda: consents.withdraw(client, by=anna, reason="Передумал"))

    response = complete(sent, as_anna)

    assert response.status_code == 422
    assert photos_stored() == []
