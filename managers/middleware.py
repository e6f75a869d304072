"""Rules that hold for every request."""

from urllib.parse import urlsplit

from django.conf import settings
from django.contrib.auth.middleware import LoginRequiredMiddleware
from django.contrib.auth.views import redirect_to_login
from django.shortcuts import render, resolve_url
from django.template.response import TemplateResponse
from django_htmx.http import HttpResponseClientRedirect, push_url, reswap, retarget

from foundation.web.json_errors import SESSION_ENDED, json_error, wants_json
from managers import second_factor
from managers.forms import AnyCodeForm, SignInForm
from managers.limits import TooManyTries


class RateLimitMiddleware:
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
        return exception.apply_to(_rate_limited_response(request, exception.message))


def _rate_limited_response(request, message: str):
    if request.htmx:
        response = render(request, "429.html#notice", {"message": message})
        return push_url(reswap(retarget(response, "#main"), "afterbegin show:window:top"), False)
    if wants_json(request):
        return json_error(message, 429)
    return render(request, "429.html", {"message": message})


class SignInRequiredMiddleware(LoginRequiredMiddleware):
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
        request.manager_id = request.user.pk  # for the log (foundation/observability/log_format.py)
        request.session.touch(request.user)
        may = not getattr(view_func, "login_required", True) or getattr(view_func, "before_second_factor", False)
        if may or second_factor.is_verified(request):
            return None
        where = resolve_url("managers:second_factor")
        return _require_sign_in(request, where, "managers/second_factor_dialog.html", AnyCodeForm())

    def handle_no_permission(self, request, view_func):
        return _require_sign_in(request, _sign_in_url(request), "managers/sign_in_dialog.html", SignInForm())


def _require_sign_in(request, where: str, dialog: str, form):
    """On the way to the address `where`, or told in the dialog over the page, what must be shown first."""
    if request.htmx and request.method != "GET":
        response = TemplateResponse(request, dialog, {"form": form}, status=401)
        return push_url(reswap(retarget(response, "#dialog"), "innerHTML"), False)
    if request.htmx:
        page = _path_of(request.htmx.current_url or "/")
        return HttpResponseClientRedirect(redirect_to_login(page, where).url)
    if wants_json(request):
        return json_error(SESSION_ENDED, 401)
    return redirect_to_login(request.get_full_path() if request.method == "GET" else "/", where)


def _path_of(url: str) -> str:
    """The path of the page that a browser says it shows; the first page when that is no address."""
    try:
        return urlsplit(url).path
    except ValueError:
        return "/"


def _sign_in_url(request) -> str:
    """The sign-in page; one who brings the cookie of a session that ended is told so there."""
    expired = settings.SESSION_COOKIE_NAME in request.COOKIES
    return resolve_url(settings.LOGIN_URL) + ("?expired=1" if expired else "")
