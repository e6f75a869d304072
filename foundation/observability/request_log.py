"""Measure each request, and log it in one line without personal data."""

import logging
from contextvars import ContextVar
from time import perf_counter

from django.conf import settings
from django.db import connection
from django.http import HttpRequest

from foundation.observability import metrics

logger = logging.getLogger("privet.request")

METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}
# Requested every few seconds by machines.
UNLOGGED_VIEWS = {"healthz", "readyz", "metrics", "static"}

# The request that this thread serves.
current: ContextVar[HttpRequest | None] = ContextVar("request", default=None)


class QueryCounter:
    """Count the statements of one request, and the time that they took in seconds."""

    def __init__(self):
        self.count, self.seconds = 0, 0.0

    def __call__(self, execute, sql, params, many, context):
        started = perf_counter()
        try:
            return execute(sql, params, many, context)
        finally:
            self.count += 1
            self.seconds += perf_counter() - started


def request_log_middleware(get_response):
    def middleware(request):
        started, queries = perf_counter(), QueryCounter()
        token = current.set(request)
        try:
            with connection.execute_wrapper(queries):
                response = get_response(request)
            _record_request(request, response, perf_counter() - started, queries)
        finally:
            current.reset(token)
        return response

    return middleware


def _record_request(request: HttpRequest, response, seconds: float, queries: QueryCounter) -> None:
    view, status = view_name(request), response.status_code
    metrics.REQUESTS.labels(view, request.method if request.method in METHODS else "other", status).inc()
    metrics.REQUEST_SECONDS.labels(view).observe(seconds)
    if queries.count:
        metrics.QUERIES.labels(view).inc(queries.count)
        metrics.QUERY_SECONDS.labels(view).inc(queries.seconds)
        _record_pool()
    if view not in UNLOGGED_VIEWS:
        facts = {"status": status, "ms": round(seconds * 1000, 1), "queries": queries.count}
        logger.info("%s %s", view, status, extra={"facts": facts})


def _record_pool() -> None:
    if pool := getattr(connection, "pool", None):
        stats = pool.get_stats()
        metrics.POOL.labels("open").set(stats["pool_size"])
        metrics.POOL.labels("idle").set(stats["pool_available"])
        metrics.POOL.labels("waiting").set(stats.get("requests_waiting", 0))


def view_name(request: HttpRequest) -> str:
    """Name of the view, used instead of the URL: a URL may contain a token, and there are too many URLs for labels."""
    if match := request.resolver_match:
        return match.view_name or "unnamed"
    return "static" if request.path_info.startswith(settings.STATIC_URL) else "unknown"
