"""Restore a backup into an empty installation."""

import tarfile
from pathlib import Path

from django.db import connection, transaction

from foundation.storage import object_storage
from operations.backup import BackupError, external_tools
from operations.backup.create import DATABASE, OBJECTS
from operations.backup.manifest import Manifest, ObjectsDigest, table_digests


def restore_backup(folder: Path, *, identity: Path) -> Manifest:
    """Restore the backup in `folder` and verify every row and object. `identity` is the file with the private key.

    Raises BackupError: before anything is written if the backup is damaged or the installation is not empty, and at the
    end if the restored data differs from the backup.
    """
    manifest = Manifest.read(folder)
    _check_empty()
    _restore_database(folder / DATABASE, identity)
    objects = _restore_objects(folder / OBJECTS, identity)
    _verify(manifest, objects)
    return manifest


def _check_empty() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_tables WHERE schemaname IN ('public', 'privet', 'privet_inbox')")
        (tables,) = cursor.fetchone()
    if tables:
        raise BackupError(f"The database has {tables} tables. Restore into an empty one.")
    try:
        if listed := next(object_storage.list_objects(), None):
            raise BackupError(f"The storage has objects ({listed.key}). Restore into an empty one.")
    except object_storage.StorageUnavailable as error:
        raise BackupError(f"The storage does not answer: {error}") from error


def _restore_database(path: Path, identity: Path) -> None:
    connection.ensure_connection()
    server = connection.connection
    program = external_tools.find_postgresql_tool("pg_restore", server.info.server_version // 10000)
    database, environment = external_tools.connection_args(server)
    with connection.cursor() as cursor:
        # `create_roles` has made them, and the dump makes them itself.
        cursor.execute("DROP SCHEMA IF EXISTS privet, privet_inbox CASCADE")
    options = ["--exit-on-error", "--single-transaction", "--no-owner", "--no-privileges", "--no-comments"]
    with external_tools.decrypted_reader(path, identity) as stream:
        external_tools.run([program, *options, f"--dbname={database}"], stdin=stream, env=environment)
    with connection.cursor() as cursor:
        cursor.execute("SET statement_timeout = 0")
        cursor.execute("ANALYZE")
        cursor.execute("RESET statement_timeout")


def _restore_objects(path: Path, identity: Path) -> ObjectsDigest:
    digest = ObjectsDigest()
    try:
        with external_tools.decrypted_reader(path, identity) as stream, tarfile.open(fileobj=stream, mode="r|") as tar:
            for entry in tar:
                content = tar.extractfile(entry).read()
                object_storage.put(entry.name, content)
                digest.add(entry.name, content)
            stream.read()  # read the padding at the end, or age would fail with a broken pipe
    except object_storage.StorageUnavailable as error:
        raise BackupError(f"The storage does not answer: {error}") from error
    return digest


def _verify(manifest: Manifest, objects: ObjectsDigest) -> None:
    with transaction.atomic():
        tables = table_digests()
    different = sorted(name for name in manifest.tables | tables if manifest.tables.get(name) != tables.get(name))
    if different:
        raise BackupError(f"These tables differ from the backup: {', '.join(different)}")
    if (objects.count, str(objects)) != (manifest.objects, manifest.objects_digest):
        raise BackupError(
            f"The restored objects differ from the backup: {objects.count} were restored, it has {manifest.objects}."
        )
