"""Devices and photos are mirrored into the app's tables."""

from datetime import date
from io import StringIO

import pytest
from django.core.management import call_command
from django.utils import timezone

from devices import mirror
from devices.saving import delete_device, delete_photo, save_device
from devices.shared import SharedDevice, SharedDevicePhoto


def create_app_device(client, **fields) -> SharedDevice:
    now = timezone.now()
    values = {"user_id": client.user_id, "title": "Часы", "brand": "Полёт", "model": "1"}
    return SharedDevice.objects.create(**values, created_at=now, updated_at=now, **fields)


def test_new_device_is_mirrored(client, device):
    shared = SharedDevice.objects.get()

    assert shared.serial_number == f"mgr-{device.pk}"
    assert shared.user_id == client.user_id
    assert (shared.title, shared.brand, shared.model) == (device.title, "холодильник", device.title)
    assert shared.purchase_date == date(2024, 5, 1)


def test_edited_device_is_mirrored(make, anna, device):
    created = SharedDevice.objects.get().created_at

    device.title, device.type, device.purchased_on = "Плита Мечта", make.type("плита"), None
    save_device(device, by=anna, changed=["название"])

    shared = SharedDevice.objects.get()
    assert (shared.title, shared.brand, shared.purchase_date) == ("Плита Мечта", "плита", None)
    assert shared.created_at == created
    assert shared.updated_at == device.updated_at


def test_photo_is_mirrored_with_our_url(photos):
    shared = list(SharedDevicePhoto.objects.order_by("created_at", "id"))

    assert [photo.pk for photo in shared] == [photo.pk for photo in photos]
    assert shared[0].file_url.startswith("http://localhost:8000/p/")
    assert mirror.photo_id_from_token(shared[0].file_url.split("/p/")[1].rstrip("/")) == photos[0].pk.hex


def test_deleted_device_is_deleted_in_the_app_but_app_devices_stay(anna, client, device, photos):
    own = create_app_device(client, serial_number="SN-1")

    delete_device(device, by=anna)

    assert SharedDevice.objects.get() == own
    assert not SharedDevicePhoto.objects.exists()


def test_device_deleted_by_the_app_is_restored_with_the_next_change(anna, device, photos):
    SharedDevicePhoto.objects.all().delete()
    SharedDevice.objects.all().delete()

    save_device(device, [(b"third", b"third")], by=anna)

    assert SharedDevice.objects.get().serial_number == f"mgr-{device.pk}"
    assert set(SharedDevicePhoto.objects.values_list("pk", flat=True)) == {photo.pk for photo in device.photos.all()}


def test_serial_number_changed_by_the_app_is_restored_with_the_next_change(anna, device):
    SharedDevice.objects.update(serial_number="SN-1")

    save_device(device, [(b"first", b"first")], by=anna)
    assert SharedDevicePhoto.objects.get().device_id == device.pk

    device.title = "Плита Мечта"
    save_device(device, by=anna, changed=["название"])
    shared = SharedDevice.objects.get()
    assert (shared.pk, shared.title, shared.serial_number) == (device.pk, "Плита Мечта", f"mgr-{device.pk}")


def test_deleted_device_is_deleted_in_the_app_despite_another_serial_number(anna, device, photos):
    SharedDevice.objects.update(serial_number="SN-1")

    delete_device(device, by=anna)

    assert not SharedDevice.objects.exists()
    assert not SharedDevicePhoto.objects.exists()


def test_app_device_with_our_serial_number_is_not_changed(anna, client, device, photos):
    SharedDevice.objects.update(serial_number="SN-1")
    app_device = create_app_device(client, serial_number=mirror.mirror_serial(device))

    device.title = "Плита Мечта"
    save_device(device, by=anna, changed=["название"])
    save_device(device, [(b"third", b"third")], by=anna)

    mirrored = SharedDevice.objects.get(pk=device.pk)
    assert (mirrored.title, mirrored.serial_number, mirrored.photos.count()) == ("Плита Мечта", "SN-1", len(photos) + 1)

    delete_device(device, by=anna)

    remaining = SharedDevice.objects.get()
    assert (remaining, remaining.title, remaining.updated_at) == (app_device, "Часы", app_device.updated_at)


def test_photo_deleted_by_the_app_can_be_deleted(anna, photos):
    SharedDevicePhoto.objects.all().delete()

    delete_photo(photos[0], by=anna)

    assert not SharedDevicePhoto.objects.exists()


@pytest.mark.parametrize(
    ("name", "value"),
    [("SECRET_KEY", "another key, as long as it should be, and then some"), ("APP_BASE_URL", "https://new.example")],
)
def test_readdress_photos_updates_urls_after_a_new_key_or_base_url(signed_out, device, photos, settings, name, value):
    def is_served(photo) -> bool:
        url = SharedDevicePhoto.objects.get(pk=photo.pk).file_url
        base, path = url[: url.index("/p/")], url[url.index("/p/") :]
        return base == settings.APP_BASE_URL and signed_out.get(path).status_code == 302

    app_photo = SharedDevicePhoto.objects.create(
        device=SharedDevice.objects.get(), file_url="https://app.example/1.jpg",
        created_at=timezone.now(), updated_at=timezone.now(),
    )  # fmt: skip
    setattr(settings, name, value)
    assert not any(is_served(photo) for photo in photos)

    outputs = [StringIO(), StringIO()]
    for out in outputs:
        call_command("readdress_photos", stdout=out)

    assert all(is_served(photo) for photo in photos)
    assert [out.getvalue() for out in outputs] == ["2 URLs updated.\n", "0 URLs updated.\n"]
    assert SharedDevicePhoto.objects.get(pk=app_photo.pk).file_url == "https://app.example/1.jpg"
