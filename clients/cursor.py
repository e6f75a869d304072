"""Keyset cursors: creation time and id of the last row of a page, encoded as opaque text."""

import base64
import binascii
import struct
import uuid
from datetime import UTC, datetime, timedelta

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
Position = tuple[datetime, uuid.UUID]
FORMAT = struct.Struct(">q16s")  # microseconds since the epoch, the id's bytes


def encode(created_at: datetime, pk: uuid.UUID) -> str:
    """Return the cursor as URL-safe base64."""
    microseconds = (created_at - EPOCH) // timedelta(microseconds=1)
    return base64.urlsafe_b64encode(FORMAT.pack(microseconds, pk.bytes)).decode()


def decode(text: str) -> Position | None:
    """Return the position encoded in `text`, or None if it is not a cursor."""
    try:
        microseconds, pk = FORMAT.unpack(base64.b64decode(text, altchars=b"-_", validate=True))
        return EPOCH + timedelta(microseconds=microseconds), uuid.UUID(bytes=pk)
    except (binascii.Error, ValueError, struct.error, OverflowError):
        return None
