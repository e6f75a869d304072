"""Stored PDF files, and responses that have one."""

import hashlib
import logging

from django.http import HttpResponse
from django.utils.http import content_disposition_header

from foundation.storage import object_storage

logger = logging.getLogger(__name__)


def stored_pdf(key: str, sha256: str) -> bytes:
    """Return the PDF with this storage key.

    Raises object_storage.StorageUnavailable, also for a file whose hash is not `sha256`, and
    object_storage.ObjectNotFound.
    """
    file = object_storage.get(key)
    if hashlib.sha256(file).hexdigest() != sha256:
        logger.error("the stored PDF %s does not match its hash", key)
        raise object_storage.StorageUnavailable(key)
    return file


def pdf_response(file: bytes, name: str, *, as_attachment: bool = False) -> HttpResponse:
    """Return `file` under `name`, in which slashes become hyphens."""
    disposition = content_disposition_header(as_attachment=as_attachment, filename=name.replace("/", "-"))
    return HttpResponse(file, content_type="application/pdf", headers={"Content-Disposition": disposition})
