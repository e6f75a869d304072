"""Whether this process answers, and whether it could do its work."""

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

# One answer serves all who ask meanwhile: asking is no way to load the database.
CACHE_SECONDS = 2
TIMEOUT_SECONDS = 4


@login_not_required
@require_safe
def healthz(request):
    """Whether this process answers; says nothing of the database or the storage."""
    return HttpResponse("ok", content_type="text/plain")


@login_not_required
@require_safe
def readyz(request):
    """200 when all that is needed is there, else 503: {"ready", "version", "checks": {name: {"ok", "ms"}}}."""
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
    """Whether all that this version needs are applied; later ones are those of a newer version that stands beside."""
    return _required_migrations() <= set(MigrationRecorder(connection).applied_migrations())


@functools.cache
def _required_migrations() -> frozenset[tuple[str, str]]:
    return frozenset(MigrationLoader(None).disk_migrations)


CHECKS = {"database": database, "migrations": migrations, "storage": object_storage.is_available}


class CachedReadiness:
    """The latest answer, found out again when it is older than KEPT_SECONDS."""

    def __init__(self):
        self._lock, self._known, self._until = threading.Lock(), {}, 0.0

    def get(self) -> dict[str, dict]:
        with self._lock:
            if time.monotonic() >= self._until:
                self._known, self._until = self._run_checks(), time.monotonic() + CACHE_SECONDS
            return self._known

    def clear(self) -> None:
        self._until = 0.0

    def _run_checks(self) -> dict[str, dict]:
        deadline = time.monotonic() + TIMEOUT_SECONDS
        asked = {name: self._pool.submit(_run_timed, check) for name, check in CHECKS.items()}
        found = {}
        for name, answer in asked.items():
            try:
                found[name] = answer.result(timeout=max(0.0, deadline - time.monotonic()))
            except TimeoutError:
                answer.cancel()
                found[name] = {"ok": False, "ms": TIMEOUT_SECONDS * 1000}
        return found

    @functools.cached_property
    def _pool(self) -> ThreadPoolExecutor:
        # Made at the first question: threads do not survive the fork of a worker.
        return ThreadPoolExecutor(len(CHECKS), thread_name_prefix="readyz")


def _run_timed(check) -> dict:
    started = time.perf_counter()
    try:
        ok = check()
    except Exception:  # whatever it is, the answer is the same, and its words are not for strangers
        ok = False
    finally:
        connection.close()
    return {"ok": ok, "ms": round((time.perf_counter() - started) * 1000, 1)}


readiness = CachedReadiness()
