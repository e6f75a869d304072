"""An account that the app closes no longer takes along a client to whom rows of ours refer."""

from django.db import migrations

from clients import sql


class Migration(migrations.Migration):
    dependencies = [("clients", "0009_erased")]

    operations = [migrations.RunSQL(sql.read("users_trigger"), migrations.RunSQL.noop)]
