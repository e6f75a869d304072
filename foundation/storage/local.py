"""Object storage in a local folder."""

import os
import uuid
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from django.core import signing
from django.core.files.base import File
from django.core.files.storage import FileSystemStorage
from django.urls import reverse

from foundation.storage.interface import ListedObject, ObjectTooLarge, PresignedUpload, SetupReport


def _sort_name(entry: os.DirEntry) -> str:
    return f"{entry.name}/" if entry.is_dir() else entry.name


class LocalObjectStorage(FileSystemStorage):
    """Files under `.data/files`, readable only by the user of this process. photos/local_files.py serves its URLs."""

    def __init__(self, location: str):
        super().__init__(location=location, file_permissions_mode=0o600, directory_permissions_mode=0o700)

    def is_available(self) -> bool:
        """The folder does not exist before the first object, so check its nearest existing parent."""
        existing = next(folder for folder in (Path(self.location), *Path(self.location).parents) if folder.exists())
        return os.access(existing, os.R_OK | os.W_OK | os.X_OK)

    def set_up(self) -> SetupReport:
        Path(self.location).mkdir(mode=self.directory_permissions_mode, parents=True, exist_ok=True)
        return SetupReport([], [])

    def list_objects(self, folder: str = "") -> Iterator[ListedObject]:
        # In the order of keys: objects in a folder `a` come after `a-b`, because "/" sorts after "-".
        entries = os.scandir(self.path(folder)) if self.exists(folder) else ()  # none before the first object
        for entry in sorted(entries, key=_sort_name):
            if entry.is_dir():
                yield from self.list_objects(f"{folder}{entry.name}/")
                continue
            with suppress(FileNotFoundError):  # deleted meanwhile
                modified = datetime.fromtimestamp(entry.stat().st_mtime, UTC)
                yield ListedObject(f"{folder}{entry.name}", modified)

    def _save(self, name: str, content: File) -> str:
        try:
            return super()._save(name, content)
        except OSError:
            self.delete(name)  # a partial file would keep the full disk full
            raise

    def presign_upload(self, key: str, content_type: str, max_bytes: int) -> PresignedUpload:
        token = signing.dumps([key, content_type, max_bytes], salt="storages.upload")
        return PresignedUpload(reverse("stored_upload", args=[token]), {"key": key, "Content-Type": content_type})

    def presign_download(self, key: str, cache: str) -> str:
        return reverse("stored_object", args=[signing.dumps([key, cache], salt="storages.shown")])

    def is_public(self) -> bool:
        return False

    def read_limited(self, key: str, max_bytes: int) -> bytes:
        if self.size(key) > max_bytes:
            raise ObjectTooLarge(key)
        with self.open(key) as file:
            return file.read(max_bytes)

    def receive(self, key: str, file: File) -> None:
        """Store an upload atomically, and replace an earlier one with the same key, as S3 does."""
        name = self.save(f"{key}.{uuid.uuid4()}", file)
        os.replace(self.path(name), self.path(key))
