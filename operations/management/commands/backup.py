"""A backup of the database and the objects."""

from pathlib import Path

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from operations.backup import BackupError
from operations.backup.create import create_backup
from operations.backup.rotation import delete_old_backups


class Command(BaseCommand):
    help = "Backs up the database and every object, encrypted to a public key, and removes backups that are too old."

    def add_arguments(self, parser):
        parser.add_argument("folder", nargs="?", type=Path, default=settings.BACKUP_FOLDER, help="BACKUP_FOLDER")
        parser.add_argument("--recipient", default=settings.BACKUP_RECIPIENT, help="age public key; BACKUP_RECIPIENT")

    def handle(self, *args, folder: Path | None, recipient: str, **options):
        if not folder or not recipient:
            raise CommandError(
                "Where to, and for whom? Set BACKUP_FOLDER and BACKUP_RECIPIENT (age-keygen makes a key)."
            )
        try:
            path, manifest = create_backup(Path(folder), recipient=recipient, now=timezone.now())
            outdated = delete_old_backups(Path(folder), days=settings.BACKUP_DAYS, weeks=settings.BACKUP_WEEKS)
        except BackupError as error:
            raise CommandError(str(error)) from error
        stored = sum(size for size, _ in manifest.files.values())
        self.stdout.write(
            f"{path}: {manifest.rows:,} rows of {len(manifest.tables)} tables, {manifest.objects:,} objects "
            f"({manifest.object_bytes / 1e6:,.1f} MB), {stored / 1e6:,.1f} MB encrypted"
        )
        if manifest.removed_meanwhile:
            self.stdout.write(f"{manifest.removed_meanwhile} objects were removed meanwhile.")
        for old in outdated:
            self.stdout.write(f"removed {old.name}")
