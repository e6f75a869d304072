"""Redirect targets after sign-in."""

from django.http import HttpRequest, HttpResponse
from django.middleware.csrf import get_token
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django_htmx.http import trigger_client_event

from managers.models import Manager, Role


def home_url(manager: Manager) -> str:
    """Return the URL of the first page for the user's role."""
    return reverse("support:tickets" if manager.role == Role.SUPPORT else "clients:list")


def next_url(request: HttpRequest) -> str:
    """Return the local URL in `next`, or the user's home page."""
    url = request.GET.get("next", "")
    # redirect() would treat a text without a slash as a view name.
    is_path = url.startswith("/") and url != "/"
    is_local = is_path and url_has_allowed_host_and_scheme(url, {request.get_host()}, require_https=request.is_secure())
    return url if is_local else home_url(request.user)


def with_new_csrf_token(request: HttpRequest, response: HttpResponse) -> HttpResponse:
    """Send the new session's CSRF token to the open page, so that its forms can be submitted without losing text."""
    return trigger_client_event(response, "signed-in", {"token": get_token(request)})
