"""Keep a client that our rows refer to when the app closes the account."""

from django.db import migrations

from clients import sql


class Migration(migrations.Migration):
    dependencies = [("clients", "0009_erased")]

    operations = [migrations.RunSQL(sql.read("users_trigger"), migrations.RunSQL.noop)]
