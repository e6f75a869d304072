"""Databases as Privet finds them: empty, with the app's tables, or with those of the older manager system as well."""

import itertools
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import psycopg
from psycopg import sql

from neighbour.servers import Server

ROOT = Path(__file__).resolve().parent.parent
TABLES = Path(__file__).parent / "sql"
_numbers = itertools.count(1)


class Kind(StrEnum):
    """What a database contains before Privet is installed; the values are files of `neighbour/sql`."""

    NOTHING = ""
    APP = "app"
    APP_AND_OLDER = "app older"


@dataclass(frozen=True)
class Installation:
    """A database and a role of the app: its owner, and owner of the app's tables, but no superuser.

    A database's owner may also create objects in `public` and schemas, and set parameters for the database. Roles that
    tests add must begin with `database`, so that they are dropped with it.
    """

    server: Server
    database: str

    @property
    def app_role(self) -> str:
        return f"{self.database}_app"

    @property
    def app_url(self) -> str:
        return self.url_of(self.app_role)

    @property
    def superuser_url(self) -> str:
        return self.url_of(psycopg.conninfo.conninfo_to_dict(self.server.url)["user"])

    def url_of(self, role: str) -> str:
        return self.server.url_of(role, self.database)

    def app(self) -> psycopg.Connection:
        """A connection of the app, for the functions of `neighbour.app`. Close it, or use it in a `with` block."""
        return psycopg.connect(self.app_url, autocommit=True)

    def execute(self, statements: str, role: str | None = None) -> list[tuple]:
        """Execute statements as this role, or as the superuser; return the rows of the last one, if it has any."""
        with psycopg.connect(self.url_of(role) if role else self.superuser_url, autocommit=True) as connection:
            cursor = connection.execute(statements)
            while cursor.nextset():
                pass
            return cursor.fetchall() if cursor.description else []

    def manage(self, *arguments: str, role: str | None = None, **environment: str) -> subprocess.CompletedProcess:
        """Run `manage.py` on this database as this role, or as the superuser; raise if it fails.

        `environment` adds variables. Settings of `.env` have no effect.
        """
        return subprocess.run(
            [sys.executable, "manage.py", *arguments], cwd=ROOT, env=self.environment(role) | environment,
            capture_output=True, text=True, timeout=300, check=True,
        )  # fmt: skip

    def environment(self, role: str | None = None) -> dict[str, str]:
        """The environment variables of a development process of Privet on this database."""
        return {
            "PATH": os.environ["PATH"],
            "PRIVET_DATA_DIR": os.environ.get("PRIVET_DATA_DIR", ""),
            "PRIVET_ENV_FILE": os.devnull,
            "DEBUG": "1",
            "SECOND_FACTOR": "0",
            "DATABASE_URL": self.url_of(role) if role else self.superuser_url,
        }

    @contextmanager
    def serve(self, role: str | None = None, **environment: str) -> Iterator[str]:
        """Serve Privet's pages with this database during the block; yield their URL. No page asks for a code."""
        with socket.socket() as unused:
            unused.bind(("127.0.0.1", 0))
            address = "{}:{}".format(*unused.getsockname())
        process = subprocess.Popen(
            [sys.executable, "manage.py", "runserver", "--noreload", address], cwd=ROOT,
            env=self.environment(role) | environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        try:
            _wait_for(f"http://{address}/healthz", process)
            yield f"http://{address}"
        finally:
            process.terminate()
            process.wait(timeout=20)


def _wait_for(url: str, process: subprocess.Popen) -> None:
    for _ in range(300):
        try:
            return urllib.request.urlopen(url, timeout=2).close()
        except OSError:
            if process.poll() is not None:
                break
            time.sleep(0.1)
    raise RuntimeError(f"No response from {url}")


@contextmanager
def installation(server: Server, kind: Kind) -> Iterator[Installation]:
    """Create a database of this kind and the app's role; afterwards drop both, and roles with the database's prefix."""
    created = Installation(server, f"neighbour_{os.getpid()}_{next(_numbers)}")
    role, database = sql.Identifier(created.app_role), sql.Identifier(created.database)
    with psycopg.connect(server.url, autocommit=True) as superuser:
        superuser.execute(sql.SQL("CREATE ROLE {} LOGIN").format(role))
        try:
            superuser.execute(
                sql.SQL("CREATE DATABASE {} OWNER {} TEMPLATE template0 ENCODING 'UTF8' LOCALE 'C.UTF-8'").format(
                    database, role
                )
            )
            for name in kind.split():
                created.execute((TABLES / f"{name}.sql").read_text(), role=created.app_role)
            yield created
        finally:
            superuser.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(database))
            named = "SELECT rolname FROM pg_roles WHERE starts_with(rolname, %s)"
            for (name,) in superuser.execute(named, [created.database + "_"]).fetchall():
                superuser.execute(sql.SQL("DROP ROLE {}").format(sql.Identifier(name)))
