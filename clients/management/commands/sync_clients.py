from django.core.management.base import BaseCommand
from django.db import connection, transaction

from clients import sql


class Command(BaseCommand):
    help = "Creates missing clients of active accounts and corrects wrong search texts. Idempotent."

    @transaction.atomic
    def handle(self, **options):
        insert, update = sql.read("sync").split(";\n\n")
        with connection.cursor() as cursor:
            # A repair of a million rows takes longer than the statement timeout of pages.
            cursor.execute("SET LOCAL statement_timeout = 0")
            cursor.execute(insert)
            added = cursor.rowcount
            cursor.execute(update)
            self.stdout.write(f"Added {added} clients, corrected {cursor.rowcount} search texts.")
