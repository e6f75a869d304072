"""Create a backup."""

import io
import shutil
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from django.conf import settings
from django.db import connection, transaction

from foundation.storage import object_storage
from operations.backup import BackupError, external_tools
from operations.backup.manifest import Manifest, ObjectsDigest, size_and_sha256, table_digests

DATABASE, OBJECTS = "database.dump.age", "objects.tar.age"
NAME = "privet-%Y%m%dT%H%M%SZ"


def create_backup(folder: Path, *, recipient: str, now: datetime) -> tuple[Path, Manifest]:
    """Write a new backup under `folder`, encrypted with `recipient` (an age public key). Return its path and manifest.

    The database is dumped first. An object is stored before its row, so every object in the dump exists, unless it was
    deleted meanwhile. Raises BackupError and then leaves no files.
    """
    target = folder / f"{now:{NAME}}"
    with _atomic_folder(target) as partial:
        manifest = _dump_database(partial / DATABASE, recipient, now)
        _archive_objects(partial / OBJECTS, recipient, manifest)
        manifest.files = {name: size_and_sha256(partial / name) for name in (DATABASE, OBJECTS)}
        manifest.write(partial)
    return target, manifest


@contextmanager
def _atomic_folder(target: Path) -> Iterator[Path]:
    """Create a temporary folder, and rename it to `target` if the block succeeds."""
    partial = target.with_name(f".{target.name}.partial")
    try:
        partial.mkdir(mode=0o700, parents=True)
    except OSError as error:
        raise BackupError(f"{partial} can't be created: {error.strerror}") from error
    try:
        yield partial
        partial.rename(target)
    except OSError as error:
        shutil.rmtree(partial, ignore_errors=True)
        raise BackupError(f"{error.filename or partial}: {error.strerror}") from error
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise


def _dump_database(path: Path, recipient: str, now: datetime) -> Manifest:
    """Dump the database from one snapshot, and count the rows in the same snapshot."""
    with transaction.atomic(durable=True), connection.cursor() as cursor:
        cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        tables = table_digests()
        cursor.execute("SELECT pg_export_snapshot()")
        (snapshot,) = cursor.fetchone()
        server = connection.connection
        program = external_tools.find_postgresql_tool("pg_dump", server.info.server_version // 10000)
        database, environment = external_tools.connection_args(server)
        command = [program, "--format=custom", f"--snapshot={snapshot}", "--no-owner", "--no-privileges", database]
        with external_tools.encrypted_writer(path, recipient) as stream:
            external_tools.run(command, stdout=stream, env=environment)
    version = str(server.info.server_version // 10000)
    return Manifest(now.isoformat(), settings.APP_VERSION, version, tables)


def _archive_objects(path: Path, recipient: str, manifest: Manifest) -> None:
    digest = ObjectsDigest()
    try:
        with external_tools.encrypted_writer(path, recipient) as stream, tarfile.open(fileobj=stream, mode="w|") as tar:
            for key in _object_keys():
                try:
                    content = object_storage.get(key)
                except object_storage.ObjectNotFound:
                    manifest.removed_meanwhile += 1
                    continue
                _add_to_tar(tar, key, content)
                digest.add(key, content)
    except object_storage.StorageUnavailable as error:
        raise BackupError(f"The storage does not answer: {error}") from error
    manifest.count(digest)


def _object_keys() -> Iterator[str]:
    """Keys of all objects, without unchecked uploads: the browser sends them again."""
    return (listed.key for listed in object_storage.list_objects() if not listed.key.startswith("incoming/"))


def _add_to_tar(tar: tarfile.TarFile, key: str, content: bytes) -> None:
    entry = tarfile.TarInfo(key)
    entry.size = len(content)
    tar.addfile(entry, io.BytesIO(content))
