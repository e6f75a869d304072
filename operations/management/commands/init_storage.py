from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from foundation.storage import object_storage


class Command(BaseCommand):
    help = (
        "Makes the bucket, private, lets browsers send photos there from APP_BASE_URL alone, and has the storage "
        "forget uploads that were abandoned. Safe to run again."
    )

    def handle(self, **options):
        try:
            lacking = object_storage.set_up_bucket()
        except object_storage.StorageUnavailable as error:
            where = settings.S3_ENDPOINT or "of this machine"
            raise CommandError(f"The storage {where} could not be prepared: {error.__cause__}") from error
        for call in lacking:
            self.stderr.write(f"The storage has no {call}: set this up by its own means (docs/architecture.md).")
        self.stdout.write("The storage is ready.")
