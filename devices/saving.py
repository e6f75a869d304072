"""Save and delete devices and photos, with their mirror in the client's app.

Each function locks the client once and adds an entry to the client log. A change after signing requires a new contract.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime

from django.db import transaction
from django.utils import timezone

from clients.models import Client
from devices import mirror, surcharge
from devices.models import MAX_PHOTOS, Device, DevicePhoto, TooManyPhotos
from foundation.storage import object_storage
from managers.models import Manager
from photos.images import Photo
from photos.models import Upload
from support import log


class _AlreadySaved(Exception):
    """The same form was already saved by an earlier request."""


def save_device(
    device: Device,
    photos: Iterable[Photo] = (),
    *,
    by: Manager,
    changed: Sequence[str] = (),
    uploads: Iterable[Upload] = (),
) -> None:
    """Save a device with new photos, all or nothing.

    `changed` holds the labels of changed fields; without them an existing device is not saved. `uploads` are accepted
    uploads of this device. A new device submitted twice with the same id is saved once. Raises Device.DoesNotExist if
    it was deleted, TooManyPhotos, or object_storage.StorageUnavailable.
    """
    rows, objects = _new_photos(device, photos, by=by)
    is_new, now = not device.is_saved, timezone.now()
    try:
        with object_storage.stored_objects(objects), transaction.atomic():
            client = _lock_client(device)
            if is_new or changed:
                _save(device, client, by=by, now=now)
            rows += _photos_of_uploads(device, uploads, by=by, now=now)
            _save_photos(device, rows)
            if message := _describe_change(device, is_new, changed, len(rows)):
                log.add_event(client, message, by=by, now=now)
    except _AlreadySaved:
        return


def _new_photos(device: Device, photos: Iterable[Photo], *, by: Manager) -> tuple[list[DevicePhoto], dict[str, bytes]]:
    """Build unsaved rows. Return them and their objects by key."""
    rows, objects = [], {}
    for photo in photos:
        row = DevicePhoto(device=device, added_by=by)
        row.key = DevicePhoto.key_for(device.pk, row.pk)
        rows.append(row)
        objects |= row.objects_by_key(photo)
    return rows, objects


def _lock_client(device: Device) -> Client:
    """Lock the client, then check whether the device was added or deleted concurrently."""
    client = device.client.lock()
    exists = Device.objects.filter(pk=device.pk).exists()
    if exists and not device.is_saved:
        raise _AlreadySaved
    if device.is_saved and not exists:
        raise Device.DoesNotExist
    return client


def _save(device: Device, client: Client, *, by: Manager, now: datetime) -> None:
    device.updated_at, device.updated_by = now, by
    device.save()
    mirror.mirror_device(device)
    surcharge.recompute(client, by=by, now=now)
    client.require_new_contract(by=by, now=now)


def _photos_of_uploads(device: Device, uploads: Iterable[Upload], *, by: Manager, now: datetime) -> list[DevicePhoto]:
    """Mark the uploads as attached. Return unsaved rows for those that were not attached before."""
    new = [upload for upload in uploads if upload.mark_attached(now=now)]
    return [DevicePhoto(device=device, key=upload.photo_key, added_by=by) for upload in new]


def _save_photos(device: Device, photos: list[DevicePhoto]) -> None:
    if photos and device.photos.count() + len(photos) > MAX_PHOTOS:
        raise TooManyPhotos
    for photo in photos:
        photo.save(force_insert=True)
        mirror.mirror_photo(photo)


def _describe_change(device: Device, is_new: bool, changed: Sequence[str], photos: int) -> str:
    if is_new:
        return f"Добавлено устройство «{device.title}»" + (f", фото: {photos}" if photos else "")
    if changed:
        more = f", новых фото: {photos}" if photos else ""
        return f"Изменено устройство «{device.title}»: {', '.join(changed)}{more}"
    return f"Добавлены фото устройства «{device.title}»: {photos}" if photos else ""


@transaction.atomic
def delete_device(device: Device, *, by: Manager) -> None:
    """Delete the device with its photos and mirror. Idempotent.

    Raises mirror.DeviceInUse if rows of the app, such as service requests, refer to the device.
    """
    client, now = device.client.lock(), timezone.now()
    if not Device.objects.filter(pk=device.pk).exists():
        return
    keys = [key for photo in device.photos.all() for key in photo.keys]
    mirror.delete_mirror(device)
    device.photos.all().delete()
    device.delete()
    object_storage.delete_after_commit(*keys)
    surcharge.recompute(client, by=by, now=now)
    client.require_new_contract(by=by, now=now)
    log.add_event(client, f"Удалено устройство «{device.title}»", by=by, now=now)


@transaction.atomic
def delete_photo(photo: DevicePhoto, *, by: Manager) -> None:
    """Delete the photo with its mirrored row and, after the commit, its objects. Idempotent."""
    client = photo.device.client.lock()
    if not DevicePhoto.objects.filter(pk=photo.pk).exists():
        return
    mirror.delete_mirrored_photo(photo)
    photo.delete()
    object_storage.delete_after_commit(*photo.keys)
    log.add_event(client, f"Удалено фото устройства «{photo.device.title}»", by=by, now=timezone.now())
