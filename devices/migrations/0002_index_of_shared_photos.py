"""An index of ours on the shared table: the photos of one device are asked for and deleted by it."""

from django.db import migrations

NAME = "device_photos_privet_device"


class Migration(migrations.Migration):
    # The client's app goes on writing while it is built.
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
