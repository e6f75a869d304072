import io
import uuid

import pytest
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection, transaction
from django.urls import reverse
from django.utils import timezone
from PIL import Image

from clients.exceptions import ClientReassigned
from conftest import as_owner, redirect_target
from devices import mirror, saving
from devices.conftest import PHOTO, log_of, payload, photo_file
from devices.models import MAX_PHOTOS, Device, DevicePhoto, TooManyPhotos
from devices.saving import delete_photo
from devices.shared import SharedDevice, SharedDevicePhoto
from foundation.storage import object_storage
from foundation.storage.local import LocalObjectStorage
from foundation.storage.models import LeftObject
from photos.images import NOT_A_PHOTO


def photos_of(device) -> str:
    return reverse("devices:photos", args=[device.pk])


def photo_at(photo) -> str:
    return reverse("devices:photo", args=[photo.pk])


def removal_of(photo) -> str:
    return reverse("devices:photo_removal", args=[photo.pk])


def public_path(photo) -> str:
    return SharedDevicePhoto.objects.get(pk=photo.pk).file_url.removeprefix("http://localhost:8000")


def load_photo(photo) -> DevicePhoto:
    """Load the photo with its client, as the view does."""
    return DevicePhoto.objects.select_related("device__client").get(pk=photo.pk)


def stored(photo) -> set[bool]:
    """Return whether the objects of the photo exist: {True} if all do."""
    return {object_storage.exists(key) for key in photo.keys}


def refer_from_the_app(device) -> None:
    """Insert a service request of the app that refers to the device."""
    with as_owner(), connection.cursor() as cursor:
        cursor.execute("CREATE TABLE public.service_requests (device_id uuid NOT NULL REFERENCES public.devices (id))")
        cursor.execute(
            "INSERT INTO public.service_requests SELECT id FROM public.devices WHERE serial_number = %s",
            [mirror.mirror_serial(device)],
        )


def test_photos_can_be_added_from_the_list(as_anna, client, device):
    response = as_anna.post(photos_of(device), {"photos": [photo_file(), photo_file("orange")]})

    assert response.url == reverse("devices:devices", args=[client.pk])
    assert device.photos.count() == 2
    for photo in device.photos.all():
        assert stored(photo) == {True}
    assert log_of(client)[-1:] == ["Добавлены фото устройства «Холодильник Бирюса 118»: 2"]


def test_photo_and_thumbnail_are_served(as_anna, device):
    as_anna.post(photos_of(device), {"photos": [photo_file(size=(2000, 1000))]})
    url = photo_at(device.photos.get())

    whole, thumbnail = as_anna.get(url, follow=True), as_anna.get(f"{url}?size=thumbnail", follow=True)

    assert Image.open(io.BytesIO(whole.content)).size == (1200, 600)
    assert Image.open(io.BytesIO(thumbnail.content)).size == (240, 120)
    for response in (whole, thumbnail):
        assert response.headers["Content-Type"] == "image/jpeg"
        assert response.headers["X-Content-Type-Options"] == "nosniff"
        assert response.headers["Content-Disposition"] == "inline"
        assert response.headers["Cache-Control"] == "private, max-age=60"


def test_large_files_and_html_are_rejected(as_anna, device):
    page = SimpleUploadedFile("page.html", b"<html><script>alert(1)</script>", "text/html")
    disguised = SimpleUploadedFile("photo.jpg", b"<html><script>alert(1)</script>", "image/jpeg")
    large = SimpleUploadedFile("large.jpg", bytes(100 * 1024**2), "image/jpeg")

    for upload in (page, disguised, large):
        response = as_anna.post(photos_of(device), {"photos": [photo_file(), upload]})
        assert response.status_code == 422
        assert upload.name in response.context["photos_error"]
    assert not DevicePhoto.objects.exists()
    assert not SharedDevicePhoto.objects.exists()


def test_object_keys_from_the_request_are_ignored(as_anna, device, make):
    """No parameter takes a key: keys are generated on the server."""
    object_storage.put("contracts/of-another-client.pdf", b"%PDF-1.7 secret")
    names = ("file_key", "key", "photo_key", "photos", "object_key")
    smuggled = dict.fromkeys(names, "contracts/of-another-client.pdf")

    as_anna.post(photos_of(device), smuggled)
    as_anna.post(reverse("devices:device", args=[device.pk]), payload(type=device.type_id) | smuggled)
    assert not DevicePhoto.objects.exists()

    as_anna.post(photos_of(device), smuggled | {"photos": [photo_file()]})
    photo = DevicePhoto.objects.get()
    assert photo.key == f"devices/{device.pk}/{photo.pk}.jpg"
    assert b"secret" not in as_anna.get(photo_at(photo), follow=True).content


def test_photos_are_saved_all_or_none(as_anna, device):
    broken = SimpleUploadedFile("broken.jpg", b"\xff\xd8\xff", "image/jpeg")

    response = as_anna.post(photos_of(device), {"photos": [photo_file(), broken]})

    assert response.status_code == 422
    assert response.context["photos_error"] == f"broken.jpg: {NOT_A_PHOTO}"
    assert not DevicePhoto.objects.exists()


def test_device_has_at_most_ten_photos(as_anna, anna, device):
    saving.save_device(device, [PHOTO] * (MAX_PHOTOS - 1), by=anna)

    assert as_anna.post(photos_of(device), {"photos": [photo_file(), photo_file()]}).status_code == 422
    assert device.photos.count() == MAX_PHOTOS - 1
    assert as_anna.post(photos_of(device), {"photos": [photo_file()]}).status_code == 302
    assert as_anna.post(photos_of(device), {"photos": [photo_file()]}).status_code == 422
    assert device.photos.count() == MAX_PHOTOS


def test_photo_limit_holds_for_concurrent_uploads(race, anna, device, settings):
    saving.save_device(device, [PHOTO] * (MAX_PHOTOS - 1), by=anna)

    def attach():
        try:
            saving.save_device(Device.objects.get(pk=device.pk), [PHOTO], by=anna)
        except TooManyPhotos:
            return "refused"

    assert set(race(attach, attach, at=device.client)) == {None, "refused"}
    assert device.photos.count() == MAX_PHOTOS
    folder = default_storage.listdir(f"devices/{device.pk}")[1]
    assert len(folder) == 3 * MAX_PHOTOS  # nothing is left of the refused photo


def test_storage_outage_saves_nothing_and_keeps_typed_values(as_anna, make, client, storage_down):
    storage_down("put")

    response = as_anna.post(
        reverse("devices:add", args=[client.pk]), payload(type=make.type().pk, photos=[photo_file()])
    )

    assert response.status_code == 503
    assert "Хранилище фото не отвечает" in response.content.decode()
    assert "Холодильник Бирюса 118" in response.content.decode()
    assert not Device.objects.exists()
    assert not SharedDevice.objects.exists()


def test_storage_outage_returns_503_in_the_list(as_anna, device, photos, storage_down):
    storage_down("put")
    assert as_anna.post(photos_of(device), {"photos": [photo_file()]}).status_code == 503
    storage_down("get")
    assert as_anna.get(photo_at(photos[0]), follow=True).status_code == 503
    assert device.photos.count() == 2


def test_deleting_a_photo_deletes_its_objects_and_its_mirrored_row(
    as_anna, client, device, photos, django_capture_on_commit_callbacks
):
    """The older system left the object in the storage and deleted the wrong row in the app's table."""
    first, second = photos
    before = log_of(client)
    app_photo = SharedDevicePhoto.objects.create(
        device=SharedDevice.objects.get(), file_url="https://app.example/1.jpg",
        created_at=timezone.now(), updated_at=timezone.now(),
    )  # fmt: skip

    with django_capture_on_commit_callbacks(execute=True):
        response = as_anna.post(removal_of(first))

    assert response.url == reverse("devices:device", args=[device.pk])
    assert list(device.photos.all()) == [second]
    assert set(SharedDevicePhoto.objects.values_list("pk", flat=True)) == {second.pk, app_photo.pk}
    assert stored(first) == {False}
    assert stored(second) == {True}
    assert log_of(client) == [*before, "Удалено фото устройства «Холодильник Бирюса 118»"]
    assert as_anna.post(removal_of(first)).status_code == 404


def test_deleting_a_photo_twice_logs_it_once(race, anna, client, device, photos):
    race(*[lambda: saving.delete_photo(load_photo(photos[0]), by=anna)] * 2, at=client)

    assert list(device.photos.all()) == photos[1:]
    assert len([line for line in log_of(client) if line.startswith("Удалено фото")]) == 1


def test_deleting_a_photo_of_a_reassigned_client_is_refused(anna, boris, gleb, client, device, photos):
    photo = load_photo(photos[0])
    client.reassign(to=boris, by=gleb)

    with pytest.raises(ClientReassigned):
        saving.delete_photo(photo, by=anna)

    assert list(device.photos.all()) == photos


def test_deleting_a_photo_with_htmx_returns_an_empty_response(as_anna, photos):
    headers = {"HX-Request": "true", "HX-Target": f"photo-{photos[0].pk}"}

    response = as_anna.post(removal_of(photos[0]), headers=headers)

    assert (response.status_code, response.content) == (200, b"")


def test_deleting_a_device_deletes_its_objects(as_anna, anna, make, device, photos, django_capture_on_commit_callbacks):
    other = make.device(device.client, anna)
    saving.save_device(other, [PHOTO], by=anna)

    with django_capture_on_commit_callbacks(execute=True):
        as_anna.post(reverse("devices:removal", args=[device.pk]))

    assert [stored(photo) for photo in photos] == [{False}, {False}]
    assert stored(other.photos.get()) == {True}
    assert SharedDevicePhoto.objects.get().pk == other.photos.get().pk


@pytest.mark.django_db(transaction=True)
def test_rolled_back_deletion_keeps_the_objects(anna, device, photos):
    with transaction.atomic():
        saving.delete_device(Device.objects.get(pk=device.pk), by=anna)
        assert not DevicePhoto.objects.exists()
        transaction.set_rollback(True)

    assert device.photos.count() == 2
    assert [stored(photo) for photo in photos] == [{True}, {True}]
    assert SharedDevicePhoto.objects.count() == 2


@pytest.mark.django_db(transaction=True)
def test_storage_failure_does_not_prevent_deleting_a_device(as_anna, device, photos, monkeypatch):
    calls = []

    def fail(self, name):
        calls.append(name)
        raise OSError

    monkeypatch.setattr(LocalObjectStorage, "delete", fail)
    response = as_anna.post(reverse("devices:removal", args=[device.pk]))

    assert response.status_code == 302
    assert not Device.objects.exists()
    assert len(calls) == 1  # the others would take as long to fail
    recorded = LeftObject.objects.values_list("key", flat=True)
    assert set(recorded) == {key for photo in photos for key in photo.keys}


def test_device_with_a_service_request_cannot_be_deleted(
    as_anna, client, device, photos, django_capture_on_commit_callbacks
):
    refer_from_the_app(device)
    before = log_of(client)

    with django_capture_on_commit_callbacks(execute=True):
        response = as_anna.post(reverse("devices:removal", args=[device.pk]))

    assert response.status_code == 409
    assert "есть заявка в приложении «Привет Супер»" in response.content.decode()
    assert Device.objects.get() == device
    assert device.photos.count() == SharedDevicePhoto.objects.count() == 2
    assert SharedDevice.objects.count() == 1
    assert stored(photos[0]) == {True}
    assert log_of(client) == before


def test_public_photo_url_needs_no_sign_in(signed_out, photos):
    redirect = signed_out.get(public_path(photos[0]))
    response = signed_out.get(redirect.url)

    assert redirect.status_code == 302
    assert redirect.headers["Cache-Control"] == "private, max-age=60"
    assert response.status_code == 200
    assert response.content == b"first copy"
    assert response.headers["Content-Type"] == "image/jpeg"
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert "Set-Cookie" not in {**redirect.headers, **response.headers}


def test_invalid_token_returns_404(signed_out, photos, anna):
    url = public_path(photos[0])
    signature = url.rstrip("/").split(":")[-1]
    other_letter = "B" if signature.endswith("A") else "A"

    invalid = [
        f"/p/{photos[0].pk.hex}/", f"/p/{photos[1].pk.hex}:{signature}/", f"{url[:-2]}{other_letter}/", "/p/x/",
        "/p/:/", "/p/🙂/", f"/p/{'a' * 5000}/",
    ]  # fmt: skip

    assert {signed_out.get(other).status_code for other in invalid} == {404}
    delete_photo(photos[0], by=anna)
    assert signed_out.get(url).status_code == 404


def test_access_to_photos_follows_access_to_the_client(as_anna, as_boris, as_vera, as_gleb, signed_out, device, photos):
    url = photo_at(photos[0])
    browsers = (as_anna, as_gleb, as_boris, as_vera, signed_out)

    targets = [redirect_target(browser.get(url)) for browser in browsers]
    assert targets == ["storage", "storage", 404, 404, "sign-in"]
    for browser in (as_boris, as_vera):
        assert browser.post(removal_of(photos[0])).status_code == 404
        assert browser.post(photos_of(device), {"photos": [photo_file()]}).status_code == 404
    assert as_anna.get(f"/photos/{uuid.uuid4()}/").status_code == 404
    assert as_anna.get("/photos/not-a-uuid/").status_code == 404
    assert device.photos.count() == 2
