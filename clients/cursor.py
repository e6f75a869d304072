"""The place in a list that the next page starts after: creation time and id of the last card, as opaque text."""

import base64
import binascii
import struct
import uuid
from datetime import UTC, datetime, timedelta

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
Place = tuple[datetime, uuid.UUID]
FORMAT = struct.Struct(">q16s")  # microseconds since the epoch, the id's bytes


def encode(created_at: datetime, pk: uuid.UUID) -> str:
    microseconds = (created_at - EPOCH) // timedelta(microseconds=1)
    return base64.urlsafe_b64encode(FORMAT.pack(microseconds, pk.bytes)).decode()


def decode(text: str) -> Place | None:
    """The place that `encode` wrote; None for anything else."""
    try:
        microseconds, pk = FORMAT.unpack(base64.b64decode(text, altchars=b"-_", validate=True))
        return EPOCH + timedelta(microseconds=microseconds), uuid.UUID(bytes=pk)
    except (binascii.Error, ValueError, struct.error, OverflowError):
        return None
