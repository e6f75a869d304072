"""Error pages for database outages and unhandled exceptions."""

import sys

import psycopg.errors
from django.db import DatabaseError, InterfaceError, OperationalError
from django.http import HttpResponse
from django.template.loader import render_to_string
from django_htmx.http import push_url, reswap, retarget

# Raised if PostgreSQL is unavailable, restarting, out of connections, or exceeds a timeout.
DATABASE_OUTAGE_ERRORS = (OperationalError, InterfaceError)
# Raised if the app changed its tables so that we can't read them (operations/database_checks.py).
CHANGED_TABLES_ERRORS = (
    psycopg.errors.UndefinedTable, psycopg.errors.UndefinedColumn, psycopg.errors.InsufficientPrivilege,
    psycopg.errors.ObjectNotInPrerequisiteState,
)  # fmt: skip
RETRY_AFTER = 10  # seconds


def is_database_outage(error: BaseException | None) -> bool:
    if isinstance(error, DATABASE_OUTAGE_ERRORS):
        return True
    return isinstance(error, DatabaseError) and isinstance(error.__cause__, CHANGED_TABLES_ERRORS)


def server_error(request) -> HttpResponse:
    """Handler of uncaught exceptions: 503 if the database or a table of the app is unavailable, otherwise 500.

    Also handles exceptions of middleware, where the session is loaded. Must not use the database.
    """
    if not is_database_outage(sys.exception()):
        return HttpResponse(render_to_string("500.html"), status=500)
    is_htmx = request.headers.get("HX-Request") == "true"
    html = render_to_string("database_unavailable.html#notice" if is_htmx else "database_unavailable.html")
    response = HttpResponse(html, status=503, headers={"Retry-After": RETRY_AFTER})
    if not is_htmx:
        return response
    # Insert above the current page, so that typed text is not lost.
    return push_url(reswap(retarget(response, "#main"), "afterbegin show:window:top"), False)
