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
    APP_AND_OLDER = "app older older_invoices"


class CommandFailed(Exception):
    """A command of `manage.py` failed; with its stderr."""


@dataclass(frozen=True)
class Installation:
    """A database and a role of the app: its owner, and owner of the app's tables, but no superuser.

    A database's owner may also create objects in `public` and schemas, and set parameters for the database. Roles that
    tests add must begin with `database`, so that they are dropped with it.
    """

    server: Server
    database: str
    app_role: str

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

    def manage(
        self, *arguments: str, role: str | None = None, check: bool = True, **environment: str
    ) -> subprocess.CompletedProcess:
        """Run `manage.py` on this database as this role, or as the superuser.

        `environment` adds variables. Settings of `.env` have no effect. Raises CommandFailed unless `check` is false.
        """
        result = subprocess.run(
            [sys.executable, "manage.py", *arguments], cwd=ROOT, env=self.environment(role) | environment,
            capture_output=True, text=True, timeout=300, check=False,
        )  # fmt: skip
        if check and result.returncode:
            raise CommandFailed(f"{' '.join(arguments)} ended with {result.returncode}: {result.stderr}")
        return result

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
    name = _new_name()
    created = Installation(server, name, f"{name}_app")
    with psycopg.connect(server.url, autocommit=True) as superuser:
        _execute(superuser, "CREATE ROLE {} LOGIN", created.app_role)
        try:
            locale = "TEMPLATE template0 ENCODING 'UTF8' LOCALE 'C.UTF-8'"
            _execute(superuser, "CREATE DATABASE {} OWNER {} " + locale, name, created.app_role)
            for tables in kind.split():
                created.execute((TABLES / f"{tables}.sql").read_text(), role=created.app_role)
            yield created
        finally:
            _execute(superuser, "DROP DATABASE IF EXISTS {} WITH (FORCE)", name)
            named = "SELECT rolname FROM pg_roles WHERE starts_with(rolname, %s)"
            for (role,) in superuser.execute(named, [f"{name}_"]).fetchall():
                _execute(superuser, "DROP ROLE {}", role)


@contextmanager
def copy_of(original: Installation) -> Iterator[Installation]:
    """Create a copy of the database for the same roles, with their settings and rights; drop it afterwards.

    Much faster than migrations. Nobody may be connected to the original meanwhile.
    """
    copy = Installation(original.server, _new_name(), original.app_role)
    with psycopg.connect(original.server.url, autocommit=True) as superuser:
        names = (copy.database, original.app_role, original.database)
        _execute(superuser, "CREATE DATABASE {} OWNER {} TEMPLATE {}", *names)
        try:
            _copy_settings(superuser, original.database, copy.database)
            yield copy
        finally:
            _execute(superuser, "DROP DATABASE {} WITH (FORCE)", copy.database)


def _copy_settings(superuser: psycopg.Connection, original: str, copy: str) -> None:
    """Copy what a template does not pass on: `ALTER … SET` for the database and its roles, and its rights."""
    settings = superuser.execute(
        "SELECT rolname, unnest(setconfig) FROM pg_db_role_setting LEFT JOIN pg_roles ON pg_roles.oid = setrole"
        " WHERE setdatabase = (SELECT oid FROM pg_database WHERE datname = %s)", [original]
    )  # fmt: skip
    for role, setting in settings.fetchall():
        name, _, value = setting.partition("=")
        # Without quotes: a list of schemas would become one name.
        text = value if name == "search_path" and value else sql.Literal(value).as_string(superuser)
        names = [role, copy, name] if role else [copy, name]
        _execute(superuser, f"ALTER {'ROLE {} IN ' if role else ''}DATABASE {{}} SET {{}} = " + text, *names)
    superuser.execute(
        "UPDATE pg_database SET datacl = (SELECT datacl FROM pg_database WHERE datname = %s) WHERE datname = %s",
        [original, copy],
    )


def _new_name() -> str:
    return f"neighbour_{os.getpid()}_{next(_numbers)}"


def _execute(superuser: psycopg.Connection, statement: str, *names: str) -> None:
    superuser.execute(sql.SQL(statement).format(*map(sql.Identifier, names)))
