"""Files that clients attach to messages, shown from the app's bucket.

A client chooses key and contents. Only pictures of known types are opened in the browser; other files are downloaded.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

from django.db import connection
from django.db.models.functions import Left
from django.utils.http import content_disposition_header

from foundation.storage import app_bucket
from support.models import Attachment

PICTURE_TYPES = {
    "gif": "image/gif", "jpeg": "image/jpeg", "jpg": "image/jpeg", "png": "image/png", "webp": "image/webp",
}  # fmt: skip
MAX_NAME_LENGTH = 100
EXTENSION = re.compile(r"\.([A-Za-z0-9]{1,8})$")
# The app puts a random id before the name that the client's file had.
RANDOM_ID = re.compile(r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}-?")

COLUMN_EXISTS = """
    SELECT EXISTS (
        SELECT FROM pg_attribute WHERE attrelid = to_regclass(%s) AND attname = 'file_key' AND NOT attisdropped
    )
"""


@dataclass(frozen=True)
class File:
    """The file of the message `message_id`."""

    message_id: UUID
    key: str

    @property
    def is_available(self) -> bool:
        """Whether it can be opened, as far as we know without asking the storage."""
        return app_bucket.is_configured() and app_bucket.is_valid_key(self.key)

    @property
    def name(self) -> str:
        """A harmless file name; without the random id, unless nothing else is left."""
        last = self.key.rsplit("/", 1)[-1]
        name = re.sub(r"[^\w.() -]", "_", RANDOM_ID.sub("", last))[-MAX_NAME_LENGTH:].strip(" .")
        return name or "вложение"

    @property
    def extension(self) -> str:
        found = EXTENSION.search(self.key)
        return found[1].lower() if found else ""

    @property
    def may_be_picture(self) -> bool:
        """The app stores most pictures under keys without an extension."""
        return not self.extension or self.extension in PICTURE_TYPES

    def url(self, *, download: bool) -> str:
        """Return a presigned URL, valid for two minutes, with a content type that can't run scripts.

        Raises ObjectNotFound or StorageUnavailable.
        """
        stored = app_bucket.stored_content_type(self.key)
        picture = PICTURE_TYPES.get(self.extension) or (stored if not self.extension else "")
        if download or picture not in PICTURE_TYPES.values():
            disposition = content_disposition_header(as_attachment=True, filename=self.name)
            return app_bucket.presign_download(
                self.key, content_type="application/octet-stream", disposition=disposition
            )
        return app_bucket.presign_download(self.key, content_type=picture, disposition="inline")


def files_of(message_ids: Iterable[UUID]) -> dict[UUID, File]:
    """Return the files of these messages, by the message's id. Empty if the app's table has no such column."""
    with connection.cursor() as cursor:
        cursor.execute(COLUMN_EXISTS, [connection.ops.quote_name(Attachment._meta.db_table)])
        if not cursor.fetchone()[0]:
            return {}
    rows = Attachment.objects.filter(pk__in=message_ids, file_key__gt="")
    keys = rows.values_list("pk", Left("file_key", app_bucket.MAX_KEY_BYTES + 1))
    return {pk: File(pk, key) for pk, key in keys}
