"""Add our own indexes on the shared table, for the list and the search of support staff."""

from django.db import migrations

NAMES = ["support_tickets_privet_activity", "support_tickets_privet_status", "support_tickets_privet_subject"]


class Migration(migrations.Migration):
    # Built concurrently, so that the app can write meanwhile.
    atomic = False

    dependencies = [("support", "0001_initial")]

    operations = [
        migrations.RunSQL(
            [
                "SET statement_timeout = 0",
                f"CREATE INDEX CONCURRENTLY IF NOT EXISTS {NAMES[0]} ON support_tickets (updated_at DESC, id DESC)",
                f"CREATE INDEX CONCURRENTLY IF NOT EXISTS {NAMES[1]}"
                " ON support_tickets (status, updated_at DESC, id DESC)",
                # No partial index by status and none of our functions, so that the app can change its types.
                f"CREATE INDEX CONCURRENTLY IF NOT EXISTS {NAMES[2]}"
                " ON support_tickets USING gin (replace(lower(subject), 'ё', 'е') gin_trgm_ops)",
                "RESET statement_timeout",
            ],
            [f"DROP INDEX IF EXISTS {name}" for name in NAMES],
        ),
    ]
