"""Mirror devices and photos into the app's tables, in the caller's transaction.

Each device is a row of `devices` with the serial number `mgr-<id>`, and each photo a row of `device_photos` with the
same id.
"""

from django.conf import settings
from django.core import signing
from django.db import IntegrityError, connection, transaction
from django.db.models import Q, QuerySet
from django.urls import reverse
from django.utils import timezone

from devices.models import Device, DevicePhoto
from devices.shared import SharedDevice, SharedDevicePhoto


class DeviceInUse(Exception):
    """Rows of the app refer to the device, so it can't be deleted."""


def mirror_serial(device: Device) -> str:
    return f"mgr-{device.pk}"


def _mirror_rows(device: Device) -> QuerySet[SharedDevice]:
    """Return the mirrored row, if any: by id, even if the app changed its serial number, else by our serial number."""
    candidates = SharedDevice.objects.filter(Q(serial_number=mirror_serial(device)) | Q(pk=device.pk))
    first = candidates.alias(is_own=Q(pk=device.pk)).order_by("-is_own").values("pk")[:1]
    return SharedDevice.objects.filter(pk__in=first)


def mirror_device(device: Device) -> None:
    """Insert or update the device's row. If the app deleted the row, its photos are restored too."""
    values = {
        "user_id": device.client.user_id,
        "title": device.title,
        "brand": device.type.name,
        "model": device.title,
        "purchase_date": device.purchased_on,
        "updated_at": device.updated_at,
    }
    # Serial numbers are unique, and the app may have given ours to another row.
    is_free = not SharedDevice.objects.filter(serial_number=mirror_serial(device)).exists()
    values |= {"serial_number": mirror_serial(device)} if is_free else {}
    _, created = _mirror_rows(device).update_or_create(
        defaults=values, create_defaults=values | {"id": device.pk, "created_at": device.created_at}
    )
    if created:
        for photo in device.photos.all():
            _insert_photo_row(photo)


def delete_mirror(device: Device) -> None:
    """Delete the rows of the device and its photos. Raises DeviceInUse if other rows of the app refer to the device."""
    try:
        with transaction.atomic():
            delete_mirrored_photos(device)
            _mirror_rows(device).delete()
            # The app's foreign keys may be deferrable: check them now, not at the commit.
            connection.check_constraints()
    except IntegrityError as error:
        raise DeviceInUse from error


def delete_mirrored_photos(device: Device) -> None:
    SharedDevicePhoto.objects.filter(device__in=_mirror_rows(device)).delete()


def mirror_photo(photo: DevicePhoto) -> None:
    """Insert the row of a new photo."""
    if _mirror_rows(photo.device).exists():
        _insert_photo_row(photo)
    else:
        mirror_device(photo.device)


def _insert_photo_row(photo: DevicePhoto) -> None:
    SharedDevicePhoto.objects.create(
        id=photo.pk,
        device=_mirror_rows(photo.device).get(),
        file_url=public_url(photo),
        created_at=photo.created_at,
        updated_at=photo.created_at,
    )


def delete_mirrored_photo(photo: DevicePhoto) -> None:
    SharedDevicePhoto.objects.filter(pk=photo.pk).delete()


def update_photo_url(photo: DevicePhoto) -> bool:
    """Update the photo's URL if it changed. Return whether it did."""
    url = public_url(photo)
    outdated = SharedDevicePhoto.objects.filter(pk=photo.pk).exclude(file_url=url)
    return bool(outdated.update(file_url=url, updated_at=timezone.now()))


def public_url(photo: DevicePhoto) -> str:
    """Return the photo's permanent signed URL for the client's app."""
    path = reverse("devices:public_photo", args=[_signer().sign(photo.pk.hex)])
    return f"{settings.APP_BASE_URL}{path}"


def photo_id_from_token(token: str) -> str | None:
    """Return the photo id that `public_url` signed, or None if the signature is invalid."""
    try:
        return _signer().unsign(token)
    except signing.BadSignature:
        return None


def _signer() -> signing.Signer:
    # Created on use: at import it would raise if SECRET_KEY is missing, before the system checks can report it.
    return signing.Signer(salt="devices.photo")
