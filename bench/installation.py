"""A complete installation whose parts can be made to fail: PostgreSQL, a real S3 server, web processes, Caddy.

All files are in one folder, which is deleted afterwards; all servers listen on loopback.
"""

import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from foundation.database.roles import Role

ROOT = Path(__file__).resolve().parent.parent
PASSWORD = "privet-demo-2026"
CADDYFILE = """{{
	admin off
	auto_https off
}}
http://127.0.0.1:{port} {{
	reverse_proxy {upstreams} {{
		lb_policy round_robin
		lb_try_duration 10s
		lb_try_interval 100ms
		fail_duration 2s
		health_uri /healthz
		health_interval 500ms
		health_timeout 1s
	}}
}}
"""


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


class Installation:
    """`webs` gunicorns (two workers each) behind Caddy; photos and contracts in S3, or in a folder if not `s3`.

    With `room` ("200k") this folder is a file system of that size.
    """

    def __init__(self, folder: Path, *, webs: int = 2, s3: bool = True, room: str = ""):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        self.folder, self.s3, self.room = folder, s3, room
        self.ports = [free_port() for _ in range(webs)]
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.processes: dict[str, subprocess.Popen] = {}
        self.environment = os.environ | {
            "PRIVET_DATA_DIR": str(folder),
            "PRIVET_ENV_FILE": os.devnull,
            "DEBUG": "0",
            "SECOND_FACTOR": "0",
            "APP_BASE_URL": self.url,
            "ALLOWED_HOSTS": "127.0.0.1",
            "TRUSTED_PROXIES": "1",
            "LOG_LEVEL": "WARNING",
            "SMTP_HOST": "127.0.0.1",
            "SMTP_PORT": str(free_port()),
            "WEB_CONCURRENCY": "2",
            "WEB_THREADS": "4",
            "PYTHONPATH": str(ROOT),
        } | {name: secrets.token_urlsafe(48) for name in ("SECRET_KEY", "CONTRACT_SIGNATURE_SECRET")} | {
            name: secrets.token_urlsafe(48) for name in ("PERSONAL_DATA_KEYS", "PERSONAL_DATA_HASH_KEY")
        }  # fmt: skip

    def start(self) -> None:
        self.start_database()
        if self.s3:
            self.start_storage()
        if self.room:
            (self.folder / "files").mkdir()
            mount = ["mount", "-t", "tmpfs", "-o", f"size={self.room}", "tmpfs", self.folder / "files"]
            subprocess.run(mount, check=True)
        self.manage("migrate", "-v0")
        self.manage("collectstatic", "--noinput", "-v0")
        for number in range(len(self.ports)):
            self.start_web(number)
        upstreams = " ".join(f"127.0.0.1:{port}" for port in self.ports)
        (self.folder / "Caddyfile").write_text(CADDYFILE.format(port=self.port, upstreams=upstreams))
        self._run("caddy", ["caddy", "run", "--config", str(self.folder / "Caddyfile"), "--adapter", "caddyfile"])
        self.wait_for(self.port)

    def stop(self) -> None:
        for name in list(self.processes):
            self.kill(name, signal.SIGTERM)
        subprocess.run([ROOT / "bin/s3", "stop", self.folder / "s3"], check=False)
        self.stop_database()
        if self.room:
            subprocess.run(["umount", self.folder / "files"], check=False)
        shutil.rmtree(self.folder, ignore_errors=True)

    def start_database(self) -> None:
        # In a subprocess: a process can start a server only once.
        start = "use(start(data_dir() / 'postgres')); print(*(os.environ[role.variable] for role in Role))"
        urls = self._embedded(start).split()
        self.environment |= {role.variable: url for role, url in zip(Role, urls, strict=True)}

    @property
    def app_database(self) -> str:
        """URL of the database for the client's app: our owner, who made the app's tables here."""
        return self.environment[Role.OWNER.variable]

    def stop_database(self) -> None:
        self._embedded("stop(data_dir() / 'postgres')")

    def _embedded(self, statement: str) -> str:
        command = [sys.executable, "-c", f"from foundation.database.embedded import *; {statement}"]
        completed = subprocess.run(command, cwd=ROOT, env=self.environment, check=True, capture_output=True, text=True)
        return completed.stdout.strip()

    def start_storage(self) -> None:
        started = subprocess.run(
            [ROOT / "bin/s3", "start", self.folder / "s3"], check=True, capture_output=True, text=True
        )
        self.environment |= {
            "S3_ENDPOINT": started.stdout.strip(),
            "S3_ACCESS_KEY": "privet-access",
            "S3_SECRET_KEY": "privet-secret",
            "S3_BUCKET": "privet",
        }
        for _ in range(20):  # a new server needs longer for its first bucket than the storage timeout
            if self.manage("init_storage", check=False).returncode == 0:
                return
        raise RuntimeError("The storage did not start.")

    def manage(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess:
        command = [sys.executable, "manage.py", *arguments]
        return subprocess.run(command, cwd=ROOT, env=self.environment, check=check, capture_output=True, text=True)

    def start_web(self, number: int, wrapper: list[str] = ()) -> None:
        bind = ["--bind", f"127.0.0.1:{self.ports[number]}", "--log-level", "error"]
        self._run(f"web{number}", [*wrapper, sys.executable, "-m", "gunicorn", *bind])
        self.wait_for(self.ports[number])

    def _run(self, name: str, command: list[str]) -> None:
        log = (self.folder / f"{name}.log").open("ab")
        self.processes[name] = subprocess.Popen(
            command, cwd=ROOT, env=self.environment, stdout=log, stderr=log, start_new_session=True
        )

    def kill(self, name: str, signal_number: int = signal.SIGKILL) -> None:
        """Kill the process and its children."""
        process = self.processes.pop(name)
        os.killpg(process.pid, signal_number)
        process.wait(timeout=40)

    def wait_for(self, port: int) -> None:
        for _ in range(300):
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=2).close()
                return
            except OSError:
                time.sleep(0.1)
        raise RuntimeError(f"No response at port {port}; see the logs in {self.folder}")

    def errors(self) -> list[str]:
        """Error lines and tracebacks in the logs of the web processes."""
        lines = [line for log in self.folder.glob("web*.log") for line in log.read_text(errors="replace").splitlines()]
        return [line for line in lines if "Traceback" in line or " ERROR " in line]


@contextmanager
def running(folder: Path, **options) -> Iterator[Installation]:
    installation = Installation(folder, **options)
    try:
        installation.start()
        yield installation
    finally:
        installation.stop()
