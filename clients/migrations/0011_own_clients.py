"""Add an index of a manager's own clients, without erased ones, for the list and its count."""

from django.contrib.postgres.operations import AddIndexConcurrently, RemoveIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    # Built concurrently, so that writes continue meanwhile.
    atomic = False

    dependencies = [("clients", "0010_closed_accounts")]

    operations = [
        AddIndexConcurrently(
            model_name="client",
            index=models.Index(
                fields=["manager", "-created_at", "-id"],
                name="clients_own",
                condition=models.Q(("status", "erased"), _negated=True),
            ),
        ),
        RemoveIndexConcurrently(model_name="client", name="clients_mine"),
    ]
