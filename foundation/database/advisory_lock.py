"""What two people must not have alike, where no index of the database can say so."""

from django.db import connection


def lock(value: str) -> None:
    """Of two transactions that are to write `value`, the second waits for the first, and then sees what it wrote."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [value])
