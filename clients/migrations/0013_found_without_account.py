"""Find a client whose account the app deleted by passport and contract numbers."""

from django.db import migrations

from clients import sql

EMPTIED = """
    UPDATE manager_clients clients SET search = privet_search_text(id)
    WHERE NOT EXISTS (SELECT FROM users WHERE users.id = clients.user_id)
"""


class Migration(migrations.Migration):
    dependencies = [("clients", "0012_history_of_any_length")]

    operations = [
        migrations.RunSQL(sql.read("search_text"), migrations.RunSQL.noop),
        migrations.RunSQL(EMPTIED, migrations.RunSQL.noop),
    ]
