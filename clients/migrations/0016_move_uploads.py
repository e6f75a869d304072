from django.db import migrations


class Migration(migrations.Migration):
    """Upload is a model of photos now; its table stays."""

    dependencies = [("clients", "0015_index_of_emails")]

    operations = [
        migrations.SeparateDatabaseAndState(state_operations=[migrations.DeleteModel(name="Upload")]),
    ]
