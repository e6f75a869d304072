"""Middleware that knows of no app."""

import logging

from django.http import Http404, HttpResponseBadRequest
from django.shortcuts import render
from django.utils.cache import add_never_cache_headers
from django_htmx.http import push_url, reswap, retarget

from foundation.storage.interface import ObjectNotFound, StorageUnavailable

logger = logging.getLogger(__name__)


def reject_nul_bytes(get_response):
    """PostgreSQL stores no NUL byte; an address or a cookie that has one is nobody's honest request.

    Form fields refuse it themselves, with a message.
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
    """A page that can't go on without the object storage says so with a 503.

    HTMX puts the words above the page that is there: a form in it keeps what was typed.
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
    """What a signed-in person is shown is kept by no cache."""

    def middleware(request):
        response = get_response(request)
        if not response.has_header("Cache-Control"):
            add_never_cache_headers(response)
        return response

    return middleware
