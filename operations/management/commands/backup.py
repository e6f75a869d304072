"""Back up the database and the object storage."""

from pathlib import Path

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from operations.backup import BackupError
from operations.backup.create import create_backup
from operations.backup.rotation import delete_old_backups


class Command(BaseCommand):
    help = "Backs up the database and every object, encrypted with a public key, and deletes old backups."

    def add_arguments(self, parser):
        parser.add_argument("folder", nargs="?", type=Path, default=settings.BACKUP_FOLDER, help="or BACKUP_FOLDER")
        parser.add_argument("--recipient", default=settings.BACKUP_RECIPIENT, help="age public key or BACKUP_RECIPIENT")

    def handle(self, *args, folder: Path | None, recipient: str, **options):
        if not folder or not recipient:
            raise CommandError(
                "Set BACKUP_FOLDER and BACKUP_RECIPIENT, the public key of whoever may read backups (age-keygen)."
            )
        try:
            path, manifest = create_backup(Path(folder), recipient=recipient, now=timezone.now())
            outdated = delete_old_backups(Path(folder), days=settings.BACKUP_DAYS, weeks=settings.BACKUP_WEEKS)
        except BackupError as error:
            raise CommandError(str(error)) from error
        encrypted = sum(size for size, _ in manifest.files.values())
        self.stdout.write(
            f"{path}: {manifest.rows:,} rows of {len(manifest.tables)} tables, {manifest.objects:,} objects "
            f"({manifest.object_bytes / 1e6:,.1f} MB), {encrypted / 1e6:,.1f} MB encrypted"
        )
        if manifest.removed_meanwhile:
            self.stdout.write(f"{manifest.removed_meanwhile} objects were deleted during the backup.")
        for old in outdated:
            self.stdout.write(f"deleted {old.name}")
