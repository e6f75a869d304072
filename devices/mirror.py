"""Keeps the client's app in step: each device of ours is a row of the shared `devices`, under the serial `mgr-<id>`,
and each photo a row of `device_photos` with our photo's id. Runs in the caller's transaction.
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
    """Rows of the client's app refer to the device, so it can't be deleted."""


def mirror_serial(device: Device) -> str:
    return f"mgr-{device.pk}"


def _mirror_rows(device: Device) -> QuerySet[SharedDevice]:
    """The device's row, if any: by its id, also after the app has given it another serial, before one by our serial."""
    either = SharedDevice.objects.filter(Q(serial_number=mirror_serial(device)) | Q(pk=device.pk))
    first = either.alias(is_own=Q(pk=device.pk)).order_by("-is_own").values("pk")[:1]
    return SharedDevice.objects.filter(pk__in=first)


def mirror_device(device: Device) -> None:
    """Write the device's row, new or changed; one that the app deleted comes back with its photos."""
    shown = {
        "user_id": device.client.user_id,
        "title": device.title,
        "brand": device.type.name,
        "model": device.title,
        "purchase_date": device.purchased_on,
        "updated_at": device.updated_at,
    }
    # A serial is one row's, and the app may have given ours to another.
    is_free = not SharedDevice.objects.filter(serial_number=mirror_serial(device)).exists()
    ours = {"serial_number": mirror_serial(device)} if is_free else {}
    _, created = _mirror_rows(device).update_or_create(
        defaults=shown | ours, create_defaults=shown | ours | {"id": device.pk, "created_at": device.created_at}
    )
    if created:
        for photo in device.photos.all():
            _insert_photo_row(photo)


def delete_mirror(device: Device) -> None:
    """Delete the device's row and its photos' rows; InUse when the app's own rows refer to it."""
    try:
        with transaction.atomic():
            delete_mirrored_photos(device)
            _mirror_rows(device).delete()
            # The app may have made its reference deferrable: ask now, not at the commit.
            connection.check_constraints()
    except IntegrityError as error:
        raise DeviceInUse from error


def delete_mirrored_photos(device: Device) -> None:
    SharedDevicePhoto.objects.filter(device__in=_mirror_rows(device)).delete()


def mirror_photo(photo: DevicePhoto) -> None:
    """Write the row of a photo that has just been saved."""
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
    """Write the photo's address anew if it is another now; says whether it was."""
    url = public_url(photo)
    other = SharedDevicePhoto.objects.filter(pk=photo.pk).exclude(file_url=url)
    return bool(other.update(file_url=url, updated_at=timezone.now()))


def public_url(photo: DevicePhoto) -> str:
    """The permanent address of the photo for the client's app: whoever has it sees this photo and nothing else."""
    path = reverse("devices:public_photo", args=[_signer().sign(photo.pk.hex)])
    return f"{settings.APP_BASE_URL}{path}"


def photo_id_from_token(token: str) -> str | None:
    """The photo's id that `public_url` signed, or None for a token that is not ours."""
    try:
        return _signer().unsign(token)
    except signing.BadSignature:
        return None


def _signer() -> signing.Signer:
    # Made on use: at import it would end in a traceback where SECRET_KEY is missing, before the checks can say so.
    return signing.Signer(salt="devices.photo")
