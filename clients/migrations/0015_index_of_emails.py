"""Add our own index on the shared table `users`: e-mails are looked up ignoring case before they are saved."""

from django.db import migrations

NAME = "users_privet_email"


class Migration(migrations.Migration):
    # Built concurrently, so that the app can write meanwhile.
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
