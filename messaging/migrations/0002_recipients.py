from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False  # concurrently, so that writes are not blocked

    dependencies = [
        ('messaging', '0001_initial'),
    ]

    operations = [
        AddIndexConcurrently(
            model_name='outgoingmessage',
            index=models.Index(condition=models.Q(('channel', 'sms')), fields=['recipient_hash'], name='messages_by_phone'),
        ),
    ]
