"""Prometheus metrics, exported at /metrics (`operations/metrics_view.py`).

Labels have few values: view names, methods, exception names; never a URL, a person or a key. If several processes
serve, each writes its own file under PROMETHEUS_MULTIPROC_DIR. The file is named after the number of the worker, and a
replacement worker continues the file of its predecessor, so there are never more files than workers.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager

from prometheus_client import Counter, Gauge, Histogram, values

worker_id = "main"  # set by gunicorn.conf.py


def _worker_id() -> str:
    return worker_id


if "PROMETHEUS_MULTIPROC_DIR" in os.environ:
    values.ValueClass = values.MultiProcessValue(process_identifier=_worker_id)

SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30)

REQUESTS = Counter("privet_requests", "Requests answered", ["view", "method", "status"])
REQUEST_SECONDS = Histogram("privet_request_seconds", "Time of a request", ["view"], buckets=SECONDS)
QUERIES = Counter("privet_database_queries", "Statements sent to PostgreSQL by requests", ["view"])
QUERY_SECONDS = Counter("privet_database_seconds", "Time that requests waited for PostgreSQL", ["view"])
POOL = Gauge(
    "privet_database_connections",
    "Connections of the pools: open and idle, and requests waiting for one",
    ["state"],
    multiprocess_mode="livesum",
)
PDF_SECONDS = Histogram("privet_pdf_seconds", "Time to render a PDF document", buckets=SECONDS)
STORAGE_SECONDS = Histogram("privet_storage_seconds", "Time of a call to the object storage", buckets=SECONDS)
STORAGE_FAILURES = Counter("privet_storage_failures", "Failed calls to the object storage")
CODES = Counter("privet_codes", "Requests for signing codes: sent, or the exception", ["outcome"])
SIGNATURES = Counter("privet_signatures", "Attempts to sign with a code: signed, or the exception", ["outcome"])
SIGN_INS = Counter("privet_sign_ins", "Attempts to sign in: let_in, or the exception", ["outcome"])
MIRROR_FAILURES = Counter("privet_mirror_failures", "Devices and photos that the app's tables refused")
UPLOADS = Counter("privet_uploads", "Completed uploads of photos: accepted, or the exception", ["outcome"])


@contextmanager
def count_outcome(
    counter: Counter, exceptions: type[Exception] | tuple[type[Exception], ...], success: str
) -> Iterator[None]:
    """Count the outcome of the block or decorated function: `success`, or the class name of one of `exceptions`."""
    try:
        yield
    except exceptions as error:
        counter.labels(type(error).__name__).inc()
        raise
    counter.labels(success).inc()
