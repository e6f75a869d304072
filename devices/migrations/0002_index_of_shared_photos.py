"""Add our index to the shared table, because photos are read and deleted by device."""

from django.db import migrations

NAME = "device_photos_privet_device"


class Migration(migrations.Migration):
    # Concurrently, so that writes of the app are not blocked.
    atomic = False

    dependencies = [("devices", "0001_initial")]

    operations = [
        migrations.RunSQL(
            [
                "SET statement_timeout = 0",
                f"CREATE INDEX CONCURRENTLY IF NOT EXISTS {NAME} ON device_photos (device_id)",
                "RESET statement_timeout",
            ],
            f"DROP INDEX IF EXISTS {NAME}",
        ),
    ]
