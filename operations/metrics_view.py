"""/metrics for Prometheus: the metrics of `foundation.observability.metrics`, and workload gauges."""

import hmac
import os
import threading
import time
from contextlib import suppress

from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.http import Http404, HttpResponse
from django.views.decorators.http import require_safe
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.multiprocess import MultiProcessCollector

from clients import inbox
from clients.statistics import clients_by_status
from foundation.worker import registered_jobs
from operations import workload
from operations.backup import rotation

WORKLOAD_CACHE_SECONDS = 60


@login_not_required
@require_safe
def metrics(request):
    """Return all metrics to a request with METRICS_TOKEN as bearer token (RFC 6750). Others get 404."""
    token = f"Bearer {settings.METRICS_TOKEN}".encode()
    if not settings.METRICS_TOKEN or not hmac.compare_digest(request.headers.get("Authorization", "").encode(), token):
        raise Http404
    text = b"".join(generate_latest(registry) for registry in (_request_registry(), _workload_registry))
    return HttpResponse(text, content_type=CONTENT_TYPE_LATEST)


def _request_registry() -> CollectorRegistry:
    """Return the registry of this process, or that of all processes of this machine if there are several."""
    if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
        return REGISTRY
    registry = CollectorRegistry()
    MultiProcessCollector(registry)
    return registry


class CachedWorkload:
    """Collector of workload gauges, read from the database at most once a minute."""

    def __init__(self):
        self._lock, self._cached_families, self._until = threading.Lock(), [], 0.0

    def describe(self):
        return []

    def collect(self):
        with self._lock:
            if time.monotonic() >= self._until:
                self._cached_families = list(_workload_families())
                self._until = time.monotonic() + WORKLOAD_CACHE_SECONDS
            return self._cached_families

    def clear(self) -> None:
        self._until = 0.0


def _workload_families():
    clients = GaugeMetricFamily("privet_clients", "Clients by status, estimated if there are many", labels=["status"])
    for status, count in clients_by_status().items():
        clients.add_metric([status], count)
    yield clients
    oldest = GaugeMetricFamily(
        "privet_queue_age_seconds", "Age of the oldest pending item, 0 if there is none", labels=["queue"]
    )
    for queue, seconds in workload.queue_ages().items():
        oldest.add_metric([queue], seconds)
    yield oldest
    yield from _job_families()
    problems = GaugeMetricFamily(
        "privet_account_changes_unprocessed",
        "Changes of accounts in the app that failed (until sync_clients), or were not added to the inbox (since the"
        " installation)",
        labels=["kind"],
    )
    for kind, count in inbox.problems().items():
        problems.add_metric([kind], count)
    yield problems
    yield from _backup_families()
    version = GaugeMetricFamily("privet_version_info", "The running version", labels=["version"])
    version.add_metric([settings.APP_VERSION], 1)
    yield version


def _job_families():
    """Yield when each job of the worker last succeeded, and the age of its oldest pending item."""
    succeeded = GaugeMetricFamily(
        "privet_job_last_success_timestamp_seconds", "Time of the last run without an error, 0 if none", labels=["job"]
    )
    oldest = GaugeMetricFamily(
        "privet_job_queue_age_seconds", "Age of the oldest pending item, 0 if there is none", labels=["job"]
    )
    times, ages = workload.last_successes(), workload.job_queue_ages()
    for job in registered_jobs():
        succeeded.add_metric([job.name], times[job.name].timestamp() if job.name in times else 0)
        if job.name in ages:
            oldest.add_metric([job.name], ages[job.name])
    yield from (succeeded, oldest)


def _backup_families():
    """Yield the time of the newest backup, if this machine makes backups."""
    if settings.BACKUP_FOLDER and settings.BACKUP_RECIPIENT:
        with suppress(OSError):
            newest = rotation.newest_backup_time(settings.BACKUP_FOLDER)
            at = GaugeMetricFamily("privet_last_backup_timestamp_seconds", "Time of the newest backup, 0 if none")
            at.add_metric([], newest.timestamp() if newest else 0)
            yield at


cached_workload = CachedWorkload()
_workload_registry = CollectorRegistry()
_workload_registry.register(cached_workload)
