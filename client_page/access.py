"""Who may open the client's page: the browser in which the link was opened, as long as the link is in force."""

import secrets
from functools import wraps

from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.http import Http404, HttpRequest, HttpResponse
from django.utils import timezone

from client_page.pages import ended_page, render_page
from links.models import Link, LinkGone
from managers import limits

# Longer than a link: two links that are opened in one browser have the same secret.
COOKIE_MAX_AGE = 30 * 24 * 60 * 60


def cookie_name() -> str:
    return settings.COOKIE_PREFIX + "client"


def browser_secret(request: HttpRequest) -> str:
    """Return the secret of the browser in its cookie; "" if it has none."""
    return request.COOKIES.get(cookie_name(), "")


def new_browser_secret() -> str:
    return secrets.token_urlsafe(24)


def remember_browser(response: HttpResponse, secret: str) -> HttpResponse:
    response.set_cookie(
        cookie_name(),
        secret,
        max_age=COOKIE_MAX_AGE,
        samesite="Lax",
        httponly=True,
        secure=settings.SESSION_COOKIE_SECURE,
    )
    return response


def public_page(view):
    """Decorator: no sign-in; nothing is cached or listed by search engines."""

    @login_not_required
    @wraps(view)
    def public(request, *args, **kwargs):
        try:
            response = view(request, *args, **kwargs)
        except limits.TooManyTries as refused:
            response = refused.apply_to(render_page(request, "too_often", {"message": refused.message}))
        response.headers["Cache-Control"] = "no-store"
        response.headers["X-Robots-Tag"] = "noindex, nofollow"
        return response

    return public


def without_referrer(view):
    """Decorator: the URL of the page is not sent to anybody, not even to our own pages."""

    @wraps(view)
    def silent(request, *args, **kwargs):
        response = view(request, *args, **kwargs)
        response.headers["Referrer-Policy"] = "no-referrer"
        return response

    return silent


def link_page(view):
    """Decorator of pages of an opened link: the view is called as view(request, link).

    Everybody else gets the same answer, whether the link exists or not. So do browsers in which a member of staff is
    signed in: nobody reads, accepts or signs for the client there.
    """

    @public_page
    @wraps(view)
    def guarded(request, pk):
        link = _opened_link(request, pk)
        if link is None:
            return ended_page(request)
        try:
            return view(request, link)
        except (LinkGone, Http404, Link.DoesNotExist):  # replaced, or the client was erased or reassigned meanwhile
            return ended_page(request)

    return guarded


def _opened_link(request, pk) -> Link | None:
    if request.user.is_authenticated:
        return None
    links = Link.objects.in_force(timezone.now()).opened_in(browser_secret(request))
    link = links.select_related("client__user", "contract__client", "created_by", "message").filter(pk=pk).first()
    return link if link and link.is_permitted else None
