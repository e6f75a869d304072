from django.db import migrations


class Migration(migrations.Migration):
    """Move LeftObject to foundation.storage; its table is not renamed."""

    dependencies = [("privet", "0001_left_objects")]

    operations = [
        migrations.SeparateDatabaseAndState(state_operations=[migrations.DeleteModel(name="LeftObject")]),
    ]
