"""Where a person goes once they are let in."""

from django.http import HttpRequest, HttpResponse
from django.middleware.csrf import get_token
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django_htmx.http import trigger_client_event

from managers.models import Manager, Role


def home_url(manager: Manager) -> str:
    """Where a person's work begins."""
    return reverse("support:tickets" if manager.role == Role.SUPPORT else "clients:list")


def next_url(request: HttpRequest) -> str:
    """The page of ours that `next` names, or else the first."""
    wanted = request.GET.get("next", "")
    # A word without a slash would be taken for the name of a view.
    path = wanted.startswith("/") and wanted != "/"
    ours = path and url_has_allowed_host_and_scheme(wanted, {request.get_host()}, require_https=request.is_secure())
    return wanted if ours else home_url(request.user)


def with_new_csrf_token(request: HttpRequest, response: HttpResponse) -> HttpResponse:
    """Give the page that is there, whose text must not be lost, the token of the session that began over it."""
    return trigger_client_event(response, "signed-in", {"token": get_token(request)})
