"""Middleware for rate limits and required sign-in."""

from collections.abc import Callable
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


def poll(view: Callable) -> Callable:
    """Decorator for a view that pages request by themselves. Such requests do not extend the session."""
    view.is_poll = True
    return view


class RateLimitMiddleware:
    """Turn TooManyTries into a 429 with Retry-After: a page, a notice above the current page, or a JSON error.

    The notice for HTMX requests leaves the page in place, so that typed text is not lost.
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
    """Every view requires both factors unless it is marked as public, so a new page is never public by mistake.

    A form that HTMX submits after the session ended gets a sign-in dialog over the page, so that typed text is not
    lost. Other HTMX requests redirect the whole page, because a sign-in form must not be inserted as a fragment.
    Our JavaScript modules get a 401 in JSON and open the dialog themselves.
    """

    def process_view(self, request, view_func, view_args, view_kwargs):
        if response := super().process_view(request, view_func, view_args, view_kwargs):
            return response
        if not request.user.is_authenticated:
            return None
        request.manager_id = request.user.pk  # for the log (foundation/observability/log_format.py)
        if not getattr(view_func, "is_poll", False):
            request.session.touch(request.user)
        allowed = not getattr(view_func, "login_required", True) or getattr(view_func, "before_second_factor", False)
        if allowed or second_factor.is_verified(request):
            return None
        url = resolve_url("managers:second_factor")
        return _require_sign_in(request, url, "managers/second_factor_dialog.html", AnyCodeForm())

    def handle_no_permission(self, request, view_func):
        return _require_sign_in(request, _sign_in_url(request), "managers/sign_in_dialog.html", SignInForm())


def _require_sign_in(request, url: str, dialog: str, form):
    """Redirect to `url`, or answer an HTMX form with the template `dialog`, or JSON with 401."""
    if request.htmx and request.method != "GET":
        response = TemplateResponse(request, dialog, {"form": form}, status=401)
        return push_url(reswap(retarget(response, "#dialog"), "innerHTML"), False)
    if request.htmx:
        page = _path_of(request.htmx.current_url or "/")
        return HttpResponseClientRedirect(redirect_to_login(page, url).url)
    if wants_json(request):
        return json_error(SESSION_ENDED, 401)
    return redirect_to_login(request.get_full_path() if request.method == "GET" else "/", url)


def _path_of(url: str) -> str:
    """Return the path of the URL that the browser reports, or "/" if it is invalid."""
    try:
        return urlsplit(url).path
    except ValueError:
        return "/"


def _sign_in_url(request) -> str:
    """URL of the sign-in page, which reports an expired session if the browser sent a session cookie."""
    expired = settings.SESSION_COOKIE_NAME in request.COOKIES
    return resolve_url(settings.LOGIN_URL) + ("?expired=1" if expired else "")
