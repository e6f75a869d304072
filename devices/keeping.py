"""Keeping devices, their photos and the surcharge, with a line in the client's log for each change."""

from collections.abc import Iterable

from django.db import transaction
from django.utils import timezone

from clients.models import Client, Status
from devices import surcharge
from devices.models import ClientTariff, Device, DevicePhoto, Tariff
from devices.tariffs import Surcharge
from foundation.russian import money
from foundation.storage import object_storage
from managers.models import Manager
from photos.models import Upload
from support import log


class _SentTwice(Exception):
    """The device was kept by an earlier copy of the same request."""


def keep(
    device: Device,
    photos: Iterable[tuple[bytes, bytes]] = (),
    *,
    by: Manager,
    changed: Iterable[str] = (),
    uploads: Iterable[Upload] = (),
) -> None:
    """Save a new device, or one of which `changed` names the changes, with new photos: all of it or nothing.

    `uploads` are accepted ones of this device. A new device that is sent twice under one id is kept once. Raises
    Device.DoesNotExist when somebody removed it, TooManyPhotos, or object_storage.StorageUnavailable.
    """
    drafts = device.draft_photos(photos, by=by)
    is_new = not device.is_kept
    try:
        with object_storage.stored(drafts.objects), transaction.atomic():
            _meet_others(device)
            if is_new or changed:
                device.write(by=by)
            rows = drafts.rows + device.accepted_photos(uploads, by=by, now=timezone.now())
            device.record_photos(rows)
            _tell(device.client, _what_happened(device, is_new, list(changed), len(rows)), by=by)
    except _SentTwice:
        return


def _meet_others(device: Device) -> None:
    """Hold the client, then look whether the device is there: others may have added or removed it meanwhile."""
    device.client.locked()
    is_there = Device.objects.filter(pk=device.pk).exists()
    if is_there and not device.is_kept:
        raise _SentTwice
    if device.is_kept and not is_there:
        raise Device.DoesNotExist


def _what_happened(device: Device, is_new: bool, changed: list[str], photos: int) -> str:
    if is_new:
        return f"Добавлено устройство «{device.title}»" + (f", фото: {photos}" if photos else "")
    if changed:
        return f"Изменено устройство «{device.title}»: {', '.join(changed)}" + (
            f", новых фото: {photos}" if photos else ""
        )
    return f"Добавлены фото устройства «{device.title}»: {photos}" if photos else ""


@transaction.atomic
def remove(device: Device, *, by: Manager) -> None:
    """Delete the device with its photos; one that is gone already is fine. Raises mirror.InUse."""
    device.client.locked()
    if Device.objects.filter(pk=device.pk).exists():
        device.remove(by=by)
        _tell(device.client, f"Удалено устройство «{device.title}»", by=by)


@transaction.atomic
def remove_photo(photo: DevicePhoto, *, by: Manager) -> None:
    """Delete the photo; one that is gone already is fine."""
    photo.device.client.locked()
    if DevicePhoto.objects.filter(pk=photo.pk).exists():
        photo.remove()
        _tell(photo.device.client, f"Удалено фото устройства «{photo.device.title}»", by=by)


@transaction.atomic
def choose_tariff(client: Client, tariff: Tariff, *, by: Manager) -> Surcharge:
    before = _fixed(client)
    result = surcharge.choose_tariff(client, tariff, by=by)
    if before is None or before[0] != tariff.pk:
        _tell(client, f"Выбран тариф «{tariff}»", by=by)
    return result


@transaction.atomic
def fix_surcharge(client: Client, tariff: Tariff, *, by: Manager) -> Surcharge:
    """Raises surcharge.NoDevices or clients.models.TransitionRefused."""
    status, before = client.locked().status, _fixed(client)
    result = surcharge.fix_surcharge(client, tariff, by=by)
    if status == Status.IN_VERIFICATION or before != _fixed(client):
        lines = f"тариф «{tariff}», устройств: {len(result.lines)}"
        _tell(client, f"Доплата рассчитана: {money.in_figures(result.total)} ({lines})", by=by)
    return result


def _fixed(client: Client) -> tuple | None:
    choice = ClientTariff.objects.filter(client=client)
    return choice.values_list("tariff_id", "device_count", "total_extra_fee").first()


def _tell(client: Client, body: str, *, by: Manager) -> None:
    if body:
        log.event(client, body, by=by, now=timezone.now())
