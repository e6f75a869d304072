"""Make the history columns of contact data as long as the app's: longer values were not recorded at all.

The fields of the model keep the lengths that we write ourselves, as they do for the app's table.
"""

from django.db import migrations

COLUMNS = ("name", "phone", "email")


class Migration(migrations.Migration):
    dependencies = [("clients", "0011_own_clients")]

    operations = [
        migrations.RunSQL(
            "ALTER TABLE manager_contact_history " + ", ".join(f"ALTER COLUMN {name} TYPE text" for name in COLUMNS),
            # Not reversible: recorded values may be too long for the shorter columns.
            migrations.RunSQL.noop,
        )
    ]
