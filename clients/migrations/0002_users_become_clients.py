"""Wait for the tables that the search text of a client is made of. `migrate` itself creates the functions and triggers."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [
        ("clients", "0001_initial"),
        ("passport", "0001_initial"),
        ("contracts", "0001_initial"),
    ]

    operations = []
