"""Nothing: `migrate` itself creates the functions and triggers (operations/installation.py)."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("clients", "0012_history_of_any_length")]

    operations = []
