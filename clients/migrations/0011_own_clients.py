"""The list and the count of a manager's own clients from one index alone, those whose data was erased left out."""

from django.contrib.postgres.operations import AddIndexConcurrently, RemoveIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    # Everybody goes on writing while it is built.
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
