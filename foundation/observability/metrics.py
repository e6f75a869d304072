"""What is counted while Privet serves, in Prometheus' terms; /metrics shows it (`operations/metrics_view.py`).

Labels take few values: names of views, methods, kinds of refusals; never an address, a person or a key. Where several
processes serve, each writes a file of its own under PROMETHEUS_MULTIPROC_DIR, named for its place among the workers: a
worker that replaces another goes on with its file, so that the number of files stays that of the workers.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager

from prometheus_client import Counter, Gauge, Histogram, values

worker = "main"


def _worker_id() -> str:
    return worker


if "PROMETHEUS_MULTIPROC_DIR" in os.environ:
    values.ValueClass = values.MultiProcessValue(process_identifier=_worker_id)

SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30)

REQUESTS = Counter("privet_requests", "Requests answered", ["view", "method", "status"])
REQUEST_SECONDS = Histogram("privet_request_seconds", "Time of a request", ["view"], buckets=SECONDS)
QUERIES = Counter("privet_database_queries", "Statements sent to PostgreSQL while serving", ["view"])
QUERY_SECONDS = Counter("privet_database_seconds", "Time that requests waited for PostgreSQL", ["view"])
POOL = Gauge(
    "privet_database_connections",
    "Connections of the pools: open, idle, and requests that wait for one",
    ["state"],
    multiprocess_mode="livesum",
)
PDF_SECONDS = Histogram("privet_pdf_seconds", "Time of setting a document", buckets=SECONDS)
STORAGE_SECONDS = Histogram("privet_storage_seconds", "Time of a call to the object storage", buckets=SECONDS)
STORAGE_FAILURES = Counter("privet_storage_failures", "Calls that the object storage did not serve")
CODES = Counter("privet_codes", "Signing codes asked for: sent, or why not", ["outcome"])
SIGNATURES = Counter("privet_signatures", "Tries to sign with a code: signed, or why not", ["outcome"])
SIGN_INS = Counter("privet_sign_ins", "Tries to sign in: let in, or why not", ["outcome"])
UPLOADS = Counter(
    "privet_uploads", "Uploads of photos that were said to have arrived: accepted, or why not", ["outcome"]
)


@contextmanager
def count_outcome(
    counter: Counter, refusals: type[Exception] | tuple[type[Exception], ...], done: str
) -> Iterator[None]:
    """Count what came of the block, or of the function that this decorates: `done`, or the name of the refusal."""
    try:
        yield
    except refusals as refused:
        counter.labels(type(refused).__name__).inc()
        raise
    counter.labels(done).inc()
