import time
from contextlib import suppress

from django.core.management.commands.migrate import Command as Migrate
from django.db import DatabaseError, OperationalError, connections
from psycopg.errors import LockNotAvailable

# Whoever wants a table waits behind a migration that waits for it: so it waits no longer than a page can.
LOCK_TIMEOUT = "2s"
RETRY_DELAYS = (1, 2, 4, 8, 15, 30)

# What an index that was being built beside the writers leaves behind when it had to give up.
DROP_INVALID_INDEXES = """
    SELECT format('DROP INDEX CONCURRENTLY %%I.%%I', namespace.nspname, index.relname)
    FROM pg_index
    JOIN pg_class index ON index.oid = indexrelid
    JOIN pg_class owner ON owner.oid = indrelid
    JOIN pg_namespace namespace ON namespace.oid = index.relnamespace
    WHERE NOT indisvalid AND owner.relname LIKE 'manager\\_%%' AND namespace.nspname = current_schema()
"""


class Command(Migrate):
    help = (
        "Django's migrate, for a database that is served meanwhile: no wait for another's lock is longer than two"
        " seconds, what could not be locked is tried again, and a statement may take as long as it needs."
    )

    def handle(self, *args, **options):
        connection, pauses = connections[options["database"]], iter(RETRY_DELAYS)
        while True:
            try:
                set_migration_timeouts(connection)
                return super().handle(*args, **options)
            except OperationalError as error:
                pause = next(pauses, None)
                if pause is None or not isinstance(error.__cause__, LockNotAvailable):
                    raise
            finally:
                _reset_timeouts(connection)
            self.stderr.write(f"A table is in use; trying again in {pause} s.")
            time.sleep(pause)


def set_migration_timeouts(connection) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"SET lock_timeout = '{LOCK_TIMEOUT}'")
        cursor.execute("SET statement_timeout = 0")
        cursor.execute(DROP_INVALID_INDEXES, [])
        for (statement,) in cursor.fetchall():
            cursor.execute(statement)


def _reset_timeouts(connection) -> None:
    with suppress(DatabaseError), connection.cursor() as cursor:
        cursor.execute("RESET lock_timeout")
        cursor.execute("RESET statement_timeout")
