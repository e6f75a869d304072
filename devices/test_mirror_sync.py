"""The nightly job repairs the mirror in the app and renews the URLs of photos."""

import tracemalloc
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from io import StringIO

import pytest
import time_machine
from django.core import signing
from django.core.management import CommandError, call_command
from django.db import connection, transaction
from django.utils import timezone

from conftest import as_app, run_on_own_connection
from devices.models import Device
from devices.saving import delete_device, delete_photo, save_device
from devices.shared import SharedDevice, SharedDevicePhoto
from devices.test_mirror import close_account, create_app_device

NOTHING = "0 devices and 0 photos updated.\n"


def sync() -> str:
    out = StringIO()
    call_command("sync_devices", stdout=out)
    return out.getvalue()


def url_of(photo) -> str:
    return SharedDevicePhoto.objects.get(pk=photo.pk).file_url


@pytest.fixture
def status(signed_out):
    """Return a function that returns the status of a photo's URL."""
    return lambda url: signed_out.get(url[url.index("/p/") :]).status_code


@pytest.fixture
def later():
    """Return a context manager in which this many days have passed."""
    return lambda days: time_machine.travel(timezone.now() + timedelta(days=days), tick=True)


def untimed_url(photo) -> str:
    """The URL of an earlier version: signed without a time."""
    return f"http://localhost:8000/p/{signing.Signer(salt='devices.photo').sign(photo.pk.hex)}/"


def test_rows_of_an_earlier_version_are_rewritten_once(device, photos):
    Device.objects.update(serial_number="SN-118-0042")
    updated_at = SharedDevice.objects.get().updated_at

    assert sync() == "1 devices and 0 photos updated.\n"

    shared = SharedDevice.objects.get()
    assert (shared.serial_number, shared.model) == ("SN-118-0042", "Бирюса 118")
    assert shared.updated_at == updated_at
    assert sync() == NOTHING


@pytest.mark.parametrize("field", ["title", "brand", "model", "serial_number"])
def test_row_changed_in_the_app_is_repaired(device, field):
    SharedDevice.objects.update(**{field: "Чужое"})
    assert sync() == "1 devices and 0 photos updated.\n"
    assert getattr(SharedDevice.objects.get(), field) != "Чужое"


def test_large_texts_written_in_the_app_are_not_read(device, photos):
    large = "x" * 3_000_000
    SharedDevice.objects.update(title=device.title + large, model=large)
    SharedDevicePhoto.objects.update(file_url=large)
    tracemalloc.start()
    assert sync() == "1 devices and 2 photos updated.\n"
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2_000_000
    assert SharedDevice.objects.get().title == device.title


def test_deleted_rows_are_restored(device, photos):
    SharedDevicePhoto.objects.filter(pk=photos[0].pk).delete()
    assert sync() == "1 devices and 1 photos updated.\n"

    SharedDevicePhoto.objects.all().delete()
    SharedDevice.objects.all().delete()
    assert sync() == "1 devices and 2 photos updated.\n"

    assert SharedDevice.objects.get().pk == device.pk
    assert SharedDevicePhoto.objects.count() == 2
    assert sync() == NOTHING


def test_serial_number_is_given_back_when_it_is_free(anna, client, make, device):
    taken = create_app_device(client, serial_number="SN-1")
    Device.objects.update(serial_number="SN-1")

    sync()
    assert SharedDevice.objects.get(pk=device.pk).serial_number == f"SN-1 (mgr-{device.pk.hex[:8]})"
    assert sync() == NOTHING

    taken.delete()
    sync()
    assert SharedDevice.objects.get().serial_number == "SN-1"


def test_row_of_the_older_system_is_found_again(client, device, photos):
    SharedDevicePhoto.objects.all().delete()
    SharedDevice.objects.all().delete()
    older = create_app_device(client, serial_number=f"mgr-{device.pk}")
    Device.objects.update(serial_number="SN-1")

    sync()

    shared = SharedDevice.objects.get()
    assert (shared.pk, shared.serial_number, shared.photos.count()) == (older.pk, "SN-1", 2)
    assert sync() == NOTHING


def test_devices_of_closed_and_deleted_accounts_stay_as_they_are(anna, make, client, device, photos, later):
    deleted = make.verified(anna)
    make.device(deleted, anna)
    make.delete_account(deleted)
    close_account(client)
    SharedDevicePhoto.objects.filter(pk=photos[0].pk).delete()

    with later(20):
        assert sync() == NOTHING
    assert SharedDevice.objects.get().user_id is None
    assert SharedDevicePhoto.objects.count() == 1


def test_devices_of_many_clients_are_read_in_batches(monkeypatch, anna, make):
    monkeypatch.setattr("devices.mirror_sync.BATCH_SIZE", 2)
    for _ in range(5):
        make.device(make.verified(anna), anna)
    SharedDevice.objects.update(title="Чужое")
    assert sync() == "5 devices and 0 photos updated.\n"


def test_url_expires_after_thirty_days(photos, status, later):
    url = url_of(photos[0])
    with later(29.9):
        assert status(url) == 302
    with later(30.1):
        assert status(url) == 404


def test_url_is_renewed_with_two_weeks_left(photos, status, later):
    url = url_of(photos[0])
    with later(14.9):
        assert sync() == NOTHING
    with later(15.1):
        assert sync() == "1 devices and 2 photos updated.\n"
        assert sync() == NOTHING
    new = url_of(photos[0])
    with later(29.9):
        assert status(url) == 302  # a page of the app that was opened before still shows the photo
    with later(44.9):
        assert status(url) == 404
        assert status(new) == 302


def test_url_of_a_deleted_photo_returns_404_at_once(anna, photos, status):
    url = url_of(photos[0])
    delete_photo(photos[0], by=anna)
    assert status(url) == 404


def test_url_without_a_time_works_until_it_is_renewed(photos, status):
    url = untimed_url(photos[0])
    assert status(url) == 404
    SharedDevicePhoto.objects.filter(pk=photos[0].pk).update(file_url=url)
    assert status(url) == 302

    assert sync() == "1 devices and 1 photos updated.\n"

    assert status(url) == 404
    assert status(url_of(photos[0])) == 302


@pytest.mark.parametrize(
    ("name", "value"),
    [("SECRET_KEY", "another key, as long as it should be, and then some"), ("APP_BASE_URL", "https://new.example")],
)
def test_urls_are_renewed_after_a_new_key_or_base_url(photos, status, settings, name, value):
    app_photo = SharedDevicePhoto.objects.create(
        device=SharedDevice.objects.get(), file_url="https://app.example/1.jpg",
        created_at=timezone.now(), updated_at=timezone.now(),
    )  # fmt: skip
    old = url_of(photos[0])
    setattr(settings, name, value)

    assert sync() == "1 devices and 2 photos updated.\n"

    assert url_of(photos[0]) != old
    assert url_of(photos[0]).startswith(settings.APP_BASE_URL)
    assert {status(url_of(photo)) for photo in photos} == {302}
    assert sync() == NOTHING
    assert SharedDevicePhoto.objects.get(pk=app_photo.pk).file_url == "https://app.example/1.jpg"


def test_url_of_another_photo_is_replaced(photos, status):
    SharedDevicePhoto.objects.filter(pk=photos[0].pk).update(file_url=url_of(photos[1]))
    assert sync() == "1 devices and 1 photos updated.\n"
    assert url_of(photos[0]) != url_of(photos[1])


def test_refused_rows_are_reported_and_the_others_repaired(anna, make, device):
    other = make.device(make.verified(anna), anna, title="Плита")
    with as_app(), connection.cursor() as cursor:
        cursor.execute("ALTER TABLE devices ADD CONSTRAINT no_stoves CHECK (title <> 'Плита') NOT VALID")
    SharedDevice.objects.update(title="Чужое")

    with pytest.raises(CommandError, match="1 devices could not be written"):
        sync()

    assert SharedDevice.objects.get(pk=device.pk).title == device.title
    assert SharedDevice.objects.get(pk=other.pk).title == "Чужое"


def test_locked_row_is_reported_and_the_others_repaired(transactional_db, anna, make, device):
    other = make.device(make.verified(anna), anna)
    SharedDevice.objects.update(title="Чужое")

    def sync_without_waiting():
        with connection.cursor() as cursor:
            cursor.execute("SET lock_timeout = '200ms'")
        return sync()

    with ThreadPoolExecutor(1) as pool, transaction.atomic():
        SharedDevice.objects.filter(pk=device.pk).update(brand="Чужое")
        outcome = pool.submit(run_on_own_connection, sync_without_waiting).result(timeout=60)

    assert "1 devices could not be written" in str(outcome)
    assert SharedDevice.objects.get(pk=device.pk).title == "Чужое"
    assert SharedDevice.objects.get(pk=other.pk).title == other.title


def test_missing_table_is_reported(photos):
    with as_app(), connection.cursor() as cursor:
        cursor.execute("DROP TABLE device_photos")
    with pytest.raises(CommandError, match="can't be read"):
        sync()


def test_device_changed_during_the_job_keeps_its_change(race, anna, client, device):
    SharedDevice.objects.update(title="Чужое")

    def change():
        changed = Device.objects.select_related("type", "client").get(pk=device.pk)
        changed.title = "Плита"
        save_device(changed, by=anna, changed=["название"])

    race(sync, change, at=client)
    assert SharedDevice.objects.get().title == "Плита"


def test_device_deleted_during_the_job_is_not_restored(race, anna, client, device, photos):
    SharedDevice.objects.update(title="Чужое")
    race(sync, lambda: delete_device(Device.objects.get(pk=device.pk), by=anna), at=client)
    assert not SharedDevice.objects.exists()
    assert not SharedDevicePhoto.objects.exists()
