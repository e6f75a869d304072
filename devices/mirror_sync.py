"""Repair the mirror in the app's tables, and renew the URLs of photos before they expire. Idempotent."""

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from uuid import UUID

from django.db import OperationalError, transaction
from django.db.models.functions import Left

from clients.exceptions import ClientErased
from clients.models import AccountStatus, Client
from devices import mirror
from devices.app_copies import add_copy
from devices.models import Device, DevicePhoto
from devices.photo_urls import needs_renewal
from devices.shared import SharedDevice, SharedDevicePhoto

logger = logging.getLogger(__name__)

BATCH_SIZE = 500
MAX_TEXT = 500  # longer than anything that the mirror writes


@dataclass
class Report:
    devices: int = 0
    photos: int = 0
    failed: int = 0


def sync_mirror() -> Report:
    """Mirror each device and photo that is missing or differs in the app, and renew old URLs.

    Photos with an old URL get their smaller copy, if they have none. Devices of a closed account stay as the app left
    them. Each device has its own transaction, so an interrupted run can be continued. Raises StorageUnavailable.
    """
    report = Report()
    for devices in _batches():
        rows, urls = _mirror_rows(devices), _photo_urls(devices)
        serial_owners = _serial_owners(devices)
        for device in devices:
            row = rows.get(device.mirror_id) or rows.get(device.pk)
            old = [photo for photo in device.photos.all() if needs_renewal(urls.get(photo.pk, ""), photo)]
            if old or row is None or _differs(row, device, serial_owners):
                _sync(device, old, report)
    return report


def _batches() -> Iterator[list[Device]]:
    """Yield all devices of open accounts with their photos."""
    devices = Device.objects.select_related("type", "client__user").prefetch_related("photos").order_by("pk")
    last = UUID(int=0)
    while batch := list(devices.filter(pk__gt=last)[:BATCH_SIZE]):
        yield [device for device in batch if device.client.user.effective_status != AccountStatus.DELETED]
        last = batch[-1].pk


def _mirror_rows(devices: list[Device]) -> dict[UUID, dict]:
    """Return the columns of the devices' rows by id. Texts are cut: anybody can write megabytes into them."""
    ids = {pk for device in devices for pk in (device.pk, device.mirror_id) if pk}
    texts = {f"{name}_start": Left(name, MAX_TEXT) for name in ("title", "brand", "model", "serial_number")}
    rows = SharedDevice.objects.filter(pk__in=ids).values("pk", "user_id", "purchase_date", **texts)
    return {row["pk"]: {name.removesuffix("_start"): value for name, value in row.items()} for row in rows}


def _photo_urls(devices: list[Device]) -> dict[UUID, str]:
    ids = [photo.pk for device in devices for photo in device.photos.all()]
    return dict(SharedDevicePhoto.objects.filter(pk__in=ids).values_list("pk", Left("file_url", MAX_TEXT)))


def _serial_owners(devices: list[Device]) -> dict[str, UUID]:
    """Return the rows that have serial numbers which the devices could have, by serial number."""
    serials = [serial for device in devices for serial in mirror.preferred_serials(device)]
    return dict(SharedDevice.objects.filter(serial_number__in=serials).values_list("serial_number", "pk"))


def _differs(row: dict, device: Device, serial_owners: dict[str, UUID]) -> bool:
    free = (serial for serial in mirror.preferred_serials(device) if serial_owners.get(serial) in (None, row["pk"]))
    values = mirror.mirrored_values(device) | {"user_id": device.client.user_id}
    values["serial_number"] = next(free, row["serial_number"])
    return any(row[name] != value for name, value in values.items())


def _sync(device: Device, old_photos: list[DevicePhoto], report: Report) -> None:
    for photo in old_photos:
        add_copy(photo)
    try:
        _repair(device, old_photos, report)
    except OperationalError as error:  # its rows are locked for too long; the others need not wait for them
        logger.warning("device %s could not be mirrored: %s", device.pk, type(error.__cause__).__name__)
        report.failed += 1


@transaction.atomic
def _repair(stale: Device, old_photos: list[DevicePhoto], report: Report) -> None:
    """Mirror the device again, and give `old_photos` new URLs. It may have been changed or deleted meanwhile."""
    try:
        Client(pk=stale.client_id).lock_for_any_manager()
        device = Device.objects.select_related("type", "client").get(pk=stale.pk)
    except (ClientErased, Device.DoesNotExist):
        return
    if not (mirror.mirror_device(device) and mirror.mirror_photos(device)):
        report.failed += 1
        return
    report.devices += 1
    for photo in device.photos.filter(pk__in=[photo.pk for photo in old_photos]):
        mirror.update_photo_url(photo)
        report.photos += 1
