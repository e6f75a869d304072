from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False

    dependencies = [
        ("contracts", "0013_messages_of_codes"),
    ]

    operations = [
        AddIndexConcurrently(
            model_name="signingcode",
            index=models.Index(
                condition=models.Q(("delivery_recorded", False)), fields=["sent_at"], name="codes_delivery"
            ),
        ),
    ]
