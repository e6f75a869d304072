"""Migration operation for a model that moves to another app and keeps its table."""

from django.db import migrations


def rename_content_type(model: str, *, old_app: str, new_app: str) -> migrations.RunPython:
    """Give the content type of `model` (in lower case) its new app label; permissions and admin log refer to its id."""

    def rename(source: str, target: str):
        def run(apps, schema_editor):
            content_types = apps.get_model("contenttypes", "ContentType").objects.using(schema_editor.connection.alias)
            content_types.filter(app_label=source, model=model).update(app_label=target)

        return run

    return migrations.RunPython(rename(old_app, new_app), rename(new_app, old_app), elidable=False)
