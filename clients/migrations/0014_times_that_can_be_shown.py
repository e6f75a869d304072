"""Replace creation times of clients that Python can't represent."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("clients", "0013_found_without_account")]

    operations = [
        migrations.RunSQL(
            # Scans two ranges of the index clients_by_time.
            "UPDATE manager_clients SET created_at = now()"
            " WHERE created_at < '0001-01-01 00:00Z' OR created_at > '9999-12-30 23:59Z'",
            migrations.RunSQL.noop,
        ),
    ]
