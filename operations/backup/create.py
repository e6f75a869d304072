"""Making a backup."""

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
from operations.backup import BackupFailed, external_tools
from operations.backup.manifest import Manifest, ObjectsDigest, fingerprint, tables_now

DATABASE, OBJECTS = "database.dump.age", "objects.tar.age"
NAME = "privet-%Y%m%dT%H%M%SZ"


def take(folder: Path, *, recipient: str, now: datetime) -> tuple[Path, Manifest]:
    """Write a new backup under `folder`, encrypted to `recipient` (an age public key).

    The database comes first: objects are written before the row that names them, so none that the dump names is missed,
    except what was removed on purpose since. Returns where it is and what it holds; one that fails leaves
    nothing. Raises BackupFailed.
    """
    target = folder / f"{now:{NAME}}"
    with _made_whole(target) as partial:
        manifest = _database(partial / DATABASE, recipient, now)
        _objects(partial / OBJECTS, recipient, manifest)
        manifest.files = {name: fingerprint(partial / name) for name in (DATABASE, OBJECTS)}
        manifest.write(partial)
    return target, manifest


@contextmanager
def _made_whole(target: Path) -> Iterator[Path]:
    """A folder that gets the name `target` when all of it is written."""
    partial = target.with_name(f".{target.name}.partial")
    try:
        partial.mkdir(mode=0o700, parents=True)
    except OSError as error:
        raise BackupFailed(f"{partial} can't be made: {error.strerror}") from error
    try:
        yield partial
        partial.rename(target)
    except OSError as error:
        shutil.rmtree(partial, ignore_errors=True)
        raise BackupFailed(f"{error.filename or partial}: {error.strerror}") from error
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise


def _database(path: Path, recipient: str, now: datetime) -> Manifest:
    """Dump the database as it is at one moment, and count the rows of the very same moment."""
    with transaction.atomic(durable=True), connection.cursor() as cursor:
        cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        tables = tables_now()
        cursor.execute("SELECT pg_export_snapshot()")
        (snapshot,) = cursor.fetchone()
        server = connection.connection
        program = external_tools.of_postgresql("pg_dump", server.info.server_version // 10000)
        database, environment = external_tools.address(server)
        command = [program, "--format=custom", f"--snapshot={snapshot}", "--no-owner", "--no-privileges", database]
        with external_tools.encrypting(path, recipient) as stream:
            external_tools.run(command, stdout=stream, env=environment)
    version = str(server.info.server_version // 10000)
    return Manifest(now.isoformat(), settings.APP_VERSION, version, tables)


def _objects(path: Path, recipient: str, manifest: Manifest) -> None:
    digest = ObjectsDigest()
    try:
        with external_tools.encrypting(path, recipient) as stream, tarfile.open(fileobj=stream, mode="w|") as tar:
            for key in _keys():
                try:
                    content = object_storage.get(key)
                except object_storage.ObjectNotFound:
                    manifest.removed_meanwhile += 1
                    continue
                _add(tar, key, content)
                digest.add(key, content)
    except object_storage.StorageUnavailable as error:
        raise BackupFailed(f"The storage does not answer: {error}") from error
    manifest.count(digest)


def _keys() -> Iterator[str]:
    """Uploads that nobody has looked at yet are left out: the browser sends them again."""
    return (found.key for found in object_storage.list_objects() if not found.key.startswith("incoming/"))


def _add(tar: tarfile.TarFile, key: str, content: bytes) -> None:
    entry = tarfile.TarInfo(key)
    entry.size = len(content)
    tar.addfile(entry, io.BytesIO(content))
