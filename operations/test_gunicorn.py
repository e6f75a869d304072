"""The real server, with the settings of gunicorn.conf.py."""

import http.client
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest
from django.db import connection

from foundation.env import BASE_DIR

WORKERS, THREADS = 2, 3
OWN_CONNECTIONS = """
import os, psycopg, privet.wsgi
with psycopg.connect(os.environ["DATABASE_URL"]) as own:
    query = "SELECT count(*) FROM pg_stat_activity WHERE application_name = current_setting('application_name')"
    print(own.execute(query).fetchone()[0])
"""


def test_no_connection_is_opened_before_the_fork(run_python):
    url = database_named(f"wsgi-{os.getpid()}")
    result = run_python("-c", OWN_CONNECTIONS, DEBUG="1", DATABASE_URL=url)
    assert result.stdout.strip() == "1", result.stderr


def database_named(application: str) -> str:
    """Return the URL of the test database with `application` as the application name of the connections."""
    url = urlsplit(os.environ["DATABASE_URL"])
    query = urlencode(dict(parse_qsl(url.query)) | {"application_name": application})
    return url._replace(path=f"/{connection.settings_dict['NAME']}", query=query).geturl()


class Server:
    def __init__(self, log: Path, listener: socket.socket):
        self.port = listener.getsockname()[1]
        self.name = f"gunicorn-{self.port}"
        environment = {
            "PATH": os.environ["PATH"],
            "PRIVET_ENV_FILE": os.devnull,
            "DEBUG": "1",
            "DATABASE_URL": database_named(self.name),
            "BIND": f"fd://{listener.fileno()}",  # passes the open socket, because a freed port may be taken
            "WEB_CONCURRENCY": str(WORKERS),
            "WEB_THREADS": str(THREADS),
        }
        command = [sys.executable, "-m", "gunicorn"]
        with open(log, "w") as output:
            self.process = subprocess.Popen(
                command, cwd=BASE_DIR, env=environment, stderr=output, pass_fds=[listener.fileno()]
            )

    def request_page(self) -> int:
        """Request a page that looks up its session in the database; return the status code."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            connection.request("GET", "/clients/", headers={"Cookie": "sessionid=made-up-made-up-made-up"})
            return connection.getresponse().status
        finally:
            connection.close()

    def workers(self) -> set[str]:
        return set(Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split())

    def connections(self) -> int:
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM pg_stat_activity WHERE application_name = %s", [self.name])
            return cursor.fetchone()[0]


def wait_until(condition, seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def answers(server: Server) -> bool:
    try:
        return bool(server.request_page())
    except OSError:
        return False


@pytest.fixture
def server(transactional_db, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = Server(tmp_path / "log", listener)
    wait_until(lambda: answers(server))
    yield server
    server.process.terminate()
    server.process.wait(timeout=40)
    wait_until(lambda: not server.connections())
    assert "Traceback" not in (tmp_path / "log").read_text()


@pytest.fixture
def load(server):
    """Eight threads that send requests until the test ends. Return the list of their status codes and errors."""
    results, finished = [], threading.Event()

    def send_requests():
        while not finished.is_set():
            try:
                results.append(server.request_page())
            except (OSError, http.client.HTTPException) as error:
                results.append(repr(error))

    threads = [threading.Thread(target=send_requests) for _ in range(8)]
    for thread in threads:
        thread.start()
    yield results
    finished.set()
    for thread in threads:
        thread.join()


def test_reload_under_load_drops_no_request_and_leaks_no_connection(server, load):
    for _ in range(2):
        before = server.workers()
        server.process.send_signal(signal.SIGHUP)
        wait_until(lambda before=before: len(now := server.workers()) == WORKERS and not now & before)
    count = len(load)
    wait_until(lambda: len(load) > count + 50)
    assert set(load) == {302}
    wait_until(lambda: server.connections() <= WORKERS * THREADS)


def test_workers_stay_within_their_connection_limit(server, load):
    wait_until(lambda: len(load) > 200)
    assert WORKERS <= server.connections() <= WORKERS * THREADS
    assert set(load) == {302}
