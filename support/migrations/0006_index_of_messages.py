"""Add our own index on the shared table of messages, with which `support.activity.refresh` finds new ones."""

from django.db import migrations

NAME = "support_messages_privet_time"


class Migration(migrations.Migration):
    # Built concurrently, so that the app can write meanwhile.
    atomic = False

    dependencies = [("support", "0005_ticket_activity")]

    operations = [
        migrations.RunSQL(
            [
                "SET statement_timeout = 0",
                f"CREATE INDEX CONCURRENTLY IF NOT EXISTS {NAME} ON support_messages (created_at, ticket_id)",
                "RESET statement_timeout",
            ],
            [f"DROP INDEX IF EXISTS {NAME}"],
        ),
    ]
