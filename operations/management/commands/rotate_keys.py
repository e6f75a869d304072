from django.core.management.base import BaseCommand, CommandError

from operations.key_rotation import encrypted_columns


class Command(BaseCommand):
    help = (
        "Encrypts personal data with the first of PERSONAL_DATA_KEYS and hashes it with PERSONAL_DATA_HASH_KEY. Only"
        " counts without --apply. Can be interrupted and run again."
    )

    def add_arguments(self, parser):
        parser.add_argument("--apply", action="store_true", help="write the changes; otherwise only count")

    def handle(self, *, apply: bool, **options):
        failed = []
        for column in encrypted_columns():
            column.rotate(dry_run=not apply)
            self.stdout.write(f"{column}: {column.renewed} of {column.rows} " + ("renewed" if apply else "to renew"))
            failed += column.failed
        if failed:
            self.stdout.write("\n".join(failed))
            raise CommandError(f"{len(failed)} rows are unchanged: no key decrypts them, or their hash is taken.")
