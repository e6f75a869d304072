"""Nothing: `migrate` itself creates our indexes on the app's tables (operations/shared_indexes.py)."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("clients", "0014_times_that_can_be_shown")]

    operations = []
