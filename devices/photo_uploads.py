"""Attach uploaded photos to devices."""

import uuid
from uuid import UUID

from clients import onboarding
from clients.models import Client
from devices.models import MAX_PHOTOS, Device, DevicePhoto, TooManyPhotos
from devices.saving import save_device
from managers.models import Manager
from photos.destinations import Destination
from photos.images import Photo
from photos.models import Upload


class DevicePhotos(Destination):
    step = onboarding.DEVICES

    def check(self, client: Client, device_id: UUID | None) -> None:
        """Raise Device.DoesNotExist if another client has the device, TooManyPhotos if it has MAX_PHOTOS photos.

        Pending uploads count.
        """
        device = Device.objects.filter(pk=device_id).first()
        if device and device.client_id != client.pk:
            raise Device.DoesNotExist
        saved = device.photos.count() if device else 0
        if saved + client.uploads.pending_for_device(device_id).count() >= MAX_PHOTOS:
            raise TooManyPhotos

    def objects(self, upload: Upload, photo: Photo) -> tuple[str, dict[str, bytes]]:
        row = DevicePhoto(key=DevicePhoto.key_for(upload.device_id, uuid.uuid4()))
        return row.key, row.objects_by_key(photo)

    def attach(self, upload: Upload, *, by: Manager) -> None:
        device = Device.objects.select_related("client").filter(pk=upload.device_id, client=upload.client_id).first()
        if device:
            save_device(device, uploads=[upload], by=by)

    def attached_photo(self, upload: Upload) -> tuple[str, UUID] | None:
        photo = DevicePhoto.objects.filter(key=upload.photo_key).first()
        return photo and ("devices", photo.pk)
