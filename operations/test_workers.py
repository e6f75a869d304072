"""gunicorn itself: several processes count together, and one that replaces another goes on with its file."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from django.db import connection

from foundation.env import BASE_DIR


@pytest.fixture
def served(tmp_path, db):
    listener = socket.create_server(("127.0.0.1", 0))
    address = f"127.0.0.1:{listener.getsockname()[1]}"
    environment = os.environ | {"WEB_CONCURRENCY": "2", "METRICS_TOKEN": "t", "TMPDIR": str(tmp_path)}
    environment["BIND"] = f"fd://{listener.fileno()}"  # a port let go of may be another's before the server takes it
    environment.pop("PROMETHEUS_MULTIPROC_DIR", None)
    # The tests' database: the one that it was made beside may have no tables.
    address_of = urlsplit(os.environ["DATABASE_URL"])
    environment["DATABASE_URL"] = address_of._replace(path=f"/{connection.settings_dict['NAME']}").geturl()
    with listener:
        command = [sys.executable, "-m", "gunicorn"]
        gunicorn = subprocess.Popen(command, cwd=BASE_DIR, env=environment, pass_fds=[listener.fileno()])
    try:
        _get(address, "/healthz")
        yield address, gunicorn
    finally:
        gunicorn.terminate()
        gunicorn.wait(timeout=40)


def _get(address: str, path: str) -> str:
    request = urllib.request.Request(f"http://{address}{path}", headers={"Authorization": "Bearer t"})
    with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310
        return answer.read().decode()


def _healthy(address: str) -> int:
    counted = re.search(r'privet_requests_total\{.*view="healthz"\} (\d+)', _get(address, "/metrics"))
    return int(counted[1])


def _workers(gunicorn) -> list[str]:
    return Path(f"/proc/{gunicorn.pid}/task/{gunicorn.pid}/children").read_text().split()


def test_metrics_are_summed_over_workers_and_survive_a_restart_of_one(served, db):
    address, gunicorn = served
    before = _healthy(address)
    for _ in range(20):
        _get(address, "/healthz")
    assert _healthy(address) == before + 20

    first = _workers(gunicorn)
    os.kill(int(first[0]), signal.SIGKILL)
    deadline = time.monotonic() + 20
    while len(_workers(gunicorn)) < 2 or first[0] in _workers(gunicorn):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    for _ in range(20):
        _get(address, "/healthz")
    assert _healthy(address) == before + 40
