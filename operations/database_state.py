"""What a database contains before Privet is installed: which of the starting points of docs/deployment.md this is."""

import psycopg

from foundation.database.privileges import SHARED_TABLES, existing_tables
from foundation.database.roles import RoleNames
from operations.installation import is_in_public

# Only the older manager system has a table of this name.
OLDER_TABLE = "public.user_contracts"


def describe(connection: psycopg.Connection, names: RoleNames | None) -> list[str]:
    """Return one line each about the app, the older manager system, Privet and its roles (None: one for everything)."""
    with connection.cursor() as cursor:
        return [
            f"The app's tables: {_app(cursor)}",
            f"The older manager system: {'installed' if _exists(cursor, OLDER_TABLE) else 'not installed'}",
            f"Privet: {_privet(cursor)}",
            f"Database roles: {_roles(cursor, names)}",
        ]


def _app(cursor: psycopg.Cursor) -> str:
    present = [table for table in existing_tables(cursor.connection) if table in SHARED_TABLES]
    if not present:
        return "none"
    missing = [table for table in SHARED_TABLES if table not in present]
    if missing:
        return f"without {', '.join(missing)}"
    cursor.execute(
        "SELECT atttypid = 'integer'::regtype FROM pg_attribute"
        " WHERE attrelid = 'public.user_invoices'::regclass AND attname = 'amount'"
    )
    row = cursor.fetchone()
    return f"all, with user_invoices as {'the app' if row and row[0] else 'the older manager system'} creates it"


def _privet(cursor: psycopg.Cursor) -> str:
    if _exists(cursor, "privet.django_migrations"):
        return "in the schema privet"
    return "in the schema public, which migrate moves" if is_in_public(cursor) else "not installed"


def _roles(cursor: psycopg.Cursor, names: RoleNames | None) -> str:
    if not names:
        return "one for everything"
    wanted = [names.owner, names.web, names.maintenance, names.bridge]
    cursor.execute("SELECT rolname FROM pg_roles WHERE rolname = ANY (%s)", [wanted])
    present = {name for (name,) in cursor.fetchall()}
    missing = [name for name in wanted if name not in present]
    return f"missing: {', '.join(missing)}; run create_roles" if missing else f"separate: {', '.join(wanted)}"


def _exists(cursor: psycopg.Cursor, table: str) -> bool:
    cursor.execute("SELECT to_regclass(%s) IS NOT NULL", [table])
    return cursor.fetchone()[0]
