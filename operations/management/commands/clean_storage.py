from django.core.management.base import BaseCommand, CommandError

from foundation.storage import object_storage
from foundation.storage.models import LeftObject
from operations import storage_cleanup


class Command(BaseCommand):
    help = (
        "Reports objects without a row, rows whose object is missing, uploads that were never attached and failed "
        "deletions of objects. Changes nothing without --remove."
    )

    def add_arguments(self, parser):
        parser.add_argument(
            "--remove",
            action="store_true",
            help="retry failed deletions, and delete photos without a row and unattached uploads older than a day",
        )

    def handle(self, *, remove: bool, **options):
        try:
            self._report(remove)
        except object_storage.StorageUnavailable as error:
            raise CommandError(f"The storage does not answer: {error.__cause__}. Run this again later.") from error

    def _report(self, remove: bool) -> None:
        failed_deletions = LeftObject.objects.count()
        if remove:
            object_storage.retry_failed_deletions()
        abandoned = storage_cleanup.delete_stale_uploads(delete=remove)
        report = storage_cleanup.compare_storage(delete=remove)
        self._list("objects without a row", report.without_row)
        self._list("rows without an object", report.without_object)
        self.stdout.write(
            f"{report.objects} objects; {report.without_row.count} without a row ({report.deleted} deleted), "
            f"{report.too_young} younger than a day; {report.without_object.count} rows without an object; "
            f"{abandoned} uploads never attached; {failed_deletions} failed deletions, "
            f"{LeftObject.objects.count()} still pending."
        )

    def _list(self, title: str, found: storage_cleanup.KeySummary) -> None:
        for key in found.keys:
            self.stdout.write(f"{title}: {key}")
        if found.count > len(found.keys):
            self.stdout.write(f"{title}: and {found.count - len(found.keys)} more")
