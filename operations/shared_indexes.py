"""Our own indexes on the app's tables. Only the owner of a table may create them.

So `create_roles` does, as a superuser; `migrate` prints the statements that are left. No index depends on the status or
on a function of ours, so the app can change its types.
"""

INDEXES = {
    # E-mails are looked up ignoring case before they are saved (clients/accounts.py).
    "users_privet_email": "public.users (lower(email))",
    # Photos are read and deleted by device (devices/mirror.py).
    "device_photos_privet_device": "public.device_photos (device_id)",
    # support/activity.py: refresh finds new messages.
    "support_messages_privet_time": "public.support_messages (created_at, ticket_id)",
    # The search of support staff (support/models.py).
    "support_tickets_privet_activity": "public.support_tickets (updated_at DESC, id DESC)",
    "support_tickets_privet_subject": (
        "public.support_tickets USING gin (replace(lower(subject), 'ё', 'е') privet_inbox.gin_trgm_ops)"
    ),
}


def missing_indexes(connection) -> dict[str, str]:
    """Return the statements that create the missing indexes, by name. Skip tables that don't exist.

    `connection` is one of Django or of psycopg.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT relname FROM pg_index JOIN pg_class ON pg_class.oid = indexrelid"
            " WHERE relname = ANY (%s) AND relnamespace = 'public'::regnamespace AND indisvalid",
            [list(INDEXES)],
        )
        present = {name for (name,) in cursor.fetchall()}
        return {
            name: f"CREATE INDEX CONCURRENTLY IF NOT EXISTS {name} ON {definition}"
            for name, definition in INDEXES.items()
            if name not in present and _table_owner(cursor, definition)
        }


def create_missing_indexes(connection) -> list[str]:
    """Create the missing indexes on tables that this role owns. Return the statements for the others.

    `connection` is in autocommit mode.
    """
    left = []
    for name, statement in missing_indexes(connection).items():
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_has_role(%s, 'USAGE')", [_table_owner(cursor, INDEXES[name])])
            if cursor.fetchone()[0]:
                cursor.execute(f"DROP INDEX CONCURRENTLY IF EXISTS public.{name}")  # left invalid by a failed attempt
                cursor.execute(statement)
            else:
                left.append(statement)
    return left


def _table_owner(cursor, definition: str) -> str | None:
    cursor.execute("SELECT relowner::regrole::text FROM pg_class WHERE oid = to_regclass(%s)", [definition.split()[0]])
    row = cursor.fetchone()
    return row and row[0]
