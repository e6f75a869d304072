"""Photos on their way when two deeds meet: completed twice, taken back meanwhile, their device or client gone."""

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
from photos.models import Upload
from photos.test_uploads import jpeg, photos_stored
from photos.views import GONE

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("storage")]


@pytest.fixture
def client(make, anna):
    """Анна's client, ready for step 3."""
    client = make.consented(anna)
    make.passport(client, anna)
    return make.fresh(client)


@pytest.fixture
def device(make, anna, client):
    return make.device(client, anna)


def completed(sent: Upload, browser):
    return browser.post(reverse("upload_completion", args=[sent.pk]), headers=JSON)


def test_concurrent_completions_create_one_photo(race, upload, anna, client, device):
    sent = upload(jpeg(), purpose="device", device=device.pk)

    first, second = race(*(partial(completed, sent, browser_for(anna)) for _ in range(2)), at=client)

    assert first.json() == second.json()
    assert device.photos.count() == SharedDevicePhoto.objects.count() == 1
    assert photos_stored() == sorted(device.photos.get().keys)


def test_of_two_that_ask_for_the_last_place_at_once_one_gets_it(race, anna, client, device):
    saving.save_device(device, [(b"1", b"1")] * (MAX_PHOTOS - 1), by=anna)
    said = {"purpose": "device", "device": device.pk, "content_type": "image/jpeg", "size": 1000}

    def asked(browser) -> int:
        return browser.post(reverse("uploads", args=[client.pk]), said, headers=JSON).status_code

    assert sorted(race(*(partial(asked, browser_for(anna)) for _ in range(2)), at=client)) == [201, 422]


@pytest.fixture
def while_read(monkeypatch):
    """Has a deed done when the upload was read and is about to be accepted or refused."""

    def during(deed):
        read = object_storage.read_limited

        def reading(key, *, max_bytes):
            content = read(key, max_bytes=max_bytes)
            monkeypatch.setattr(object_storage, "read_limited", read)
            deed()
            return content

        monkeypatch.setattr(object_storage, "read_limited", reading)

    return during


@pytest.mark.parametrize("content", [jpeg(), b"<svg/>"], ids=["photo", "no photo"])
def test_upload_discarded_during_completion_leaves_nothing(while_read, upload, as_anna, device, content):
    sent = upload(content, purpose="device", device=device.pk)
    while_read(lambda: as_anna.post(reverse("upload_removal", args=[sent.pk]), headers=JSON))

    answer = completed(sent, as_anna)

    assert (answer.status_code, answer.json()) == (404, {"error": GONE})
    assert photos_stored() == []
    assert not Upload.objects.exists()
    assert not DevicePhoto.objects.exists()


def test_what_was_taken_back_before_it_was_read_is_gone(monkeypatch, upload, as_anna, device):
    sent = upload(jpeg(), purpose="device", device=device.pk)
    read = object_storage.read_limited

    def late(key, *, max_bytes):
        as_anna.post(reverse("upload_removal", args=[sent.pk]), headers=JSON)
        return read(key, max_bytes=max_bytes)

    monkeypatch.setattr(object_storage, "read_limited", late)

    assert completed(sent, as_anna).status_code == 404
    assert photos_stored() == []


def test_a_photo_whose_device_is_removed_meanwhile_belongs_to_none(while_read, upload, as_anna, anna, device):
    sent = upload(jpeg(), purpose="device", device=device.pk)
    while_read(lambda: saving.delete_device(Device.objects.get(pk=device.pk), by=anna))

    answer = completed(sent, as_anna)

    sent.refresh_from_db()
    assert (answer.status_code, answer.json()["attached"]) == (200, False)
    assert not DevicePhoto.objects.exists()
    assert not SharedDevicePhoto.objects.exists()
    assert photos_stored() == sorted([sent.photo_key, sent.thumbnail_key])  # until the note of it is forgotten
    as_anna.post(reverse("upload_removal", args=[sent.pk]), headers=JSON)
    assert photos_stored() == []


def test_of_a_completion_and_the_removal_of_its_device_nothing_is_half_done(race, upload, anna, client, device):
    sent = upload(jpeg(), purpose="device", device=device.pk)
    removal = reverse("devices:removal", args=[device.pk])

    answer, removed = race(
        partial(completed, sent, browser_for(anna)), lambda: browser_for(anna).post(removal), at=client
    )

    sent.refresh_from_db()
    assert (answer.status_code, removed.status_code) == (200, 302)
    assert not Device.objects.exists()
    assert not DevicePhoto.objects.exists()
    assert not SharedDevicePhoto.objects.exists()
    left = [] if sent.attached_at else sorted([sent.photo_key, sent.thumbnail_key])
    assert photos_stored() == left


def test_a_passport_photo_is_refused_when_the_consent_is_withdrawn_meanwhile(while_read, upload, as_anna, anna, client):
    sent = upload(jpeg())
    while_read(lambda: consents.withdraw(client, by=anna, reason="Передумал"))

    answer = completed(sent, as_anna)

    assert answer.status_code == 422
    assert photos_stored() == []
