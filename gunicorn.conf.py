"""How gunicorn serves Privet: `gunicorn` in this folder reads it. The settings are explained in .env.example.

HUP renews the workers, TERM lets requests end; neither loses one. Code and settings are read at the start alone, so
after a change of them the service is restarted (behind privet.socket, which holds the callers meanwhile).
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
# Loaded once and shared by the workers; the checks run before the port is opened to anybody. Connections to the
# database are opened by each worker itself, at its first request.
preload_app = True
# Memory that grows is given back, not by all workers at once.
max_requests = 10_000
max_requests_jitter = 1_000
# A worker whose main thread is stuck is replaced; one request is limited by its statements and by the storage's.
timeout = 30
graceful_timeout = 30
keepalive = 5
# A heartbeat on a disk that is busy would get healthy workers killed.
worker_tmp_dir = "/dev/shm"  # noqa: S108
# Read again at each HUP; the folder of the metrics (foundation/observability/metrics.py) stays that of the start.
if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = tempfile.mkdtemp(prefix="privet-metrics-", dir=worker_tmp_dir)
# Ours are short: an address holds identifiers and a cursor, searches are posted.
limit_request_line = 2048
limit_request_fields = 50
limit_request_field_size = 8190
# Requests are counted by /metrics; a log of each would fill disks and say who asked for whom.
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
