"""The history of contact data takes what the app's own columns take: a longer value was not kept at all.

The model goes on saying what we ourselves write, as it does of the app's table.
"""

from django.db import migrations

COLUMNS = ("name", "phone", "email")


class Migration(migrations.Migration):
    dependencies = [("clients", "0011_own_clients")]

    operations = [
        migrations.RunSQL(
            "ALTER TABLE manager_contact_history " + ", ".join(f"ALTER COLUMN {name} TYPE text" for name in COLUMNS),
            # A shorter column may have no room for what is kept by then.
            migrations.RunSQL.noop,
        )
    ]
