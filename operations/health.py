"""Liveness (/healthz) and readiness (/readyz) of this process."""

import functools
import threading
import time
from concurrent.futures import ThreadPoolExecutor

from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.db import connection
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder
from django.http import HttpResponse, JsonResponse
from django.views.decorators.http import require_safe

from foundation.storage import object_storage
from operations.database_checks import missing_columns

# The result is cached, so that health checks can't load the database.
CACHE_SECONDS = 2
TIMEOUT_SECONDS = 4


@login_not_required
@require_safe
def healthz(request):
    """Return 200 if this process answers. Does not check the database or the storage."""
    return HttpResponse("ok", content_type="text/plain")


@login_not_required
@require_safe
def readyz(request):
    """Return 200 if all checks pass, else 503: {"ready", "version", "checks": {name: {"ok", "ms"}}}."""
    checks = readiness.get()
    ready = all(check["ok"] for check in checks.values())
    return JsonResponse(
        {"ready": ready, "version": settings.APP_VERSION, "checks": checks}, status=200 if ready else 503
    )


def database() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    return True


def migrations() -> bool:
    """Whether all migrations of this version are applied. A newer version may already have applied later ones."""
    return _required_migrations() <= set(MigrationRecorder(connection).applied_migrations())


def shared_tables() -> bool:
    """Whether the app's tables have all columns that our pages need."""
    with connection.cursor() as cursor:
        return not missing_columns(cursor)


@functools.cache
def _required_migrations() -> frozenset[tuple[str, str]]:
    return frozenset(MigrationLoader(None).disk_migrations)


CHECKS = {
    "database": database,
    "migrations": migrations,
    "shared_tables": shared_tables,
    "storage": object_storage.is_available,
}


class CachedReadiness:
    """The results of CHECKS by name, cached for CACHE_SECONDS."""

    def __init__(self):
        self._lock, self._results, self._until = threading.Lock(), {}, 0.0

    def get(self) -> dict[str, dict]:
        with self._lock:
            if time.monotonic() >= self._until:
                self._results, self._until = self._run_checks(), time.monotonic() + CACHE_SECONDS
            return self._results

    def clear(self) -> None:
        self._until = 0.0

    def _run_checks(self) -> dict[str, dict]:
        deadline = time.monotonic() + TIMEOUT_SECONDS
        futures = {name: self._pool.submit(_run_timed, check) for name, check in CHECKS.items()}
        results = {}
        for name, future in futures.items():
            try:
                results[name] = future.result(timeout=max(0.0, deadline - time.monotonic()))
            except TimeoutError:
                future.cancel()
                results[name] = {"ok": False, "ms": TIMEOUT_SECONDS * 1000}
        return results

    @functools.cached_property
    def _pool(self) -> ThreadPoolExecutor:
        # Created at the first request, because threads do not survive the fork of a worker.
        return ThreadPoolExecutor(len(CHECKS), thread_name_prefix="readyz")


def _run_timed(check) -> dict:
    started = time.perf_counter()
    try:
        ok = check()
    except Exception:  # never expose the error message
        ok = False
    finally:
        connection.close()
    return {"ok": ok, "ms": round((time.perf_counter() - started) * 1000, 1)}


readiness = CachedReadiness()
