"""The manifest of a backup: counts and digests that verify every row and object after a restore."""

import hashlib
import json
from dataclasses import asdict, dataclass, field
from pathlib import Path

from django.conf import settings
from django.db import connection
from django.utils.crypto import constant_time_compare, salted_hmac

from operations.backup import BackupError

NAME = "manifest.json"


class ObjectsDigest:
    """Sum of the SHA-256 digests of keys and contents, independent of the order of the objects."""

    def __init__(self):
        self.count = self.bytes = self._sum = 0

    def add(self, key: str, content: bytes) -> None:
        self.count += 1
        self.bytes += len(content)
        digest = hashlib.sha256(f"{key}\n".encode() + hashlib.sha256(content).digest())
        self._sum = (self._sum + int.from_bytes(digest.digest())) % 2**256

    def __str__(self):
        return f"{self._sum:064x}"


@dataclass
class Manifest:
    """Contents of a backup. The field names are the keys of manifest.json in existing backups and must not change.

    `tables` has the number of rows and their digest by table, `files` the size in bytes and the SHA-256 by name.
    """

    taken_at: str
    version: str
    postgresql: str
    tables: dict[str, list] = field(default_factory=dict)
    objects: int = 0
    object_bytes: int = 0
    objects_digest: str = ""
    removed_meanwhile: int = 0
    files: dict[str, list] = field(default_factory=dict)

    @property
    def rows(self) -> int:
        return sum(rows for rows, _ in self.tables.values())

    def count(self, objects: ObjectsDigest) -> None:
        self.objects, self.object_bytes, self.objects_digest = objects.count, objects.bytes, str(objects)

    def write(self, folder: Path) -> None:
        body = asdict(self)
        (folder / NAME).write_text(json.dumps(body | {"signature": _signature(body)}, indent=1))

    @classmethod
    def read(cls, folder: Path) -> "Manifest":
        """Return the manifest in `folder`, with the signature and the files verified. Raise BackupError otherwise."""
        try:
            body = json.loads((folder / NAME).read_text())
            signature = body.pop("signature")
            manifest = cls(**body)
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise BackupError(f"{folder} has no complete backup: {error}") from error
        if not constant_time_compare(signature, _signature(body)):
            raise BackupError("The manifest was not signed with this CONTRACT_SIGNATURE_SECRET.")
        for name, expected in manifest.files.items():
            if not (folder / name).exists() or size_and_sha256(folder / name) != expected:
                raise BackupError(f"{name} is damaged or missing.")
        return manifest


def _signature(body: dict) -> str:
    # Signed with CONTRACT_SIGNATURE_SECRET, which is needed anyway to verify evidence after a restore.
    text = json.dumps(body, sort_keys=True)
    return salted_hmac("privet.backup", text, secret=settings.CONTRACT_SIGNATURE_SECRET, algorithm="sha256").hexdigest()


def size_and_sha256(path: Path) -> list:
    """Return the size in bytes and the SHA-256 of a file."""
    with path.open("rb") as file:
        return [path.stat().st_size, hashlib.file_digest(file, "sha256").hexdigest()]


def table_digests() -> dict[str, list]:
    """Return [number of rows, digest independent of their order] by table; those of our schemas with the schema."""
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL statement_timeout = 0")
        cursor.execute("SET LOCAL idle_in_transaction_session_timeout = 0")
        cursor.execute(
            "SELECT schemaname, tablename FROM pg_tables"
            " WHERE schemaname IN ('public', 'privet', 'privet_inbox') ORDER BY 1, 2"
        )
        # The key of a table in `public` has no schema, as in backups from before there were others.
        return {
            table if schema == "public" else f"{schema}.{table}": _row_count_and_digest(cursor, schema, table)
            for schema, table in cursor.fetchall()
        }


def _row_count_and_digest(cursor, schema: str, table: str) -> list:
    quoted = f"{connection.ops.quote_name(schema)}.{connection.ops.quote_name(table)}"
    cursor.execute(
        f"SELECT count(*), coalesce(sum(hashtextextended(t::text, 0)::numeric), 0)::text FROM {quoted} t"  # noqa: S608
    )
    return list(cursor.fetchone())
