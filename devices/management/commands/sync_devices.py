from django.core.management.base import BaseCommand, CommandError
from django.db import ProgrammingError

from devices.mirror_sync import sync_mirror
from foundation.storage import object_storage


class Command(BaseCommand):
    help = (
        "Repairs the devices and photos in the tables of «Привет Супер», and renews the URLs of photos before they"
        " expire. Run it every night, and at once after a change of SECRET_KEY or APP_BASE_URL. Idempotent."
    )

    def handle(self, **options):
        try:
            report = sync_mirror()
        except ProgrammingError as error:
            raise CommandError(f"The tables of «Привет Супер» can't be read: {error}") from error
        except object_storage.StorageUnavailable as error:
            raise CommandError(f"The storage does not answer: {error.__cause__}. Run this again later.") from error
        self.stdout.write(f"{report.devices} devices and {report.photos} photos updated.")
        if report.failed:
            raise CommandError(
                f"{report.failed} devices could not be written to the tables of «Привет Супер»; the log says why. They"
                " are tried again the next time."
            )
