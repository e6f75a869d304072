"""Number of clients by status."""

from django.db import connection
from django.db.models import Count

from clients.models import Client, Status

# Counting this many rows takes milliseconds.
EXACT_COUNT_LIMIT = 100_000


def clients_by_status() -> dict[str, int]:
    """Number of clients in each status: exact up to EXACT_COUNT_LIMIT clients, otherwise PostgreSQL's estimate."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT reltuples FROM pg_class WHERE oid = 'manager_clients'::regclass")
        rows = cursor.fetchone()[0]
        if rows <= EXACT_COUNT_LIMIT:
            found = dict(Client.objects.values_list("status").annotate(Count("pk")).order_by())
        else:
            cursor.execute(
                "SELECT unnest(most_common_vals::text::text[]), unnest(most_common_freqs) * %s FROM pg_stats"
                " WHERE schemaname = current_schema() AND tablename = 'manager_clients' AND attname = 'status'",
                [rows],
            )
            found = {status: round(count) for status, count in cursor.fetchall()}
    return {status: found.get(status, 0) for status in Status.values}
