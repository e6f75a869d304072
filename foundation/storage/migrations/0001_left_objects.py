import django.utils.timezone
from django.db import migrations, models

from foundation.database.moved_models import rename_content_type


class Migration(migrations.Migration):
    """Move LeftObject here from the app privet, whose migration created the table."""

    initial = True

    dependencies = [
        ("privet", "0002_move_left_objects"),
        ("contenttypes", "0002_remove_content_type_name"),
    ]

    operations = [
        migrations.SeparateDatabaseAndState(
            state_operations=[
                migrations.CreateModel(
                    name="LeftObject",
                    fields=[
                        ("key", models.CharField(max_length=200, primary_key=True, serialize=False, verbose_name="объект")),
                        ("left_at", models.DateTimeField(default=django.utils.timezone.now, verbose_name="когда")),
                    ],
                    options={
                        "verbose_name": "неудалённый объект",
                        "verbose_name_plural": "неудалённые объекты",
                        "db_table": "manager_left_objects",
                    },
                ),
            ],
        ),
        rename_content_type("leftobject", old_app="privet", new_app="storage"),
    ]
