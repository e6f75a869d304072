"""The way back from a backup."""

from pathlib import Path

from django.core.management.base import BaseCommand, CommandError

from operations.backup import BackupError
from operations.backup.restore import restore_backup


class Command(BaseCommand):
    help = "Brings a backup back into an empty database and an empty storage, and compares each row and object."
    requires_system_checks = []

    def add_arguments(self, parser):
        parser.add_argument("backup", type=Path, help="a folder privet-<time>/ that `manage.py backup` made")
        parser.add_argument("--identity", type=Path, required=True, help="the file with the age private key")

    def handle(self, *args, backup: Path, identity: Path, **options):
        try:
            manifest = restore_backup(backup, identity=identity)
        except BackupError as error:
            raise CommandError(str(error)) from error
        self.stdout.write(
            f"Back as of {manifest.taken_at}: {manifest.rows:,} rows of {len(manifest.tables)} tables and "
            f"{manifest.objects:,} objects, each the same as it was taken."
        )
