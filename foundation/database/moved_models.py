"""Migration operation for a model that moves to another app without its table being renamed."""

from django.db import migrations


def rename_content_type(model: str, *, old_app: str, new_app: str) -> migrations.RunPython:
    """Change the app label of the content type of `model` (in lower case).

    Permissions and the admin log refer to its id, so the row must not be replaced by a new one.
    """

    def rename(source: str, target: str):
        def run(apps, schema_editor):
            content_types = apps.get_model("contenttypes", "ContentType").objects.using(schema_editor.connection.alias)
            content_types.filter(app_label=source, model=model).update(app_label=target)

        return run

    return migrations.RunPython(rename(old_app, new_app), rename(new_app, old_app), elidable=False)
