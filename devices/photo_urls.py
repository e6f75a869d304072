"""URLs of photos for the client's app, which shows them without signing in: signed, and expiring."""

from datetime import timedelta
from uuid import UUID

from django.conf import settings
from django.core import signing
from django.urls import reverse

from devices.models import DevicePhoto
from devices.shared import SharedDevicePhoto

SALT = "devices.photo"
LIFETIME = timedelta(days=30)
# An older URL is renewed. The nightly job may fail for two weeks before a URL expires.
RENEWED_AFTER = timedelta(days=15)


def public_url(photo: DevicePhoto) -> str:
    """Return a signed URL of the photo, valid for LIFETIME from now."""
    return _url(signing.TimestampSigner(salt=SALT).sign(photo.pk.hex))


def photo_id_from_token(token: str) -> str | None:
    """Return the photo id that `public_url` signed, or None if the signature is invalid or has expired.

    Earlier versions signed URLs without a time. Such a URL is valid until the app's row gets a new one.
    """
    try:
        signed = signing.Signer(salt=SALT).unsign(token)
        if ":" in signed:
            return signing.TimestampSigner(salt=SALT).unsign(token, max_age=LIFETIME)
    except signing.BadSignature:
        return None
    path = reverse("devices:public_photo", args=[token])
    return signed if SharedDevicePhoto.objects.filter(pk=UUID(signed), file_url__endswith=path).exists() else None


def needs_renewal(url: str, photo: DevicePhoto) -> bool:
    """Whether `url`, which the app has for the photo, must be replaced."""
    token = url.rstrip("/").rpartition("/")[2]
    try:
        photo_id = signing.TimestampSigner(salt=SALT).unsign(token, max_age=RENEWED_AFTER)
    except (signing.BadSignature, ValueError):  # ValueError: earlier versions signed without a time
        return True
    return photo_id != photo.pk.hex or url != _url(token)


def _url(token: str) -> str:
    return f"{settings.APP_BASE_URL}{reverse('devices:public_photo', args=[token])}"
