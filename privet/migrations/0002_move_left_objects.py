from django.db import migrations


class Migration(migrations.Migration):
    """LeftObject is a model of foundation.storage now; its table stays."""

    dependencies = [("privet", "0001_left_objects")]

    operations = [
        migrations.SeparateDatabaseAndState(state_operations=[migrations.DeleteModel(name="LeftObject")]),
    ]
