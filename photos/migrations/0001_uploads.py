import django.db.models.deletion
import django.utils.timezone
import uuid
from django.conf import settings
from django.db import migrations, models

from foundation.database.moved_models import rename_content_type


class Migration(migrations.Migration):
    """Take Upload over from the app clients, whose migration created the table."""

    initial = True

    dependencies = [
        ("clients", "0016_move_uploads"),
        ("contenttypes", "0002_remove_content_type_name"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.SeparateDatabaseAndState(
            state_operations=[
                migrations.CreateModel(
                    name='Upload',
                    fields=[
                        ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                        ('purpose', models.CharField(choices=[('passport', 'паспорт'), ('device', 'устройство')], max_length=10)),
                        ('device_id', models.UUIDField(null=True)),
                        ('content_type', models.CharField(max_length=20)),
                        ('size', models.PositiveIntegerField()),
                        ('key', models.CharField(max_length=200, unique=True)),
                        ('created_at', models.DateTimeField(default=django.utils.timezone.now)),
                        ('completed_at', models.DateTimeField(null=True)),
                        ('refusal', models.CharField(blank=True, default='', max_length=300)),
                        ('photo_key', models.CharField(blank=True, default='', max_length=200)),
                        ('attached_at', models.DateTimeField(null=True)),
                        ('client', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='uploads', to='clients.client')),
                        ('manager', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                    ],
                    options={
                        'verbose_name': 'загрузка фото',
                        'verbose_name_plural': 'загрузки фото',
                        'db_table': 'manager_uploads',
                        'ordering': ['created_at', 'id'],
                        'indexes': [models.Index(condition=models.Q(('device_id__isnull', False)), fields=['device_id'], name='uploads_of_device'), models.Index(fields=['created_at'], name='uploads_by_time')],
                        'constraints': [models.CheckConstraint(condition=models.Q(models.Q(('device_id__isnull', False), ('purpose', 'device')), models.Q(('device_id', None), ('purpose', 'passport')), _connector='OR'), name='manager_uploads_device_of_device'), models.CheckConstraint(condition=models.Q(models.Q(('completed_at', None), ('photo_key', ''), ('refusal', '')), models.Q(('completed_at__isnull', False), ('photo_key', ''), models.Q(('refusal', ''), _negated=True)), models.Q(('completed_at__isnull', False), ('refusal', ''), models.Q(('photo_key', ''), _negated=True)), _connector='OR'), name='manager_uploads_completed_as_something'), models.CheckConstraint(condition=models.Q(('attached_at', None), models.Q(('photo_key', ''), _negated=True), _connector='OR'), name='manager_uploads_attached_accepted')],
                    },
                ),
            ],
        ),
        rename_content_type("upload", old_app="clients", new_app="photos"),
    ]
