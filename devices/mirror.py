"""Mirror devices and photos into the app's tables, in the caller's transaction.

Each device is a row of `devices`, and each photo a row of `device_photos`, under the same id. Only rows of the older
system have other ids: they are found once by their serial number `mgr-<device id>`, and by `Device.mirror_id` from then
on. `devices/mirror_sync.py` repairs whatever is missing or differs.
"""

import logging
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from django.db import DatabaseError, IntegrityError, OperationalError, ProgrammingError, connection, transaction
from django.db.models import Q, QuerySet
from django.utils import timezone
from psycopg.errors import UndefinedTable

from clients.models import AccountStatus, AppUser
from devices.models import Device, DevicePhoto
from devices.photo_urls import public_url
from devices.shared import SharedDevice, SharedDevicePhoto
from foundation.observability import metrics

logger = logging.getLogger(__name__)


class DeviceInUse(Exception):
    """Rows of the app refer to the device, so it can't be deleted."""


def mirror_serial(device: Device) -> str:
    """The serial number in the app of a device without one. The older system gave it to every device."""
    return f"mgr-{device.pk}"


def preferred_serials(device: Device) -> list[str]:
    """Serial numbers for the app, the best first. They are unique there, and another row may have the first one."""
    if not device.serial_number:
        return [mirror_serial(device)]
    return [device.serial_number, f"{device.serial_number} (mgr-{device.pk.hex[:8]})", mirror_serial(device)]


def mirrored_values(device: Device) -> dict:
    """The columns that the app shows, without the serial number."""
    return {
        "title": device.title,
        "brand": device.type.name,
        "model": _model(device),
        "purchase_date": device.purchased_on,
    }


def _model(device: Device) -> str:
    """The title without the type that it begins with, because the app shows the type as the brand."""
    brand = device.type.name
    without_type = device.title[len(brand) :]
    begins_with_type = device.title[: len(brand)].casefold() == brand.casefold() and without_type[:1].isspace()
    return (begins_with_type and without_type.strip()) or device.title


def mirror_device(device: Device) -> bool:
    """Insert or update the device's row. A new row gets the rows of all its photos.

    If the client closed the account, the app has detached its devices, and nothing is written. Returns False if the
    app's tables refuse the row: a failure of the mirror must not prevent our work.
    """
    return not _account_is_open(device) or _attempt(lambda: _mirror(device))


def mirror_photo(photo: DevicePhoto) -> bool:
    """Insert the row of a new photo. Returns False if the app's tables refuse it."""
    if not _account_is_open(photo.device):
        return True
    return _attempt(lambda: _mirror_photos(photo.device, [photo]) or _mirror(photo.device))


def mirror_photos(device: Device) -> bool:
    """Insert the missing rows of the device's photos. Returns False if the app's tables refuse them."""
    return _attempt(lambda: _mirror_photos(device, device.photos.all()))


def delete_mirror(device: Device) -> None:
    """Delete the rows of the device and its photos. Raises DeviceInUse if other rows of the app refer to the device."""
    try:
        with transaction.atomic():
            delete_mirrored_photos(device)
            with _nothing_if_missing():
                _mirror_rows(device).delete()
            # The app's foreign keys may be deferrable: check them now, not at the commit.
            connection.check_constraints()
    except IntegrityError as error:
        raise DeviceInUse from error


def strip_mirror(device: Device) -> None:
    """Erase what tells devices apart from a row that has to stay: the photos and the serial number."""
    delete_mirrored_photos(device)
    _mirror_rows(device).update(serial_number=f"mgr-{uuid.uuid4()}")


def delete_mirrored_photos(device: Device) -> None:
    with _nothing_if_missing():
        SharedDevicePhoto.objects.filter(device__in=_mirror_rows(device)).delete()


def delete_mirrored_photo(photo: DevicePhoto) -> None:
    with _nothing_if_missing():
        SharedDevicePhoto.objects.filter(pk=photo.pk).delete()


def update_photo_url(photo: DevicePhoto) -> None:
    """Give the photo a new URL in the app."""
    SharedDevicePhoto.objects.filter(pk=photo.pk).update(file_url=public_url(photo), updated_at=timezone.now())


def _account_is_open(device: Device) -> bool:
    # Read it again: the client may have closed it since the page was opened.
    account = AppUser.objects.only("status", "deleted_at").filter(pk=device.client.user_id).first()
    return account is not None and account.effective_status != AccountStatus.DELETED


def _mirror_rows(device: Device) -> QuerySet[SharedDevice]:
    """Return the mirrored row, if any."""
    rows = SharedDevice.objects.filter(pk__in=[device.mirror_id or device.pk, device.pk])
    if found := rows.values_list("pk", flat=True).first():
        return SharedDevice.objects.filter(pk=found)
    # The app may have detached the row from a closed account; a row of another client is not ours.
    of_client = Q(user=None) | Q(user=device.client.user_id)
    return SharedDevice.objects.filter(of_client, serial_number=mirror_serial(device))


def _mirror(device: Device) -> None:
    row = _mirror_rows(device).values("pk", "user_id", "serial_number").first()
    values = mirrored_values(device) | {"updated_at": device.updated_at}
    if row is None:
        _insert(device, values)
        _mirror_photos(device, device.photos.all())
    else:
        _update(device, row, values)


def _insert(device: Device, values: dict) -> None:
    values |= {"id": device.pk, "user_id": device.client.user_id, "created_at": device.created_at}
    create = SharedDevice.objects.create
    _write_with_free_serial(device, None, lambda serial: create(**values, serial_number=serial))


def _update(device: Device, row: dict, values: dict) -> None:
    if row["pk"] not in (device.pk, device.mirror_id):
        device.mirror_id = row["pk"]
        Device.objects.filter(pk=device.pk).update(mirror_id=device.mirror_id)
    if row["user_id"] != device.client.user_id:
        # Not written otherwise: the app may be detaching the row at this moment.
        values["user_id"] = device.client.user_id
    own = SharedDevice.objects.filter(pk=row["pk"])
    _write_with_free_serial(device, row, lambda serial: own.update(**values, serial_number=serial))


def _write_with_free_serial(device: Device, row: dict | None, write: Callable[[str], object]) -> None:
    """Call `write` with the best serial number that no other row has. `row` is the device's own row, if any."""
    serials = preferred_serials(device)
    others = SharedDevice.objects.filter(serial_number__in=serials).exclude(pk=row and row["pk"])
    taken = set(others.values_list("serial_number", flat=True))
    current = row["serial_number"] if row else mirror_serial(device)
    *free, last = [serial for serial in serials if serial not in taken] or [current]
    for serial in free:
        try:
            with transaction.atomic():
                write(serial)
        except IntegrityError:  # another transaction took it meanwhile
            continue
        return
    write(last)


def _mirror_photos(device: Device, photos) -> bool:
    """Insert the missing rows of `photos`. Return False if the device has no row."""
    row_id = _mirror_rows(device).values_list("pk", flat=True).first()
    if row_id is None:
        return False
    photos = list(photos)
    present = set(SharedDevicePhoto.objects.filter(pk__in=[photo.pk for photo in photos]).values_list("pk", flat=True))
    for photo in photos:
        if photo.pk not in present:
            SharedDevicePhoto.objects.create(
                id=photo.pk,
                device_id=row_id,
                file_url=public_url(photo),
                created_at=photo.created_at,
                updated_at=photo.created_at,
            )
    return True


def _attempt(write: Callable[[], object]) -> bool:
    """Run `write` in a savepoint. Return False if the app's tables refuse it, for example after a change of theirs."""
    try:
        with transaction.atomic():
            write()
    except OperationalError:  # the connection, a lock or a time limit: the caller's transaction fails too
        raise
    except DatabaseError as error:
        metrics.MIRROR_FAILURES.inc()
        # Its message may contain values of the row.
        logger.error("the app's tables refused a device or a photo: %s", type(error.__cause__).__name__)
        return False
    return True


@contextmanager
def _nothing_if_missing() -> Iterator[None]:
    """Run the block in a savepoint; ignore that a table of the app does not exist, because then it holds nothing."""
    try:
        with transaction.atomic():
            yield
    except ProgrammingError as error:
        if not isinstance(error.__cause__, UndefinedTable):
            raise
