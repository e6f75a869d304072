"""Views behind the signed URLs of the local storage; same limits as S3."""

from collections.abc import Callable
from functools import wraps

from django.contrib.auth.decorators import login_not_required
from django.core import signing
from django.core.exceptions import RequestDataTooBig
from django.core.files.storage import default_storage
from django.core.files.uploadhandler import (
    FileUploadHandler,
    MemoryFileUploadHandler,
    StopUpload,
    TemporaryFileUploadHandler,
)
from django.http import Http404, HttpResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST, require_safe

from foundation.storage import object_storage
from foundation.web.security_headers import allow_cross_origin

# Maximum size of a multipart body without the file: boundaries, headers and fields.
MULTIPART_OVERHEAD = 16 * 1024


class _SizeLimitHandler(FileUploadHandler):
    """Stop receiving at the first byte over the limit, so that it never reaches the disk."""

    def __init__(self, request, max_bytes: int):
        super().__init__(request)
        self.max_bytes = max_bytes

    def receive_data_chunk(self, raw_data: bytes, start: int) -> bytes:
        if start + len(raw_data) > self.max_bytes:
            raise StopUpload(connection_reset=True)
        return raw_data

    def file_complete(self, file_size: int) -> None:
        return None


def _require_signed_token(salt: str, seconds: int) -> Callable:
    """Decorator: call the view with the values in the URL's signed token; 403 if it is invalid or expired."""

    def decorate(view):
        @wraps(view)
        def guarded(request, token):
            if not hasattr(default_storage, "receive"):
                raise Http404
            try:
                values = signing.loads(token, salt=salt, max_age=seconds)
            except signing.BadSignature:
                return HttpResponse("Ссылка недействительна или устарела.", status=403, content_type="text/plain")
            return view(request, *values)

        return guarded

    return decorate


@csrf_exempt
@login_not_required
@require_POST
@_require_signed_token("storages.upload", object_storage.UPLOAD_SECONDS)
def receive_upload(request, key: str, content_type: str, max_bytes: int):
    """Receive one file. The signed token is the permission to write this object."""
    try:
        content_length = int(request.META.get("CONTENT_LENGTH") or 0)
    except ValueError:
        return HttpResponse(status=400)
    if content_length > max_bytes + MULTIPART_OVERHEAD:
        return HttpResponse(status=413)
    request.upload_handlers = [
        _SizeLimitHandler(request, max_bytes), MemoryFileUploadHandler(request), TemporaryFileUploadHandler(request)
    ]  # fmt: skip
    try:
        fields, file = request.POST, request.FILES.get("file")
    except RequestDataTooBig:
        return HttpResponse(status=413)
    if fields.get("key") != key or fields.get("Content-Type") != content_type:
        return HttpResponse(status=403)
    if not (file and file.size):
        return HttpResponse(status=400)
    default_storage.receive(key, file)
    return HttpResponse(status=204)


@login_not_required
@require_safe
@allow_cross_origin
@_require_signed_token("storages.shown", object_storage.DOWNLOAD_SECONDS)
def serve_photo(request, key: str, cache: str):
    """The JPEG. The signed token is the permission to read this object."""
    headers = {"Cache-Control": cache, "Content-Disposition": "inline", "X-Content-Type-Options": "nosniff"}
    return HttpResponse(object_storage.get(key), content_type="image/jpeg", headers=headers)
