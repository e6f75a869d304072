"""Remember the password hashes that we set, and bound what is read of values of any length."""

from django.db import migrations, models

import clients.fields


class Migration(migrations.Migration):
    dependencies = [("clients", "0016_move_uploads")]

    operations = [
        migrations.AddField(
            model_name="client",
            name="initial_password_hash",
            field=models.CharField(blank=True, db_default="", default="", editable=False, max_length=60),
        ),
        # The columns are of type text since 0012.
        migrations.SeparateDatabaseAndState(
            state_operations=[
                migrations.AlterField(
                    model_name="appuserhistory",
                    name="address",
                    field=clients.fields.BoundedTextField(blank=True, max_read=1000, null=True, verbose_name="адрес"),
                ),
                migrations.AlterField(
                    model_name="appuserhistory",
                    name="email",
                    field=clients.fields.BoundedTextField(
                        blank=True, max_read=300, null=True, verbose_name="электронная почта"
                    ),
                ),
                migrations.AlterField(
                    model_name="appuserhistory",
                    name="name",
                    field=clients.fields.BoundedTextField(max_read=300, verbose_name="имя"),
                ),
                migrations.AlterField(
                    model_name="appuserhistory",
                    name="phone",
                    field=clients.fields.BoundedTextField(
                        help_text="Десять цифр без +7.", max_read=100, verbose_name="телефон"
                    ),
                ),
            ]
        ),
    ]
