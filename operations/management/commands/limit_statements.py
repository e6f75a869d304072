from django.core.management.base import BaseCommand
from django.db import connection

from foundation.database.configuration import SESSION_SETTINGS
from foundation.database.privileges import session_settings


class Command(BaseCommand):
    help = (
        "Sets the timeouts and the search path of our sessions for the database role, in this database only. Needed"
        " once behind PgBouncer, which does not forward startup parameters, unless create_roles has run. Idempotent."
    )
    # Skip the checks: one of them fails until this command has run.
    requires_system_checks = []

    def handle(self, *args, **options):
        with connection.cursor() as cursor:
            cursor.execute("SELECT current_user, current_database()")
            role, database = cursor.fetchone()
            for statement in session_settings(role, database):
                # As text, because the wrapper that adds the history context expects strings.
                cursor.execute(statement.as_string(cursor.connection))
        settings = ", ".join(f"{name} {value}" for name, value in SESSION_SETTINGS.items())
        self.stdout.write(f"{role} in {database}: {settings}")
