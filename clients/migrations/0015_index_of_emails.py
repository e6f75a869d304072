"""An index of ours on the shared table: an e-mail is looked for in any case before it is written."""

from django.db import migrations

NAME = "users_privet_email"


class Migration(migrations.Migration):
    # The client's app goes on writing while it is built.
    atomic = False

    dependencies = [("clients", "0014_times_that_can_be_shown")]

    operations = [
        migrations.RunSQL(
            [
                "SET statement_timeout = 0",
                f"CREATE INDEX CONCURRENTLY IF NOT EXISTS {NAME} ON users (lower(email))",
                "RESET statement_timeout",
            ],
            f"DROP INDEX CONCURRENTLY IF EXISTS {NAME}",
        ),
    ]
