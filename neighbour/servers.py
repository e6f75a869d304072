"""PostgreSQL servers for tests: a running one, and a temporary one of the oldest supported version on this machine."""

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, urlsplit

import psycopg

OLDEST_SUPPORTED = 15
DEBIAN = Path("/usr/lib/postgresql")
# Nothing in it outlives a test.
OPTIONS = "-c fsync=off -c synchronous_commit=off -c full_page_writes=off -c max_connections=50 -c jit=off"


class NoServer(Exception):
    """No supported version is installed."""


@dataclass(frozen=True)
class Server:
    """A server that trusts its clients: any role may connect without a password. `url` is a superuser's."""

    url: str

    def url_of(self, role: str, database: str) -> str:
        return urlsplit(self.url)._replace(netloc=f"{role}:@{self._address}", path=f"/{database}").geturl()

    @property
    def _address(self) -> str:
        return urlsplit(self.url).netloc.rpartition("@")[2]

    @property
    def version(self) -> int:
        """The major version."""
        with psycopg.connect(self.url) as connection:
            return connection.info.server_version // 10_000


def configured_server() -> Server:
    """The server of the tests, with its superuser."""
    return Server(os.environ["DATABASE_ADMIN_URL"].replace("+psycopg:", ":", 1))


def oldest_programs() -> Path:
    """Return the folder with the programs of the lowest supported version among Debian's packages. Raise NoServer."""
    versions = {int(path.parent.parent.name): path.parent for path in DEBIAN.glob("[0-9]*/bin/initdb")}
    supported = [version for version in versions if version >= OLDEST_SUPPORTED]
    if not supported:
        raise NoServer(f"No PostgreSQL {OLDEST_SUPPORTED} or later in {DEBIAN}: apt-get install postgresql")
    return versions[min(supported)]


@contextmanager
def oldest_server() -> Iterator[Server]:
    """Start a server of that version with an empty cluster; afterwards stop it and delete its files."""
    programs = oldest_programs()
    # A short path: that of a socket has at most 107 bytes.
    folder = Path(tempfile.mkdtemp(prefix="postgresql-", dir="/tmp"))
    owner = _owner(folder)
    data = folder / "data"
    try:
        _run(owner, programs / "initdb", "--auth=trust", "--username=postgres", "--encoding=UTF8",
             "--locale=C.UTF-8", "--no-sync", "--pgdata", data)  # fmt: skip
        options = f"{OPTIONS} -c listen_addresses= -c unix_socket_directories={folder}"
        _run(owner, programs / "pg_ctl", "start", "-w", "-D", data, "-l", folder / "log", "-o", options)
        yield Server(f"postgresql://postgres:@/postgres?host={quote(str(folder))}")
    finally:
        if (data / "postmaster.pid").exists():
            _run(owner, programs / "pg_ctl", "stop", "-m", "immediate", "-D", data)
        shutil.rmtree(folder)


def _owner(folder: Path) -> dict:
    """Options of subprocess.run: initdb refuses root, so the package's account runs it and owns the folder."""
    if os.geteuid():
        return {}
    postgres = pwd.getpwnam("postgres")
    os.chown(folder, postgres.pw_uid, postgres.pw_gid)
    return {"user": postgres.pw_uid, "group": postgres.pw_gid, "extra_groups": []}


def _run(owner: dict, *command: str | Path) -> None:
    # The server keeps stdout and stderr open. With a pipe, run() would wait for its end.
    with tempfile.TemporaryFile() as output:
        result = subprocess.run(command, stdout=output, stderr=output, cwd="/", check=False, **owner)
        output.seek(0)
        if result.returncode:
            raise RuntimeError(f"{command[0]} failed: {output.read().decode(errors='replace')}")
