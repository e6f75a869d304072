"""Devices and photos are mirrored into the app's tables."""

from datetime import date

import pytest
from django.db import transaction
from django.urls import reverse
from django.utils import timezone

from clients.models import AccountStatus, AppUser
from conftest import execute_in_app, post_while
from devices import mirror
from devices.conftest import PHOTO, payload
from devices.models import Device
from devices.photo_urls import photo_id_from_token
from devices.saving import delete_device, delete_photo, save_device
from devices.shared import SharedDevice, SharedDevicePhoto


def create_app_device(client, **fields) -> SharedDevice:
    now = timezone.now()
    values = {"user_id": client.user_id, "title": "Часы", "brand": "Полёт", "model": "1"}
    return SharedDevice.objects.create(**values, created_at=now, updated_at=now, **fields)


def save(device, **fields) -> SharedDevice:
    """Change the device as a manager does, and return its row in the app."""
    for name, value in fields.items():
        setattr(device, name, value)
    save_device(device, by=device.updated_by, changed=list(fields))
    return SharedDevice.objects.get(pk=device.mirror_id or device.pk)


def close_account(client) -> None:
    """Close the account as the app does."""
    SharedDevice.objects.filter(user_id=client.user_id).update(user_id=None)
    AppUser.objects.filter(pk=client.user_id).update(status=AccountStatus.DELETED, deleted_at=timezone.now())


def test_new_device_is_mirrored(client, device):
    shared = SharedDevice.objects.get()

    assert shared.serial_number == f"mgr-{device.pk}"
    assert shared.user_id == client.user_id
    assert (shared.title, shared.brand, shared.model) == (device.title, "холодильник", "Бирюса 118")
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
    assert photo_id_from_token(shared[0].file_url.split("/p/")[1].rstrip("/")) == photos[0].pk.hex


def test_deleted_device_is_deleted_in_the_app_but_app_devices_stay(anna, client, device, photos):
    own = create_app_device(client, serial_number="SN-1")

    delete_device(device, by=anna)

    assert SharedDevice.objects.get() == own
    assert not SharedDevicePhoto.objects.exists()


def test_device_deleted_by_the_app_is_restored_with_the_next_change(anna, device, photos):
    SharedDevicePhoto.objects.all().delete()
    SharedDevice.objects.all().delete()

    save_device(device, [PHOTO], by=anna)

    assert SharedDevice.objects.get().serial_number == f"mgr-{device.pk}"
    assert set(SharedDevicePhoto.objects.values_list("pk", flat=True)) == {photo.pk for photo in device.photos.all()}


def test_serial_number_changed_by_the_app_is_restored_with_the_next_change(anna, device):
    SharedDevice.objects.update(serial_number="SN-1")

    save_device(device, [PHOTO], by=anna)
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
    save_device(device, [PHOTO], by=anna)

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
    ("title", "model"),
    [
        ("Холодильник  LG GA-B459", "LG GA-B459"),
        ("LG GA-B459", "LG GA-B459"),
        ("Холодильник", "Холодильник"),
        ("Холодильники и ко", "Холодильники и ко"),
    ],
)
def test_model_is_the_title_without_the_type(device, title, model):
    assert save(device, title=title).model == model


def test_serial_number_is_mirrored(device):
    assert save(device, serial_number="SN-118-0042").serial_number == "SN-118-0042"
    assert save(device, serial_number="").serial_number == f"mgr-{device.pk}"


def test_serial_number_of_another_row_gets_an_addition(anna, client, make, device):
    app_device = create_app_device(client, serial_number="Б/Н")
    other = make.device(client, anna, serial_number="Б/Н")

    assert save(device, serial_number="Б/Н").serial_number == f"Б/Н (mgr-{device.pk.hex[:8]})"
    assert SharedDevice.objects.get(pk=other.pk).serial_number == f"Б/Н (mgr-{other.pk.hex[:8]})"
    assert SharedDevice.objects.get(pk=app_device.pk).serial_number == "Б/Н"

    SharedDevice.objects.filter(pk=app_device.pk).delete()
    assert save(device, title="Плита").serial_number == "Б/Н"


def test_row_keeps_its_serial_number_if_all_ours_are_taken(client, device):
    save(device, serial_number="SN-1")
    for serial in ("SN-2", f"SN-2 (mgr-{device.pk.hex[:8]})", mirror.mirror_serial(device)):
        create_app_device(client, serial_number=serial)

    shared = save(device, serial_number="SN-2", title="Плита")
    assert (shared.serial_number, shared.title) == ("SN-1", "Плита")


def test_same_serial_number_saved_at_once_is_given_once(race, anna, client, make, device):
    other = make.device(client, anna)
    ids = [device.pk, other.pk]

    def change(pk):
        with transaction.atomic():
            mirrored = Device.objects.select_related("type", "client").get(pk=pk)
            mirrored.serial_number = "SN-1"
            assert mirror.mirror_device(mirrored)

    race(*[lambda pk=pk: change(pk) for pk in ids], at=SharedDevice)

    serials = dict(SharedDevice.objects.values_list("pk", "serial_number"))
    additions = {pk: f"SN-1 (mgr-{pk.hex[:8]})" for pk in ids}
    assert [serials[pk] for pk in ids] in (["SN-1", additions[ids[1]]], [additions[ids[0]], "SN-1"])


@pytest.fixture
def older_row(client, device, photos) -> SharedDevice:
    """The row of the older system in place of ours: another id, found by its serial number."""
    SharedDevicePhoto.objects.all().delete()
    SharedDevice.objects.all().delete()
    return create_app_device(client, serial_number=f"mgr-{device.pk}")


@pytest.mark.parametrize("is_detached", [False, True])
def test_row_of_the_older_system_is_used(anna, device, photos, older_row, is_detached):
    if is_detached:
        SharedDevice.objects.update(user_id=None)

    assert save(device, serial_number="SN-1").pk == older_row.pk
    assert save(Device.objects.get(pk=device.pk), title="Плита").pk == older_row.pk
    save_device(device, [PHOTO], by=anna)

    shared = SharedDevice.objects.get()
    assert (shared.serial_number, shared.title, shared.user_id) == ("SN-1", "Плита", device.client.user_id)
    assert SharedDevicePhoto.objects.get().device == shared

    delete_device(device, by=anna)
    assert not SharedDevice.objects.exists()


def test_row_of_another_client_with_our_serial_number_is_not_used(anna, make, device, older_row):
    other = make.client()
    SharedDevice.objects.update(user_id=other.user_id)

    shared = save(device, serial_number="SN-1")

    assert (shared.pk, shared.user_id) == (device.pk, device.client.user_id)
    assert SharedDevice.objects.get(pk=older_row.pk).user_id == other.user_id


def test_devices_of_a_closed_account_stay_detached(anna, client, device, photos):
    close_account(client)

    assert save(device, title="Плита").user_id is None
    save_device(device, [PHOTO], by=anna)
    save_device(Device(client=client, type=device.type, title="Новое"), by=anna)

    assert SharedDevice.objects.get().user_id is None
    assert SharedDevicePhoto.objects.count() == len(photos)


def test_device_detached_while_it_is_saved_stays_detached(transactional_db, anna, device):
    url = reverse("devices:device", args=[device.pk])

    def detach():
        SharedDevice.objects.update(user_id=None)

    response = post_while(detach, anna, url, payload(type=device.type_id, title="Плита"))

    assert response.status_code == 302
    shared = SharedDevice.objects.get()
    assert (shared.title, shared.user_id) == ("Плита", None)


def execute(*statements: str) -> None:
    for statement in statements:
        execute_in_app(statement)


@pytest.mark.parametrize(
    "change",
    [
        "ALTER TABLE devices ADD COLUMN colour text NOT NULL",
        "ALTER TABLE devices DROP COLUMN brand",
        "DROP TABLE device_photos",
        "DROP TABLE device_photos, devices",
    ],
)
def test_change_of_the_apps_tables_does_not_prevent_saving(as_anna, anna, make, client, caplog, change):
    execute(change)

    device = make.device(client, anna, title="Плита")
    save_device(device, [PHOTO], by=anna)
    assert device.photos.count() == 1
    if "photos" not in change:
        assert not SharedDevice.objects.exists()
    assert "refused a device or a photo" in caplog.text
    assert "Плита" not in caplog.text

    delete_photo(device.photos.get(), by=anna)
    delete_device(device, by=anna)
    assert not Device.objects.exists()
