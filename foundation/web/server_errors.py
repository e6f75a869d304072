"""What is said when a request fails through no fault of its own."""

import sys

from django.db import InterfaceError, OperationalError
from django.http import HttpResponse
from django.template.loader import render_to_string
from django_htmx.http import push_url, reswap, retarget

# What PostgreSQL and its driver raise when it is away, restarting, full, or busy for too long.
DATABASE_OUTAGE_ERRORS = (OperationalError, InterfaceError)
RETRY_AFTER = 10  # seconds


def server_error(request) -> HttpResponse:
    """The page for an exception that nobody handled: 503 when the database is away, 500 for everything else.

    Sees those of middlewares too, where the session is read; asks for nothing that needs the database.
    """
    if not isinstance(sys.exception(), DATABASE_OUTAGE_ERRORS):
        return HttpResponse(render_to_string("500.html"), status=500)
    is_htmx = request.headers.get("HX-Request") == "true"
    words = render_to_string("database_away.html#notice" if is_htmx else "database_away.html")
    response = HttpResponse(words, status=503, headers={"Retry-After": RETRY_AFTER})
    if not is_htmx:
        return response
    # Above the page that is there: a form in it keeps what was typed.
    return push_url(reswap(retarget(response, "#main"), "afterbegin show:window:top"), False)
