"""Smaller copies of photos for the client's app, which loads all photos of a device at once.

An upload stores the copy with the photo. Photos of earlier versions get theirs from the nightly job.
"""

import logging

from django.core.exceptions import ValidationError
from django.core.files.base import ContentFile
from django.db import transaction

from clients.exceptions import ClientErased
from clients.models import Client
from devices.models import DevicePhoto
from foundation.storage import object_storage
from photos import images

logger = logging.getLogger(__name__)


def shown_key(photo: DevicePhoto) -> str:
    """Return the key of the photo's copy, or of the photo itself if it has no copy yet."""
    try:
        has_copy = object_storage.exists(photo.app_copy_key)
    except object_storage.StorageUnavailable:
        has_copy = False
    return photo.app_copy_key if has_copy else photo.key


def add_copy(photo: DevicePhoto) -> None:
    """Store the photo's copy if it has none. Raises StorageUnavailable during an outage.

    A photo whose object is missing or can't be read is skipped.
    """
    if object_storage.exists(photo.app_copy_key):
        return
    try:
        copy = images.read_photo(ContentFile(object_storage.get(photo.key))).app_copy
    except (object_storage.ObjectNotFound, ValidationError) as error:
        logger.warning("no copy of %s for the app: %s", photo.key, type(error).__name__)
        return
    try:
        with object_storage.stored_objects({photo.app_copy_key: copy}), transaction.atomic():
            # The photo may have been deleted meanwhile: then the copy is deleted too.
            Client(pk=photo.device.client_id).lock_for_any_manager()
            DevicePhoto.objects.get(pk=photo.pk)
    except (ClientErased, DevicePhoto.DoesNotExist):
        pass
