"""Middleware that does not depend on any app."""

import logging

from django.http import Http404, HttpResponseBadRequest
from django.shortcuts import render
from django.utils.cache import add_never_cache_headers
from django_htmx.http import push_url, reswap, retarget

from foundation.storage.interface import ObjectNotFound, StorageUnavailable

logger = logging.getLogger(__name__)


def reject_nul_bytes(get_response):
    """Reject a URL or cookie that contains a NUL byte with 400, because PostgreSQL can't store it.

    Form fields reject NUL bytes themselves, with a message.
    """

    def middleware(request):
        cookies = "".join(request.COOKIES.values())
        if "%00" in request.META.get("QUERY_STRING", "") or "\x00" in request.path_info + cookies:
            return HttpResponseBadRequest(
                "Запрос содержит недопустимые символы.", content_type="text/plain; charset=utf-8"
            )
        return get_response(request)

    return middleware


class StorageOutageMiddleware:
    """Turn StorageUnavailable into a page with 503, and ObjectNotFound into a 404.

    HTMX inserts the notice above the current page, so that typed text is not lost.
    """

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        return self.get_response(request)

    def process_exception(self, request, exception):
        if isinstance(exception, ObjectNotFound):
            logger.error("object missing: %s", exception)
            raise Http404 from exception
        if not isinstance(exception, StorageUnavailable):
            return None
        if not request.htmx:
            return render(request, "503.html", status=503)
        response = render(request, "503.html#notice", status=503)
        return push_url(reswap(retarget(response, "#main"), "afterbegin show:window:top"), False)


def never_cache_middleware(get_response):
    """Forbid caching of responses that do not set `Cache-Control`: they may show personal data."""

    def middleware(request):
        response = get_response(request)
        if not response.has_header("Cache-Control"):
            add_never_cache_headers(response)
        return response

    return middleware
