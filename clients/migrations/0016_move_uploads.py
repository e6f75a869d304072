from django.db import migrations


class Migration(migrations.Migration):
    """Move the model Upload to the app `photos`; the table stays."""

    dependencies = [("clients", "0015_index_of_emails")]

    operations = [
        migrations.SeparateDatabaseAndState(state_operations=[migrations.DeleteModel(name="Upload")]),
    ]
