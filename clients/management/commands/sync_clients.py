from django.core.management.base import BaseCommand
from django.db import connection, transaction

from clients import sql


class Command(BaseCommand):
    help = (
        "Creates missing clients of active accounts, corrects wrong search texts, adds missing history of contact"
        " data, and lets the worker try failed changes of the inbox again. Idempotent."
    )

    @transaction.atomic
    def handle(self, **options):
        insert, update, *others = sql.statements("sync")
        with connection.cursor() as cursor:
            # A repair of a million rows takes longer than the statement timeout of pages.
            cursor.execute("SET LOCAL statement_timeout = 0")
            cursor.execute(insert)
            added = cursor.rowcount
            cursor.execute(update)
            corrected = cursor.rowcount
            for statement in others:
                cursor.execute(statement)
        self.stdout.write(f"Added {added} clients, corrected {corrected} search texts.")
