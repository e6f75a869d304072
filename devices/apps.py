from django.apps import AppConfig


class DevicesConfig(AppConfig):
    name = "devices"
    verbose_name = "Устройства"

    def ready(self):
        from devices.photo_uploads import DevicePhotos
        from photos.destinations import register
        from photos.models import UploadPurpose

        register(UploadPurpose.DEVICE, DevicePhotos())
