from django.core.management.base import BaseCommand
from django.db import connection
from psycopg import sql

from foundation.database.configuration import TIMEOUTS


class Command(BaseCommand):
    help = (
        "Sets the timeouts of statements, locks and idle transactions for the database role, in this database only."
        " Needed once behind PgBouncer, which does not forward startup parameters. Harmless elsewhere. Idempotent."
    )
    # Skip the checks: one of them fails until this command has run.
    requires_system_checks = []

    def handle(self, *args, **options):
        with connection.cursor() as cursor:
            cursor.execute("SELECT current_user, current_database()")
            role, database = cursor.fetchone()
            for name, value in TIMEOUTS.items():
                statement = sql.SQL("ALTER ROLE {} IN DATABASE {} SET {} = {}").format(
                    sql.Identifier(role), sql.Identifier(database), sql.Identifier(name), value
                )
                # As text, because the wrapper that adds the history context expects strings.
                cursor.execute(statement.as_string(cursor.connection))
        self.stdout.write(f"{role} in {database}: " + ", ".join(f"{name} {value}" for name, value in TIMEOUTS.items()))
