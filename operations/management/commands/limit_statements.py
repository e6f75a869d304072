from django.core.management.base import BaseCommand
from django.db import connection
from psycopg import sql

from foundation.database.configuration import TIMEOUTS


class Command(BaseCommand):
    help = (
        "Makes the limits on statements, locks and idle transactions those of the database's role, in this database"
        " alone. Needed once behind PgBouncer, which does not pass on what a client asks for at its start; harmless"
        " elsewhere, and as often as you like."
    )
    # The check of these very limits must not keep the command from setting them.
    requires_system_checks = []

    def handle(self, *args, **options):
        with connection.cursor() as cursor:
            cursor.execute("SELECT current_user, current_database()")
            role, database = cursor.fetchone()
            for name, value in TIMEOUTS.items():
                statement = sql.SQL("ALTER ROLE {} IN DATABASE {} SET {} = {}").format(
                    sql.Identifier(role), sql.Identifier(database), sql.Identifier(name), value
                )
                # As text, which is what those who look at each statement (the history's context) expect.
                cursor.execute(statement.as_string(cursor.connection))
        self.stdout.write(f"{role} in {database}: " + ", ".join(f"{name} {value}" for name, value in TIMEOUTS.items()))
