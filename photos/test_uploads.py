"""Direct photo uploads from the browser, with both kinds of storage."""

import io
import time
import uuid
from datetime import timedelta
from urllib.request import urlopen

import pytest
from django.urls import reverse
from django.utils import timezone
from PIL import Image

from devices import saving
from devices.conftest import log_of, payload
from devices.models import MAX_PHOTOS, Device, DevicePhoto, TooManyPhotos
from devices.shared import SharedDevicePhoto
from foundation.storage import object_storage
from foundation.testing import PATIENCE, use_s3_at
from foundation.web.json_errors import SESSION_ENDED
from passport.models import Passport
from passport.test_passport_form import payload as passport_payload
from photos.conftest import JSON
from photos.images import Photo
from photos.models import Upload
from photos.views import UNAVAILABLE

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("storage")]


def jpeg(size=(1600, 1200), **options) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", size, "steelblue").save(file, "JPEG", **options)
    return file.getvalue()


def picture_at(browser, url: str) -> Image.Image:
    """Follow the redirect of a photo view and return the image."""
    target = browser.get(url).url
    content = browser.get(target).content if target.startswith("/") else urlopen(target, timeout=20).read()  # noqa: S310
    return Image.open(io.BytesIO(content))


def photos_stored() -> list[str]:
    """Return the keys of all photos in the storage, including quarantined ones."""
    return [listed.key for listed in object_storage.list_objects() if not listed.key.startswith("agreements/")]


def test_upload_url_is_in_the_quarantine_of_the_client(start_upload, anna, client):
    response = start_upload()

    instructions, upload = response.json(), Upload.objects.get()
    assert response.status_code == 201
    assert instructions["id"] == str(upload.pk)
    assert instructions["expires_in"] == 300
    assert instructions["completion"] == f"/uploads/{upload.pk}/completion/"
    assert instructions["fields"]["key"] == upload.key
    assert instructions["fields"]["Content-Type"] == "image/jpeg"
    assert upload.key.startswith(f"incoming/{client.pk}/passport-")
    assert (upload.client, upload.manager, upload.purpose, upload.size) == (client, anna, "passport", 1000)


def test_photo_of_a_saved_device_is_attached_immediately(upload, complete, as_anna, client, device):
    sent = upload(jpeg(), purpose="device", device=device.pk)

    response = complete(sent)

    photo = device.photos.get()
    assert response.status_code == 200
    assert response.json() == {
        "id": str(sent.pk),
        "attached": True,
        "photo": f"/photos/{photo.pk}/",
        "thumbnail": f"/photos/{photo.pk}/?size=thumbnail",
        "removal": f"/photos/{photo.pk}/removal/",
    }
    assert picture_at(as_anna, response.json()["photo"]).size == (1200, 900)
    assert picture_at(as_anna, response.json()["thumbnail"]).size == (240, 180)
    assert SharedDevicePhoto.objects.get().pk == photo.pk
    assert not object_storage.exists(sent.key)
    assert log_of(client)[-1:] == ["Добавлены фото устройства «Холодильник Бирюса 118»: 1"]


def test_photo_of_a_saved_passport_replaces_the_previous_one(upload, complete, as_anna, client):
    first = complete(upload(jpeg()))
    previous = Passport.objects.get().photo
    second = complete(upload(jpeg((900, 600))))

    photo = Passport.objects.get().photo
    assert first.json()["attached"] is second.json()["attached"] is True
    assert picture_at(as_anna, second.json()["photo"]).size == (900, 600)
    assert object_storage.exists(photo)
    assert not object_storage.exists(previous)
    assert log_of(client)[-2:] == ["Фото паспорта добавлено", "Фото паспорта заменено"]


def test_photo_of_an_unsaved_device_is_attached_with_its_form(upload, complete, as_anna, make, client):
    new_id = uuid.uuid4()
    sent = upload(jpeg(), purpose="device", device=new_id)

    response = complete(sent)

    assert response.json() == {
        "id": str(sent.pk),
        "attached": False,
        "photo": f"/uploads/{sent.pk}/photo/",
        "thumbnail": f"/uploads/{sent.pk}/photo/?size=thumbnail",
        "removal": f"/uploads/{sent.pk}/removal/",
    }
    assert picture_at(as_anna, response.json()["thumbnail"]).size == (240, 180)
    assert not DevicePhoto.objects.exists()

    form = payload(type=make.type().pk, new_id=new_id, uploads=[sent.pk])
    for _ in range(2):  # a repeated submit creates one device with one photo
        assert as_anna.post(reverse("devices:add", args=[client.pk]), form).status_code == 302

    photo = Device.objects.get().photos.get()
    assert picture_at(as_anna, f"/photos/{photo.pk}/").size == (1200, 900)
    assert complete(sent).json()["photo"] == f"/photos/{photo.pk}/"


def test_photo_of_an_unsaved_passport_is_attached_with_its_form(upload, complete, as_anna, make, anna):
    client = make.consented(anna)
    sent = upload(jpeg(), of=client)
    assert complete(sent).json()["attached"] is False

    response = as_anna.post(reverse("passport:passport", args=[client.pk]), passport_payload(uploads=[sent.pk]))

    assert response.status_code == 302
    assert picture_at(as_anna, reverse("passport:photo", args=[client.pk])).size == (1200, 900)
    assert complete(sent).json()["photo"] == reverse("passport:photo", args=[client.pk])


def test_completing_twice_is_idempotent(upload, complete, device):
    sent = upload(jpeg(), purpose="device", device=device.pk)

    first, second = complete(sent), complete(sent)

    assert first.json() == second.json()
    assert device.photos.count() == 1


def test_missing_object_can_still_be_uploaded(start_upload, send, complete, device):
    instructions = start_upload(purpose="device", device=device.pk).json()
    sent = Upload.objects.get()

    response = complete(sent)

    assert response.status_code == 409
    assert "ещё не дошло" in response.json()["error"]
    assert send(instructions["url"], instructions["fields"], jpeg()) == 204
    assert complete(sent).status_code == 200


def test_ended_session_is_answered_in_json(signed_out, start_upload):
    response = start_upload(browser=signed_out)

    assert (response.status_code, response.json()) == (401, {"error": SESSION_ENDED})


def test_manager_can_start_sixty_uploads_per_hour(start_upload, as_gleb, time_machine):
    time_machine.move_to(timezone.now(), tick=False)
    assert {start_upload().status_code for _ in range(60)} == {201}

    refused = start_upload()

    assert refused.status_code == 429
    assert "Слишком много фотографий" in refused.json()["error"]
    assert int(refused.headers["Retry-After"]) > 0
    assert Upload.objects.count() == 60
    assert start_upload(browser=as_gleb).status_code == 201


@pytest.mark.parametrize("size", ["104857600", "0", "-1", "", "x"])
def test_invalid_sizes_get_no_upload_url(start_upload, size):
    response = start_upload(size=size)

    assert response.status_code == (413 if size == "104857600" else 422)
    assert response.json()["error"]
    assert not Upload.objects.exists()


@pytest.mark.parametrize(
    "data",
    [
        {"content_type": "text/html"},
        {"content_type": "image/svg+xml"},
        {"purpose": "contract"},
        {"purpose": "device"},
        {"device": str(uuid.uuid4())},
        {"purpose": "device", "device": "contracts/1.pdf"},
    ],
)
def test_invalid_upload_request_is_rejected(start_upload, data):
    response = start_upload(**data)

    assert response.status_code == 422
    assert response.json()["error"]
    assert not Upload.objects.exists()


def test_only_the_manager_who_started_the_upload_can_complete_it(
    upload, complete, as_boris, as_vera, as_gleb, boris, gleb, client
):
    sent = upload(jpeg())

    assert [complete(sent, browser).status_code for browser in (as_boris, as_vera, as_gleb)] == [404, 404, 404]
    client.reassign(to=boris, by=gleb)
    assert complete(sent).status_code == 404
    assert complete(sent, as_boris).json() == {"error": "Клиент или фото больше недоступны. Обновите страницу."}
    assert object_storage.exists(sent.key)
    assert not Passport.objects.get().photo


def test_device_of_another_client_gets_no_photo(start_upload, make, anna, boris, upload, complete):
    other_device = make.device(make.verified(boris), boris)
    assert start_upload(purpose="device", device=other_device.pk).status_code == 404

    # The upload was started before a device was saved with the same id.
    new_id = uuid.uuid4()
    sent = upload(jpeg(), purpose="device", device=new_id)
    make.device(make.verified(boris), boris, id=new_id)

    assert complete(sent).json()["attached"] is False
    assert not DevicePhoto.objects.exists()


def test_form_rejects_uploads_of_another_client_or_device(upload, complete, as_anna, make, anna, client, device):
    other = make.verified(anna)
    make.passport(other, anna)
    of_other_client = upload(jpeg(), of=other, purpose="device", device=uuid.uuid4())
    of_other_device = upload(jpeg(), purpose="device", device=uuid.uuid4())
    not_complete = upload(jpeg(), purpose="device", device=device.pk)
    for sent in (of_other_client, of_other_device):
        complete(sent)

    url = reverse("devices:photos", args=[device.pk])
    for smuggled in (of_other_client.pk, of_other_device.pk, not_complete.pk, uuid.uuid4(), "contracts/1.pdf"):
        response = as_anna.post(url, {"uploads": [smuggled]})
        assert response.status_code == 422, smuggled
        assert "не дошла до хранилища" in response.content.decode()
        passport = as_anna.post(
            reverse("passport:passport", args=[client.pk]), passport_payload(digits="", uploads=[smuggled])
        )
        assert passport.status_code == 422, smuggled
    assert not DevicePhoto.objects.exists()
    assert not Passport.objects.get(client=client).photo


def test_photo_limit_counts_pending_uploads(start_upload, anna, device, as_anna, upload, complete):
    saving.save_device(device, [Photo(b"1", b"1", b"1")] * (MAX_PHOTOS - 2), by=anna)
    data = {"purpose": "device", "device": device.pk}
    sent = upload(jpeg(), **data)

    assert start_upload(**data).status_code == 201
    assert start_upload(**data).status_code == 422
    assert as_anna.post(reverse("upload_removal", args=[sent.pk]), headers=JSON).status_code == 204
    assert start_upload(**data).status_code == 201
    Upload.objects.update(created_at=timezone.now() - timedelta(minutes=6))  # expire the pending uploads
    assert {start_upload(**data).status_code for _ in range(2)} == {201}


def test_photo_over_the_limit_is_rejected_at_completion(upload, complete, anna, device):
    sent = upload(jpeg(), purpose="device", device=device.pk)
    saving.save_device(device, [Photo(b"1", b"1", b"1")] * MAX_PHOTOS, by=anna)

    assert complete(sent).json() == {"error": TooManyPhotos.message}
    assert device.photos.count() == MAX_PHOTOS
    assert len(photos_stored()) == 3 * MAX_PHOTOS


def test_unreachable_step_starts_no_uploads(start_upload, make, anna):
    assert start_upload(of=make.client()).status_code == 409
    assert start_upload(of=make.verified(anna), purpose="device", device=uuid.uuid4()).status_code == 409


def test_discarded_upload_leaves_nothing(upload, complete, as_anna, django_capture_on_commit_callbacks):
    accepted = upload(jpeg(), purpose="device", device=uuid.uuid4())
    complete(accepted)
    pending = upload(jpeg())

    for sent in (accepted, pending):
        with django_capture_on_commit_callbacks(execute=True):
            as_anna.post(reverse("upload_removal", args=[sent.pk]), headers=JSON)

    assert photos_stored() == []
    assert not Upload.objects.exists()


def test_attached_photo_cannot_be_discarded(upload, complete, as_anna, device):
    sent = upload(jpeg(), purpose="device", device=device.pk)
    complete(sent)

    assert as_anna.post(reverse("upload_removal", args=[sent.pk]), headers=JSON).status_code == 204
    assert all(object_storage.exists(key) for key in device.photos.get().keys)


@pytest.fixture(params=["refusing", "silent"])
def outage(request, settings):
    """A function that makes the storage unavailable."""
    return lambda: use_s3_at(request.getfixturevalue(request.param), settings)


@pytest.mark.parametrize("storage", ["local"], indirect=True)
def test_storage_outage_is_reported_quickly(outage, upload, complete, as_anna, device, start_upload):
    saving.save_device(device, [Photo(b"1", b"1", b"1")], by=device.updated_by)
    sent = upload(jpeg(), purpose="device", device=device.pk)
    outage()

    start = time.monotonic()
    response = complete(sent)
    assert time.monotonic() - start < PATIENCE
    assert (response.status_code, response.json()) == (503, {"error": UNAVAILABLE})

    start = time.monotonic()
    assert start_upload().status_code == 201
    assert as_anna.get(reverse("devices:devices", args=[device.client_id])).status_code == 200
    assert as_anna.get(reverse("devices:photo", args=[device.photos.get().pk])).status_code == 302
    assert time.monotonic() - start < PATIENCE
    sent.refresh_from_db()
    assert sent.completed_at is None
