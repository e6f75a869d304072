from django.apps import AppConfig


class PassportConfig(AppConfig):
    name = "passport"
    verbose_name = "Паспорта"

    def ready(self):
        from passport.photo_uploads import PassportPhotos
        from photos.destinations import register
        from photos.models import UploadPurpose

        register(UploadPurpose.PASSPORT, PassportPhotos())
