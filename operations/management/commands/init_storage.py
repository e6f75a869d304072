from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from foundation.storage import object_storage


class Command(BaseCommand):
    help = (
        "Creates the private bucket, allows uploads by browsers only from APP_BASE_URL, and makes the storage delete "
        "abandoned uploads. Rules of others in an existing bucket stay. Idempotent."
    )

    def handle(self, **options):
        try:
            report = object_storage.set_up_bucket()
        except object_storage.StorageUnavailable as error:
            where = settings.S3_ENDPOINT or "on this machine"
            raise CommandError(f"The storage {where} could not be set up: {error.__cause__}") from error
        for call in report.unsupported:
            self.stderr.write(f"The storage does not support {call}: configure it another way (docs/architecture.md).")
        if report.refused:
            raise CommandError("\n".join(report.refused))
        self.stdout.write("The storage is ready.")
