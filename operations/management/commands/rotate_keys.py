from django.core.management.base import BaseCommand, CommandError

from operations.key_rotation import encrypted_columns


class Command(BaseCommand):
    help = (
        "Encrypt personal data with the first of PERSONAL_DATA_KEYS, hash it with PERSONAL_DATA_HASH_KEY. Counts what"
        " it would do; --apply does it. May be interrupted and run again."
    )

    def add_arguments(self, parser):
        parser.add_argument("--apply", action="store_true", help="write; without it nothing is changed")

    def handle(self, *, apply: bool, **options):
        refused = []
        for column in encrypted_columns():
            column.rotate(dry_run=not apply)
            self.stdout.write(f"{column}: {column.renewed} of {column.rows} " + ("renewed" if apply else "to renew"))
            refused += column.refused
        if refused:
            self.stdout.write("\n".join(refused))
            raise CommandError(f"{len(refused)} rows are as they were: no key decrypts them, or their hash is taken.")
