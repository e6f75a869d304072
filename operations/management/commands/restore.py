"""Restore a backup."""

from pathlib import Path

from django.core.management.base import BaseCommand, CommandError
from django.db import connection

from operations import installation
from operations.backup import BackupError
from operations.backup.restore import restore_backup


class Command(BaseCommand):
    help = "Restores a backup into an empty database and storage, then verifies every row and object."
    requires_system_checks = []

    def add_arguments(self, parser):
        parser.add_argument("backup", type=Path, help="folder privet-<time>/ created by `manage.py backup`")
        parser.add_argument("--identity", type=Path, required=True, help="file with the age private key")

    def handle(self, *args, backup: Path, identity: Path, **options):
        try:
            manifest = restore_backup(backup, identity=identity)
        except BackupError as error:
            raise CommandError(str(error)) from error
        # The dump has no owners and no rights. For the backup of an older version, `migrate` does this.
        installation.finish(connection, sync=False)
        self.stdout.write(
            f"Restored the backup of {manifest.taken_at}: {manifest.rows:,} rows of {len(manifest.tables)} tables and "
            f"{manifest.objects:,} objects, all verified."
        )
