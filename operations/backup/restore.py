"""Bringing a backup back, into an empty installation."""

import tarfile
from pathlib import Path

from django.db import connection, transaction

from foundation.storage import object_storage
from operations.backup import BackupError, external_tools
from operations.backup.create import DATABASE, OBJECTS
from operations.backup.manifest import Manifest, ObjectsDigest, table_digests


def restore_backup(folder: Path, *, identity: Path) -> Manifest:
    """Bring back the backup in `folder` with the private key in the file `identity`, and compare each row and object.

    Raises BackupError: before anything is written when the backup is damaged or something is here already, and at the
    end when what came back is not what was taken.
    """
    manifest = Manifest.read(folder)
    _check_empty()
    _restore_database(folder / DATABASE, identity)
    objects = _restore_objects(folder / OBJECTS, identity)
    _verify(manifest, objects)
    return manifest


def _check_empty() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'")
        (tables,) = cursor.fetchone()
    if tables:
        raise BackupError(f"The database has {tables} tables. A backup is brought back into an empty one only.")
    try:
        if found := next(object_storage.list_objects(), None):
            raise BackupError(
                f"The storage has objects ({found.key}). A backup is brought back into an empty one only."
            )
    except object_storage.StorageUnavailable as error:
        raise BackupError(f"The storage does not answer: {error}") from error


def _restore_database(path: Path, identity: Path) -> None:
    connection.ensure_connection()
    server = connection.connection
    program = external_tools.find_postgresql_tool("pg_restore", server.info.server_version // 10000)
    database, environment = external_tools.connection_args(server)
    options = ["--exit-on-error", "--single-transaction", "--no-owner", "--no-privileges"]
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
            stream.read()  # the padding at the end, or age would be cut off
    except object_storage.StorageUnavailable as error:
        raise BackupError(f"The storage does not take {error}") from error
    return digest


def _verify(manifest: Manifest, objects: ObjectsDigest) -> None:
    with transaction.atomic():
        tables = table_digests()
    wrong = sorted(name for name in manifest.tables | tables if manifest.tables.get(name) != tables.get(name))
    if wrong:
        raise BackupError(f"These tables came back different: {', '.join(wrong)}")
    if (objects.count, str(objects)) != (manifest.objects, manifest.objects_digest):
        raise BackupError(f"{objects.count} objects came back, or changed ones; {manifest.objects} were taken.")
