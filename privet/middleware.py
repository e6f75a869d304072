"""Rules that hold for every request."""

from urllib.parse import urlsplit

from django.conf import settings
from django.contrib.auth.middleware import LoginRequiredMiddleware
from django.contrib.auth.views import redirect_to_login
from django.http import HttpResponseBadRequest
from django.shortcuts import resolve_url
from django.template.response import TemplateResponse
from django.utils.cache import add_never_cache_headers
from django_htmx.http import HttpResponseClientRedirect, push_url, reswap, retarget

from managers.forms import SignInForm


def refuse_nul_bytes(get_response):
    """PostgreSQL stores no NUL byte; a query string that has one is nobody's honest request."""

    def middleware(request):
        if "%00" in request.META.get("QUERY_STRING", "") or "\x00" in request.path_info:
            return HttpResponseBadRequest(
                "Запрос содержит недопустимые символы.", content_type="text/plain; charset=utf-8"
            )
        return get_response(request)

    return middleware


def private_pages(get_response):
    """What a signed-in person is shown is kept by no cache."""

    def middleware(request):
        response = get_response(request)
        if not response.has_header("Cache-Control"):
            add_never_cache_headers(response)
            response.headers["Cache-Control"] += ", no-store"
        return response

    return middleware


class SignInRequired(LoginRequiredMiddleware):
    """Every view asks for a sign-in unless it says otherwise; a new page can't be left open by oversight.

    A form sent by HTMX after the session ended is answered with a sign-in dialog over the page, so that nothing
    typed is lost; any other HTMX request moves the whole page, because a sign-in form must not land in a fragment.
    """

    def handle_no_permission(self, request, view_func):
        if not request.htmx:
            return redirect_to_login(request.get_full_path() if request.method == "GET" else "/", _sign_in(request))
        if request.method == "GET":
            page = urlsplit(request.htmx.current_url or "/").path
            return HttpResponseClientRedirect(redirect_to_login(page, _sign_in(request)).url)
        response = TemplateResponse(request, "managers/sign_in_dialog.html", {"form": SignInForm()}, status=401)
        return push_url(reswap(retarget(response, "#dialog"), "innerHTML"), False)


def _sign_in(request) -> str:
    """The sign-in page; one who brings the cookie of a session that ended is told so there."""
    expired = settings.SESSION_COOKIE_NAME in request.COOKIES
    return resolve_url(settings.LOGIN_URL) + ("?expired=1" if expired else "")
