"""Settings of gunicorn, read by `gunicorn` in this folder. .env.example explains the environment variables.

HUP replaces the workers, TERM finishes requests first; neither drops a request. Code and settings are loaded only at
start, so restart the service after changing them (privet.socket queues connections meanwhile).
"""

import os
import shutil
import tempfile

from foundation.env import env
from operations import capacity

wsgi_app = "privet.wsgi"
bind = env.str("BIND", "0.0.0.0:8000")
backlog = 512
workers = capacity.WORKERS
worker_class = "gthread"
threads = capacity.THREADS
# The code is loaded once and shared by the workers, and the checks run before the port is opened. Each worker opens its
# own database connections, at its first request.
preload_app = True
# Recycle workers to release leaked memory, with jitter so that they don't restart at once.
max_requests = 10_000
max_requests_jitter = 1_000
# Replaces a worker whose main thread hangs. Requests are limited by the timeouts of statements and of the storage.
timeout = 30
graceful_timeout = 30
keepalive = 5
# On a busy disk, late heartbeats would get healthy workers killed.
worker_tmp_dir = "/dev/shm"  # noqa: S108
# This file is loaded again at each HUP; the metrics folder (foundation/observability/metrics.py) must stay the same.
if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = tempfile.mkdtemp(prefix="privet-metrics-", dir=worker_tmp_dir)
# Our URLs are short: they contain ids and a cursor, and searches are posted.
limit_request_line = 2048
limit_request_fields = 50
limit_request_field_size = 8190
# /metrics counts requests. A log of each request would fill disks and record who opened which client.
accesslog = None
errorlog = "-"
control_socket_disable = True


def pre_fork(server, worker):
    taken = {getattr(other, "place", None) for other in server.WORKERS.values()}
    worker.place = next(place for place in range(len(taken) + 1) if place not in taken)


def post_fork(server, worker):
    from foundation.observability import metrics

    metrics.worker_id = worker.place


def child_exit(server, worker):
    from prometheus_client.multiprocess import mark_process_dead

    mark_process_dead(worker.place)


def on_exit(server):
    shutil.rmtree(os.environ["PROMETHEUS_MULTIPROC_DIR"], ignore_errors=True)
