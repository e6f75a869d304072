"""Object storage in a folder of this machine."""

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

from foundation.storage.interface import ListedObject, ObjectTooLarge, PresignedUpload


def _sort_name(entry: os.DirEntry) -> str:
    return f"{entry.name}/" if entry.is_dir() else entry.name


class LocalObjectStorage(FileSystemStorage):
    """Files under `.data/files`, readable by this process's user alone; its addresses are those of `local_files`."""

    def __init__(self, location: str):
        super().__init__(location=location, file_permissions_mode=0o600, directory_permissions_mode=0o700)

    def answers(self) -> bool:
        """Before the first object there is no folder, only the one that it will be made in."""
        there = next(folder for folder in (Path(self.location), *Path(self.location).parents) if folder.exists())
        return os.access(there, os.R_OK | os.W_OK | os.X_OK)

    def prepare(self) -> list[str]:
        Path(self.location).mkdir(mode=self.directory_permissions_mode, parents=True, exist_ok=True)
        return []

    def listing(self, folder: str = "") -> Iterator[ListedObject]:
        # In the order of keys: what lies in a folder `a` comes after `a-b`, as "/" does after "-".
        entries = os.scandir(self.path(folder)) if self.exists(folder) else ()  # none before the first object
        for entry in sorted(entries, key=_sort_name):
            if entry.is_dir():
                yield from self.listing(f"{folder}{entry.name}/")
                continue
            with suppress(FileNotFoundError):  # removed meanwhile
                modified = datetime.fromtimestamp(entry.stat().st_mtime, UTC)
                yield ListedObject(f"{folder}{entry.name}", modified)

    def _save(self, name: str, content: File) -> str:
        try:
            return super()._save(name, content)
        except OSError:
            self.delete(name)  # what a full disk cut off takes the room that is missing
            raise

    def upload_address(self, key: str, content_type: str, most: int) -> PresignedUpload:
        token = signing.dumps([key, content_type, most], salt="storages.upload")
        return PresignedUpload(reverse("stored_upload", args=[token]), {"key": key, "Content-Type": content_type})

    def address(self, key: str, cache: str) -> str:
        return reverse("stored_object", args=[signing.dumps([key, cache], salt="storages.shown")])

    def is_public(self) -> bool:
        return False

    def read(self, key: str, most: int) -> bytes:
        if self.size(key) > most:
            raise ObjectTooLarge(key)
        with self.open(key) as file:
            return file.read(most)

    def receive(self, key: str, file: File) -> None:
        """Write an upload, over an earlier one under the same key: as S3 does, at once or not at all."""
        name = self.save(f"{key}.{uuid.uuid4()}", file)
        os.replace(self.path(name), self.path(key))
