from django.contrib.postgres.operations import AddIndexConcurrently, RemoveIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    # Concurrently, so that writes are not blocked. The new index first, so that statistics always have one.
    atomic = False

    dependencies = [
        ('contracts', '0010_client_page'),
    ]

    operations = [
        AddIndexConcurrently(
            model_name='contract',
            index=models.Index(condition=models.Q(('signed_at__isnull', False)), fields=['signed_at'], include=('signed_by', 'code_entered_on'), name='contracts_signed_by'),
        ),
        RemoveIndexConcurrently(
            model_name='contract',
            name='contracts_signed',
        ),
    ]
