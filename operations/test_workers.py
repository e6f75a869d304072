"""gunicorn with several workers: metrics are summed, and a replacement continues the file of its predecessor."""

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
    environment["BIND"] = f"fd://{listener.fileno()}"  # passes the open socket, because a freed port may be taken
    environment.pop("PROMETHEUS_MULTIPROC_DIR", None)
    # The test database: the one in DATABASE_URL may have no tables.
    url = urlsplit(os.environ["DATABASE_URL"])
    environment["DATABASE_URL"] = url._replace(path=f"/{connection.settings_dict['NAME']}").geturl()
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
    with urllib.request.urlopen(request, timeout=60) as response:  # noqa: S310
        return response.read().decode()


def _healthz_count(address: str) -> int:
    match = re.search(r'privet_requests_total\{.*view="healthz"\} (\d+)', _get(address, "/metrics"))
    return int(match[1])


def _workers(gunicorn) -> list[str]:
    return Path(f"/proc/{gunicorn.pid}/task/{gunicorn.pid}/children").read_text().split()


def test_metrics_are_summed_over_workers_and_survive_a_restart_of_one(served, db):
    address, gunicorn = served
    before = _healthz_count(address)
    for _ in range(20):
        _get(address, "/healthz")
    assert _healthz_count(address) == before + 20

    first = _workers(gunicorn)
    os.kill(int(first[0]), signal.SIGKILL)
    deadline = time.monotonic() + 20
    while len(_workers(gunicorn)) < 2 or first[0] in _workers(gunicorn):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    for _ in range(20):
        _get(address, "/healthz")
    assert _healthz_count(address) == before + 40
