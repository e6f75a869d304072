import time
from contextlib import suppress

from django.core.management.commands.migrate import Command as Migrate
from django.db import DatabaseError, OperationalError, connections
from psycopg.errors import LockNotAvailable

from clients.models import AppUser, Client
from clients.passwords import replace_malformed_hashes
from operations import installation, shared_indexes

# Queries queue behind a migration that waits for a table lock, so it must not wait longer than a page may.
LOCK_TIMEOUT = "2s"
RETRY_DELAYS = (1, 2, 4, 8, 15, 30)

# Invalid indexes left by a failed CREATE INDEX CONCURRENTLY.
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
        "Django's migrate for a running installation: waits at most two seconds for a lock and then retries, and has"
        " no statement timeout. Also creates our schemas, functions and rights, and moves an installation of an earlier"
        " version out of the schema public."
    )

    def handle(self, *args, **options):
        connection, pauses = connections[options["database"]], iter(RETRY_DELAYS)
        while True:
            try:
                set_migration_timeouts(connection)
                return self._migrate(connection, *args, **options)
            except OperationalError as error:
                pause = next(pauses, None)
                if pause is None or not isinstance(error.__cause__, LockNotAvailable):
                    raise
            finally:
                _reset_timeouts(connection)
            self.stderr.write(f"A table is locked; retrying in {pause} s.")
            time.sleep(pause)

    def _migrate(self, connection, *args, **options):
        if options["plan"] or options["check_unapplied"]:
            return super().handle(*args, **options)
        moved = installation.prepare(connection)
        result = super().handle(*args, **options)
        installation.finish(connection, sync=moved)
        if moved:
            replace_malformed_hashes(AppUser, Client)
        for statement in shared_indexes.create_missing_indexes(connection):
            self.stderr.write(f"To be run by the owner of the table: {statement};")
        return result


def set_migration_timeouts(connection) -> None:
    """Set the timeouts of a migration on the connection, and drop invalid indexes."""
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
