"""Creating, restoring and rotating backups.

`bin/drill` tests the whole procedure: fill, back up, delete, restore, compare every row and object.
"""

import json
import os
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest
from django.core.management import CommandError, call_command
from django.db import connection, connections

from clients.models import Client
from conftest import ROLES
from foundation.database.privileges import create_roles
from foundation.storage import object_storage
from foundation.testing import local_storage
from operations.backup import BackupError
from operations.backup.create import create_backup
from operations.backup.restore import restore_backup
from operations.backup.rotation import delete_old_backups
from passport import saving

NOW = datetime(2026, 11, 24, 3, 0, tzinfo=UTC)
OTHER_DATABASE = f"privet_restore_{os.getpid()}"


def key_pair(folder: Path) -> tuple[str, Path]:
    identity = folder / "key"
    subprocess.run(["age-keygen", "-o", identity], check=True, capture_output=True)
    public = subprocess.run(["age-keygen", "-y", identity], check=True, capture_output=True, text=True).stdout
    return public.strip(), identity


@pytest.fixture
def keys(tmp_path) -> tuple[str, Path]:
    return key_pair(tmp_path)


@pytest.fixture
def office(transactional_db, superuser, make, anna) -> Client:
    """A client with a passport, its photo and two agreements: three objects."""
    client = make.awaiting_contract(anna)
    saving.replace_photo(client.passport, b"a photo", by=anna)
    return client


@pytest.fixture
def switch_to_empty(office, settings, tmp_path):
    """Return a function that switches to an empty installation: another database and another storage."""

    def switch():
        connection.close()
        with _maintenance() as maintenance:
            maintenance.execute(f"DROP DATABASE IF EXISTS {OTHER_DATABASE}")
            maintenance.execute(f"CREATE DATABASE {OTHER_DATABASE}")
        with _maintenance(OTHER_DATABASE) as maintenance, maintenance.transaction():
            create_roles(maintenance, ROLES, {}, lambda message: None)
        connection.settings_dict["NAME"] = OTHER_DATABASE
        connection.close_pool()
        settings.STORAGES = local_storage(tmp_path / "elsewhere")

    original = connection.settings_dict["NAME"]
    yield switch
    connection.close()
    connection.close_pool()
    connection.settings_dict["NAME"] = original
    with _maintenance() as maintenance:
        maintenance.execute(f"DROP DATABASE IF EXISTS {OTHER_DATABASE}")


def _maintenance(database: str = "postgres") -> psycopg.Connection:
    parameters = connection.get_connection_params()
    given = {name: parameters[name] for name in ("host", "port", "user", "password") if parameters.get(name)}
    return psycopg.connect(**given, dbname=database, autocommit=True)


def fetched(sql: str) -> list:
    with connections["default"].cursor() as cursor:
        cursor.execute(sql)
        return cursor.fetchall()


EVERYTHING = """
    SELECT users::text FROM public.users UNION ALL SELECT users_passports::text FROM privet.users_passports ORDER BY 1
"""


def test_backup_is_restored_into_an_empty_installation(office, switch_to_empty, keys, tmp_path):
    recipient, identity = keys
    rows, photo = fetched(EVERYTHING), office.passport.photo
    backup, manifest = create_backup(tmp_path / "backups", recipient=recipient, now=NOW)
    assert backup.name == "privet-20261124T030000Z"
    assert (manifest.tables["privet.users_passports"][0], manifest.objects) == (1, 3)

    switch_to_empty()
    assert restore_backup(backup, identity=identity) == manifest

    assert fetched(EVERYTHING) == rows
    assert object_storage.get(photo) == b"a photo"


def test_backup_requires_the_private_key(office, switch_to_empty, keys, tmp_path):
    backup, _ = create_backup(tmp_path / "backups", recipient=keys[0], now=NOW)
    for path in backup.iterdir():
        assert b"a photo" not in path.read_bytes()
        assert office.user.name.encode() not in path.read_bytes()
    (tmp_path / "another").mkdir()
    _, other_identity = key_pair(tmp_path / "another")

    switch_to_empty()
    with pytest.raises(BackupError, match="no identity matched"):
        restore_backup(backup, identity=other_identity)
    assert fetched("SELECT count(*) FROM pg_tables WHERE schemaname IN ('public', 'privet')") == [(0,)]


def test_restore_requires_an_empty_database(office, keys, tmp_path):
    recipient, identity = keys
    backup, _ = create_backup(tmp_path / "backups", recipient=recipient, now=NOW)
    with pytest.raises(BackupError, match="Restore into an empty one"):
        restore_backup(backup, identity=identity)


def test_restore_requires_an_empty_storage(switch_to_empty, keys, tmp_path):
    recipient, identity = keys
    backup, _ = create_backup(tmp_path / "backups", recipient=recipient, now=NOW)
    switch_to_empty()
    object_storage.put("photos/1", b"another photo")
    with pytest.raises(BackupError, match="The storage has objects"):
        restore_backup(backup, identity=identity)


def test_damaged_backup_is_rejected_before_anything_is_written(switch_to_empty, keys, tmp_path):
    recipient, identity = keys
    backup, _ = create_backup(tmp_path / "backups", recipient=recipient, now=NOW)
    dump = backup / "database.dump.age"
    *content, last = dump.read_bytes()
    dump.write_bytes(bytes([*content, last ^ 1]))
    switch_to_empty()
    with pytest.raises(BackupError, match="database.dump.age is damaged"):
        restore_backup(backup, identity=identity)
    assert fetched("SELECT count(*) FROM pg_tables WHERE schemaname IN ('public', 'privet')") == [(0,)]


def test_manifest_with_an_invalid_signature_is_rejected(office, keys, tmp_path):
    recipient, identity = keys
    backup, _ = create_backup(tmp_path / "backups", recipient=recipient, now=NOW)
    manifest = json.loads((backup / "manifest.json").read_text())
    manifest["objects"] = 0
    (backup / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(BackupError, match="not signed"):
        restore_backup(backup, identity=identity)


def test_objects_deleted_during_the_backup_are_only_counted(office, keys, tmp_path, monkeypatch):
    def raise_not_found(key):
        raise object_storage.ObjectNotFound(key)

    monkeypatch.setattr(object_storage, "get", raise_not_found)
    _, manifest = create_backup(tmp_path / "backups", recipient=keys[0], now=NOW)
    assert (manifest.objects, manifest.removed_meanwhile) == (0, 3)


def test_failed_backup_leaves_no_files(office, keys, tmp_path, monkeypatch):
    def raise_unavailable(key):
        raise object_storage.StorageUnavailable(key)

    monkeypatch.setattr(object_storage, "get", raise_unavailable)
    with pytest.raises(BackupError, match="The storage does not answer"):
        create_backup(tmp_path / "backups", recipient=keys[0], now=NOW)
    assert list((tmp_path / "backups").iterdir()) == []


def test_invalid_key_is_reported(office, tmp_path):
    with pytest.raises(BackupError, match="age: "):
        create_backup(tmp_path / "backups", recipient="age1nonsense", now=NOW)
    assert list((tmp_path / "backups").iterdir()) == []


def test_command_reports_the_backup_and_deletes_old_ones(office, keys, tmp_path, capsys, settings):
    settings.BACKUP_DAYS = settings.BACKUP_WEEKS = 1
    old = tmp_path / "backups" / "privet-20200101T000000Z"
    old.mkdir(parents=True)
    call_command("backup", str(tmp_path / "backups"), recipient=keys[0])
    output = capsys.readouterr().out
    assert "3 objects" in output
    assert "deleted privet-20200101T000000Z" in output
    assert not old.exists()


def test_command_requires_a_folder_and_a_public_key(db):
    with pytest.raises(CommandError, match="BACKUP_FOLDER and BACKUP_RECIPIENT"):
        call_command("backup")


def make_folders(folder: Path, *ages: timedelta) -> None:
    """Create an empty backup folder for each age."""
    for age in ages:
        (folder / f"{NOW - age:privet-%Y%m%dT%H%M%SZ}").mkdir()


def test_last_backup_of_each_day_and_week_is_retained(tmp_path):
    make_folders(tmp_path, *(timedelta(hours=12 * step) for step in range(80)))
    delete_old_backups(tmp_path, days=7, weeks=4)
    retained = sorted(path.name[7:18] for path in tmp_path.iterdir())
    assert retained == [
        "20261108T15", "20261115T15",
        "20261118T15", "20261119T15", "20261120T15", "20261121T15", "20261122T15", "20261123T15", "20261124T03",
    ]  # fmt: skip


def test_old_backups_stay_when_no_new_ones_are_made(tmp_path):
    make_folders(tmp_path, *(timedelta(days=100 + day) for day in range(3)))
    assert delete_old_backups(tmp_path, days=3, weeks=1) == []


def test_other_files_are_not_deleted(tmp_path):
    (tmp_path / "privet-notes").mkdir()
    (tmp_path / "privet-20200101T000000Z.txt").write_text("")
    make_folders(tmp_path, timedelta(0))
    delete_old_backups(tmp_path, days=1, weeks=1)
    assert len(list(tmp_path.iterdir())) == 3
