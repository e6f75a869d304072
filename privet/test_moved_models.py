"""Models that moved to another app keep their table, rows, content type, permissions and admin log."""

import uuid

import pytest
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.auth.models import Group, Permission
from django.contrib.contenttypes.models import ContentType
from django.core.management import call_command
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.utils import timezone

from foundation.storage.models import LeftObject
from managers.roles import GROUPS, Role
from photos.models import Upload

BEFORE = [("clients", "0015_index_of_emails"), ("privet", "0001_left_objects")]
MOVED = [("upload", "clients", "photos"), ("leftobject", "privet", "storage")]
ACTIONS = ("add", "change", "delete", "view")


@pytest.fixture
def old_apps(transactional_db, owner):
    """App registry from before the move, on a database with the old migrations."""
    MigrationExecutor(connection).migrate([("photos", None), ("storage", None), *BEFORE])
    ContentType.objects.clear_cache()
    ContentType.objects.filter(model__in=[model for model, *_ in MOVED]).delete()
    for model, app, _ in MOVED:
        content_type = ContentType.objects.create(app_label=app, model=model)
        for action in ACTIONS:
            Permission.objects.create(content_type=content_type, codename=f"{action}_{model}", name=action)
    yield MigrationExecutor(connection).loader.project_state(BEFORE).apps
    migrate()


def migrate() -> None:
    ContentType.objects.clear_cache()
    call_command("migrate", verbosity=0)
    ContentType.objects.clear_cache()


def rows(table: str) -> list[tuple]:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT * FROM {table} ORDER BY 1")  # noqa: S608
        return cursor.fetchall()


def test_moved_models_keep_their_rows(old_apps, anna):
    client = old_apps.get_model("clients", "Client").objects.create(user_id=uuid.uuid4())
    old_apps.get_model("clients", "Upload").objects.create(
        client_id=client.pk, manager_id=anna.pk, purpose="passport", content_type="image/jpeg", size=1,
        key="incoming/one",
    )  # fmt: skip
    old_apps.get_model("privet", "LeftObject").objects.create(key="devices/left.jpg")
    before = [rows("manager_uploads"), rows("manager_left_objects")]

    migrate()

    assert [rows("manager_uploads"), rows("manager_left_objects")] == before
    assert Upload.objects.get().key == "incoming/one"
    assert LeftObject.objects.get().key == "devices/left.jpg"


@pytest.mark.parametrize(("model", "old_app", "new_app"), MOVED)
def test_moved_models_keep_content_type_permissions_and_admin_log(old_apps, gleb, model, old_app, new_app):
    content_type = ContentType.objects.get(app_label=old_app, model=model)
    permissions = set(Permission.objects.filter(content_type=content_type).values_list("pk", "codename"))
    entry = LogEntry.objects.create(
        user_id=gleb.pk, content_type=content_type, object_id="1", object_repr="an object", action_flag=CHANGE,
        action_time=timezone.now(),
    )  # fmt: skip
    assert len(permissions) == 4

    migrate()

    assert ContentType.objects.get(app_label=new_app, model=model).pk == content_type.pk
    assert not ContentType.objects.filter(app_label=old_app, model=model).exists()
    assert set(Permission.objects.filter(content_type=content_type).values_list("pk", "codename")) == permissions
    assert LogEntry.objects.get(pk=entry.pk).content_type == content_type


def test_admins_may_view_uploads_after_the_move(old_apps):
    migrate()

    admins = Group.objects.get(name=GROUPS[Role.ADMIN])
    assert admins.permissions.filter(codename="view_upload", content_type__app_label="photos").count() == 1


def test_move_needs_no_new_migration_and_renames_no_table(old_apps):
    migrate()

    call_command("makemigrations", check=True, dry_run=True, verbosity=0)
    assert Upload._meta.db_table == "manager_uploads"
    assert LeftObject._meta.db_table == "manager_left_objects"
