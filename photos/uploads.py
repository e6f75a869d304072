"""Direct uploads from the browser to the object storage: start an upload, then complete it."""

import uuid

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.files.base import ContentFile
from django.db import transaction
from django.utils import timezone

from clients.models import Client
from foundation.exceptions import Refusal
from foundation.observability import metrics
from foundation.storage import object_storage
from managers import limits
from managers.models import Manager
from photos import images
from photos.destinations import destination_for
from photos.models import Upload


class NotArrived(Exception):
    """The object has not been uploaded yet."""


class PhotoRefused(Refusal):
    """The file is not an acceptable photo; `message` is the reason for the user."""


class _AlreadyCompleted(Exception):
    """A concurrent request has already completed the upload."""


FAILURES = (Refusal, NotArrived, object_storage.StorageUnavailable)


@transaction.atomic
def start_upload(
    client: Client, purpose: str, *, device_id: uuid.UUID | None, content_type: str, size: int, by: Manager
) -> Upload:
    """Start an upload by `by` for the client's passport or device, which need not be saved yet.

    `size` is in bytes, as announced by the browser. Raises Refusal or ObjectDoesNotExist if the destination refuses the
    photo, limits.TooManyTries if `by` started too many uploads within the hour.
    """
    client = client.lock()
    destination_for(purpose).check(client, device_id)
    limits.UPLOADS.consume(by)
    return Upload.objects.create(
        client=client, manager=by, purpose=purpose, device_id=device_id, content_type=content_type, size=size,
        key=f"incoming/{client.pk}/{purpose}-{uuid.uuid4().hex}",
    )  # fmt: skip


def complete_upload(upload: Upload, *, by: Manager) -> None:
    """Re-encode the uploaded file and attach it if its device or passport is saved, or reject it with a message.

    Idempotent. Raises NotArrived, StorageUnavailable, or Upload.DoesNotExist if the upload was discarded meanwhile.
    Then nothing is changed.
    """
    if upload.completed_at:
        return
    try:
        with metrics.count_outcome(metrics.UPLOADS, FAILURES, success="accepted"):
            _accept(upload, _read_photo(upload), by=by)
    except _AlreadyCompleted:
        upload.refresh_from_db()
    except Refusal as refusal:  # the file is no photo, or the destination refuses it now
        upload.mark_rejected(refusal.message, now=timezone.now())


def _read_photo(upload: Upload) -> images.Photo:
    try:
        return images.read_photo(ContentFile(_read_content(upload)))
    except ValidationError as error:
        raise PhotoRefused(" ".join(error.messages)) from error


def _read_content(upload: Upload) -> bytes:
    try:
        return object_storage.read_limited(upload.key, max_bytes=settings.PHOTO_MAX_BYTES)
    except object_storage.ObjectTooLarge as error:
        raise images.too_large_error() from error
    except object_storage.ObjectNotFound as error:
        upload.refresh_from_db()  # a concurrent completion deletes the object too
        raise (_AlreadyCompleted if upload.completed_at else NotArrived) from error


def _accept(upload: Upload, photo: images.Photo, *, by: Manager) -> None:
    destination = destination_for(upload.purpose)
    key, objects = destination.objects(upload, photo)
    with object_storage.stored_objects(objects), transaction.atomic():
        upload.client.lock()
        if not upload.mark_accepted(key, now=timezone.now()):
            raise _AlreadyCompleted
        destination.attach(upload, by=by)
