"""The shared `devices` and `device_photos` follow ours."""

from datetime import date
from io import StringIO

import pytest
from django.core.management import call_command
from django.utils import timezone

from devices import mirror
from devices.saving import delete_device, delete_photo, save_device
from devices.shared import SharedDevice, SharedDevicePhoto


def made_by_the_app(client, **fields) -> SharedDevice:
    now = timezone.now()
    values = {"user_id": client.user_id, "title": "Часы", "brand": "Полёт", "model": "1"}
    return SharedDevice.objects.create(**values, created_at=now, updated_at=now, **fields)


def test_a_new_device_appears_in_the_clients_app(client, device):
    shared = SharedDevice.objects.get()

    assert shared.serial_number == f"mgr-{device.pk}"
    assert shared.user_id == client.user_id
    assert (shared.title, shared.brand, shared.model) == (device.title, "холодильник", device.title)
    assert shared.purchase_date == date(2024, 5, 1)


def test_a_changed_device_is_changed_there(make, anna, device):
    created = SharedDevice.objects.get().created_at

    device.title, device.type, device.purchased_on = "Плита Мечта", make.type("плита"), None
    save_device(device, by=anna, changed=["название"])

    shared = SharedDevice.objects.get()
    assert (shared.title, shared.brand, shared.purchase_date) == ("Плита Мечта", "плита", None)
    assert shared.created_at == created
    assert shared.updated_at == device.updated_at


def test_a_photo_appears_there_with_an_address_of_ours(photos):
    shared = list(SharedDevicePhoto.objects.order_by("created_at", "id"))

    assert [photo.pk for photo in shared] == [photo.pk for photo in photos]
    assert shared[0].file_url.startswith("http://localhost:8000/p/")
    assert mirror.photo_id_from_token(shared[0].file_url.split("/p/")[1].rstrip("/")) == photos[0].pk.hex


def test_a_removed_device_disappears_there_and_the_apps_own_stay(anna, client, device, photos):
    own = made_by_the_app(client, serial_number="SN-1")

    delete_device(device, by=anna)

    assert SharedDevice.objects.get() == own
    assert not SharedDevicePhoto.objects.exists()


def test_a_device_that_the_app_deleted_comes_back_whole_with_the_next_change(anna, device, photos):
    SharedDevicePhoto.objects.all().delete()
    SharedDevice.objects.all().delete()

    save_device(device, [(b"third", b"third")], by=anna)

    assert SharedDevice.objects.get().serial_number == f"mgr-{device.pk}"
    assert set(SharedDevicePhoto.objects.values_list("pk", flat=True)) == {photo.pk for photo in device.photos.all()}


def test_a_device_with_another_serial_in_the_app_takes_photos_and_gets_its_own_back_with_the_next_change(anna, device):
    SharedDevice.objects.update(serial_number="SN-1")

    save_device(device, [(b"first", b"first")], by=anna)
    assert SharedDevicePhoto.objects.get().device_id == device.pk

    device.title = "Плита Мечта"
    save_device(device, by=anna, changed=["название"])
    shared = SharedDevice.objects.get()
    assert (shared.pk, shared.title, shared.serial_number) == (device.pk, "Плита Мечта", f"mgr-{device.pk}")


def test_a_removed_device_disappears_there_under_another_serial_too(anna, device, photos):
    SharedDevice.objects.update(serial_number="SN-1")

    delete_device(device, by=anna)

    assert not SharedDevice.objects.exists()
    assert not SharedDevicePhoto.objects.exists()


def test_a_row_of_the_app_that_has_a_devices_serial_is_left_alone(anna, client, device, photos):
    SharedDevice.objects.update(serial_number="SN-1")
    theirs = made_by_the_app(client, serial_number=mirror.mirror_serial(device))

    device.title = "Плита Мечта"
    save_device(device, by=anna, changed=["название"])
    save_device(device, [(b"third", b"third")], by=anna)

    ours = SharedDevice.objects.get(pk=device.pk)
    assert (ours.title, ours.serial_number, ours.photos.count()) == ("Плита Мечта", "SN-1", len(photos) + 1)

    delete_device(device, by=anna)

    left = SharedDevice.objects.get()
    assert (left, left.title, left.updated_at) == (theirs, "Часы", theirs.updated_at)


def test_a_photo_that_the_app_deleted_can_be_removed(anna, photos):
    SharedDevicePhoto.objects.all().delete()

    delete_photo(photos[0], by=anna)

    assert not SharedDevicePhoto.objects.exists()


@pytest.mark.parametrize(
    ("name", "value"),
    [("SECRET_KEY", "another key, as long as it should be, and then some"), ("APP_BASE_URL", "https://new.example")],
)
def test_with_another_key_or_address_photos_get_new_addresses(signed_out, device, photos, settings, name, value):
    def shown(photo) -> bool:
        url = SharedDevicePhoto.objects.get(pk=photo.pk).file_url
        base, path = url[: url.index("/p/")], url[url.index("/p/") :]
        return base == settings.APP_BASE_URL and signed_out.get(path).status_code == 302

    apps_own = SharedDevicePhoto.objects.create(
        device=SharedDevice.objects.get(), file_url="https://app.example/1.jpg",
        created_at=timezone.now(), updated_at=timezone.now(),
    )  # fmt: skip
    setattr(settings, name, value)
    assert not any(shown(photo) for photo in photos)

    said = [StringIO(), StringIO()]
    for out in said:
        call_command("readdress_photos", stdout=out)

    assert all(shown(photo) for photo in photos)
    assert [out.getvalue() for out in said] == ["2 addresses renewed.\n", "0 addresses renewed.\n"]
    assert SharedDevicePhoto.objects.get(pk=apps_own.pk).file_url == "https://app.example/1.jpg"
