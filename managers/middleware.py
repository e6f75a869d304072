"""Rules that hold for every request."""

import logging
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib.auth.middleware import LoginRequiredMiddleware
from django.contrib.auth.views import redirect_to_login
from django.http import Http404, HttpResponseBadRequest
from django.shortcuts import render, resolve_url
from django.template.response import TemplateResponse
from django.utils.cache import add_never_cache_headers
from django_htmx.http import HttpResponseClientRedirect, push_url, reswap, retarget

from foundation.storage.object_storage import ObjectMissing, StorageUnavailable
from foundation.web.json_errors import SESSION_ENDED, problem, wants_json
from managers import second_factor
from managers.forms import AnyCodeForm, SignInForm
from managers.limits import TooManyTries

logger = logging.getLogger(__name__)


def refuse_nul_bytes(get_response):
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


class StorageOutage:
    """A page that can't go on without the object storage says so with a 503.

    HTMX puts the words above the page that is there: a form in it keeps what was typed.
    """

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        return self.get_response(request)

    def process_exception(self, request, exception):
        if isinstance(exception, ObjectMissing):
            logger.error("object missing: %s", exception)
            raise Http404 from exception
        if not isinstance(exception, StorageUnavailable):
            return None
        if not request.htmx:
            return render(request, "503.html", status=503)
        response = render(request, "503.html#notice", status=503)
        return push_url(reswap(retarget(response, "#main"), "afterbegin show:window:top"), False)


class TooOften:
    """What is asked for too often is refused with a 429 that says when to try again: a page, a notice above the page
    that is there (its forms keep what was typed), or the error of a JSON answer.
    """

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        return self.get_response(request)

    def process_exception(self, request, exception):
        if not isinstance(exception, TooManyTries):
            return None
        return exception.answered(_too_often(request, exception.message))


def _too_often(request, message: str):
    if request.htmx:
        response = render(request, "429.html#notice", {"message": message})
        return push_url(reswap(retarget(response, "#main"), "afterbegin show:window:top"), False)
    if wants_json(request):
        return problem(message, 429)
    return render(request, "429.html", {"message": message})


def private_pages(get_response):
    """What a signed-in person is shown is kept by no cache."""

    def middleware(request):
        response = get_response(request)
        if not response.has_header("Cache-Control"):
            add_never_cache_headers(response)
        return response

    return middleware


class SignInRequired(LoginRequiredMiddleware):
    """Every view asks for a sign-in with both factors unless it says otherwise; a new page can't be left open by
    oversight.

    A form sent by HTMX after the session ended is answered with a sign-in dialog over the page, so that nothing
    typed is lost; any other HTMX request moves the whole page, because a sign-in form must not land in a fragment.
    A module of the page that asks for JSON is told, and opens the dialog itself.
    """

    def process_view(self, request, view_func, view_args, view_kwargs):
        if refused := super().process_view(request, view_func, view_args, view_kwargs):
            return refused
        if not request.user.is_authenticated:
            return None
        request.session.touch(request.user)
        may = not getattr(view_func, "login_required", True) or getattr(view_func, "before_second_factor", False)
        if may or second_factor.is_verified(request):
            return None
        where = resolve_url("managers:second_factor")
        return _stopped(request, where, "managers/second_factor_dialog.html", AnyCodeForm())

    def handle_no_permission(self, request, view_func):
        return _stopped(request, _sign_in(request), "managers/sign_in_dialog.html", SignInForm())


def _stopped(request, where: str, dialog: str, form):
    """On the way to the address `where`, or told in the dialog over the page, what must be shown first."""
    if request.htmx and request.method != "GET":
        response = TemplateResponse(request, dialog, {"form": form}, status=401)
        return push_url(reswap(retarget(response, "#dialog"), "innerHTML"), False)
    if request.htmx:
        page = _path(request.htmx.current_url or "/")
        return HttpResponseClientRedirect(redirect_to_login(page, where).url)
    if wants_json(request):
        return problem(SESSION_ENDED, 401)
    return redirect_to_login(request.get_full_path() if request.method == "GET" else "/", where)


def _path(url: str) -> str:
    """The path of the page that a browser says it shows; the first page when that is no address."""
    try:
        return urlsplit(url).path
    except ValueError:
        return "/"


def _sign_in(request) -> str:
    """The sign-in page; one who brings the cookie of a session that ended is told so there."""
    expired = settings.SESSION_COOKIE_NAME in request.COOKIES
    return resolve_url(settings.LOGIN_URL) + ("?expired=1" if expired else "")
