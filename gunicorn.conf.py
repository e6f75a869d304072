"""How gunicorn serves Privet: `gunicorn` in this folder reads it. The settings are explained in .env.example."""

from privet.env import at_least, env

wsgi_app = "privet.wsgi"
bind = env.str("BIND", "0.0.0.0:8000")
workers = env.int("WEB_CONCURRENCY", 2, validate=at_least(1))
worker_class = "gthread"
threads = env.int("WEB_THREADS", 8, validate=at_least(1))
# Loaded once and shared by the workers; the checks run before the port is opened to anybody.
preload_app = True
# Memory that grows is given back, not by all workers at once.
max_requests = 10_000
max_requests_jitter = 1_000
timeout = 30
graceful_timeout = 30
keepalive = 5
# A heartbeat on a disk that is busy would get healthy workers killed.
worker_tmp_dir = "/dev/shm"  # noqa: S108
control_socket_disable = True
