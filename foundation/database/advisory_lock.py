"""Advisory locks for values that must be unique but have no unique index."""

from django.db import connection


def lock(value: str) -> None:
    """Serialize transactions that write `value`: the second waits until the first commits, and then sees its row."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [value])


def try_lock(value: str) -> bool:
    """Like lock(), but return False at once if another transaction has the lock."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(hashtextextended(%s, 0))", [value])
        return cursor.fetchone()[0]
