"""Nothing: `migrate` itself creates our indexes on the app's tables (operations/shared_indexes.py)."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("support", "0001_initial")]

    operations = []
