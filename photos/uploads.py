"""Photos that a browser sends straight to the storage, in two deeds: handing out an upload, and completing it."""

import uuid

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.files.base import ContentFile
from django.db import transaction
from django.utils import timezone

from agreements import consents
from agreements.models import AgreementMissing, Kind
from clients.models import Client
from devices import keeping as device_keeping
from devices.forms import TOO_MANY_PHOTOS
from devices.models import MAX_PHOTOS, Device, DevicePhoto, TooManyPhotos
from foundation.observability import metrics
from foundation.storage import object_storage
from managers import limits
from managers.models import Manager
from passport import keeping as passport_keeping
from passport.models import Passport
from photos import images
from photos.models import Purpose, Upload


class NotArrived(Exception):
    """Nothing lies under the upload's key yet."""


class PhotoRefused(Exception):
    """What arrived is no photo that we keep; `message` says why."""

    def __init__(self, message: str):
        super().__init__(message)
        self.message = message


class _CompletedByAnother(Exception):
    """Another request was completing the same upload, and was first; that one counts."""


REFUSALS = (PhotoRefused, NotArrived, AgreementMissing, TooManyPhotos, object_storage.StorageUnavailable)


@transaction.atomic
def hand_out(
    client: Client, purpose: str, *, device_id: uuid.UUID | None, content_type: str, size: int, by: Manager
) -> Upload:
    """An upload for the client's passport or device, kept or not yet.

    Raises AgreementMissing, Device.DoesNotExist when another client has that device, TooManyPhotos when it has no room
    for one more, limits.TooManyTries when `by` was handed too many within the hour.
    """
    client = client.locked()
    if purpose == Purpose.PASSPORT:
        consents.require(client, Kind.PERSONAL_DATA)
    if purpose == Purpose.DEVICE:
        _look_for_room(client, device_id)
    limits.UPLOADS.take(by)
    return Upload.hand_out(client, purpose, device_id=device_id, content_type=content_type, size=size, by=by)


def _look_for_room(client: Client, device_id: uuid.UUID) -> None:
    device = Device.objects.filter(pk=device_id).first()
    if device and device.client_id != client.pk:
        raise Device.DoesNotExist
    kept = device.photos.count() if device else 0
    if kept + client.uploads.expected_for(device_id).count() >= MAX_PHOTOS:
        raise TooManyPhotos


def complete(upload: Upload, *, by: Manager) -> None:
    """Make of what arrived a photo of our own, attached when its row is kept already; or refuse it, in words.

    Once completed, nothing more happens. Raises NotArrived, StorageUnavailable, or Upload.DoesNotExist when it was
    taken back meanwhile; then nothing was changed.
    """
    if upload.completed_at:
        return
    try:
        with metrics.counted(metrics.UPLOADS, REFUSALS, done="accepted"):
            _accept(upload, _read(upload), by=by)
    except _CompletedByAnother:
        upload.refresh_from_db()
    except (PhotoRefused, AgreementMissing) as refused:  # the agreement was withdrawn meanwhile
        upload.refuse(refused.message, now=timezone.now())
    except TooManyPhotos:
        upload.refuse(TOO_MANY_PHOTOS, now=timezone.now())


def _read(upload: Upload) -> images.Photo:
    try:
        return images.read_photo(ContentFile(_content(upload)))
    except ValidationError as error:
        raise PhotoRefused(" ".join(error.messages)) from error


def _content(upload: Upload) -> bytes:
    try:
        return object_storage.read(upload.key, most=settings.PHOTO_MAX_BYTES)
    except object_storage.ObjectTooLarge as error:
        raise images.too_large() from error
    except object_storage.ObjectMissing as error:
        upload.refresh_from_db()  # it is missing too when another request has just completed it
        raise (_CompletedByAnother if upload.completed_at else NotArrived) from error


def _accept(upload: Upload, photo: images.Photo, *, by: Manager) -> None:
    key, objects = _objects(upload, photo)
    with object_storage.stored(objects), transaction.atomic():
        upload.client.locked()
        if not upload.accept(key, now=timezone.now()):
            raise _CompletedByAnother
        _attach(upload, by=by)


def _objects(upload: Upload, photo: images.Photo) -> tuple[str, dict[str, bytes]]:
    """The photo's final key, another at each try, and what is stored under it and beside it."""
    if upload.purpose == Purpose.PASSPORT:
        key = passport_keeping.photo_key(upload.client_id)
        return key, {key: photo.picture}
    draft = DevicePhoto(key=DevicePhoto.key_for(upload.device_id, uuid.uuid4()))
    return draft.key, {draft.key: photo.picture, draft.thumbnail_key: photo.thumbnail}


def _attach(upload: Upload, *, by: Manager) -> None:
    if upload.purpose == Purpose.PASSPORT:
        passport = Passport.objects.select_related("client").filter(client=upload.client_id).first()
        if passport:
            passport_keeping.attach(passport, [upload], by=by)
        return
    device = Device.objects.select_related("client").filter(pk=upload.device_id, client=upload.client_id).first()
    if device:
        device_keeping.keep(device, uploads=[upload], by=by)
