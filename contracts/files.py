"""The files of issued contracts, as they were stored."""

import hashlib
import logging

from django.http import HttpResponse
from django.utils.http import content_disposition_header

from contracts.models import Contract
from foundation.storage import object_storage

logger = logging.getLogger(__name__)


def issued_file(contract: Contract) -> bytes:
    """Return the PDF of a contract that is not erased.

    Raises object_storage.StorageUnavailable, also for a file whose hash differs from the contract's, and
    object_storage.ObjectNotFound.
    """
    file = object_storage.get(contract.pdf_key)
    if hashlib.sha256(file).hexdigest() != contract.pdf_sha256:
        logger.error("the stored PDF of contract %s does not match its hash", contract.pk)
        raise object_storage.StorageUnavailable(contract.pdf_key)
    return file


def pdf_response(file: bytes, name: str, *, as_attachment: bool = False) -> HttpResponse:
    disposition = content_disposition_header(as_attachment=as_attachment, filename=name)
    return HttpResponse(file, content_type="application/pdf", headers={"Content-Disposition": disposition})
