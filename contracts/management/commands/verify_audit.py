from itertools import islice

from django.core.management.base import BaseCommand, CommandError
from django.db import connection

from contracts import audit
from contracts.event_chain import ChainHead

MAX_LISTED = 200


class Command(BaseCommand):
    help = "Check the chain of contract events and the evidence of signatures; say what is broken, and exit with 1."

    def add_arguments(self, parser):
        parser.add_argument("--files", action="store_true", help="read the stored PDFs and check their SHA-256 too")
        parser.add_argument("--adopt", action="store_true", help="begin the events of contracts that have none")

    def handle(self, *, files: bool, adopt: bool, **options):
        with connection.cursor() as cursor:
            cursor.execute("SET statement_timeout = 0")
        if adopt:
            self.stdout.write(f"Contracts adopted: {audit.add_missing_events()}.")
        faults = list(islice(audit.find_faults(files=files), MAX_LISTED + 1))
        for fault in faults[:MAX_LISTED]:
            self.stdout.write(fault)
        if faults:
            raise CommandError(
                f"Broken: {len(faults)}." if len(faults) <= MAX_LISTED else f"Broken: more than {MAX_LISTED}."
            )
        # Kept elsewhere, it tells later that nothing before it was rewritten by somebody who has the secret.
        self.stdout.write(f"All is as it was written. Head: {ChainHead.objects.first() or 'no events yet'}")
