"""The databases of the benchmarks, on the embedded server: created and filled if they do not exist.

`python bench/databases.py` creates 1k and 1m; `python bench/databases.py 1m` recreates one of them.
"""

import os
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "privet.settings")
os.environ.setdefault("DEBUG", "1")
os.environ.setdefault("SECOND_FACTOR", "0")  # verification takes no query, and signing in is not measured

import psycopg  # noqa: E402

from foundation.database import embedded, privileges, roles  # noqa: E402

# Numbers of clients and of managers: so few managers that each has more than one page of clients.
SIZES = {"1k": (1_000, 4), "100k": (100_000, 20), "1m": (1_000_000, 200)}
COMPARED = ["1k", "1m"]


def url(size: str) -> str:
    """URL of the database, created and filled if it is not; this takes minutes for the large ones."""
    if not _is_filled(existing_url(size)):
        clients, managers = SIZES[size]
        _recreate(size)
        _manage(size, "fill_demo", f"--clients={clients}", f"--managers={managers}")
    return existing_url(size)


def django_on(database_url: str) -> None:
    """Set up Django with this database."""
    os.environ |= {"DATABASE_URL": database_url, "DATABASE_POOL_SIZE": "1"}
    import django
    from django.conf import settings

    django.setup()
    # Set up as in development (no secrets needed), measured as in production: DEBUG records every query.
    settings.DEBUG = False


def empty() -> str:
    """Recreate the database with empty tables and return its URL."""
    return _recreate("empty")


def existing_url(size: str) -> str:
    """URL of the database, which may not exist."""
    embedded.ensure_database()
    return _in_database("DATABASE_URL", f"privet_bench_{size}")


def _in_database(variable: str, name: str) -> str:
    """Return the URL of the variable, for another database."""
    return urlunsplit(urlsplit(os.environ[variable])._replace(path=f"/{name}"))


def _is_filled(database_url: str) -> bool:
    try:
        with psycopg.connect(database_url) as connection:
            return connection.execute("SELECT EXISTS (SELECT 1 FROM manager_clients)").fetchone()[0]
    except psycopg.Error:
        return False


def _recreate(size: str) -> str:
    database_url, name = existing_url(size), f"privet_bench_{size}"
    with psycopg.connect(os.environ["DATABASE_ADMIN_URL"], autocommit=True) as connection:
        connection.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
        connection.execute(f"CREATE DATABASE {name}")
    with psycopg.connect(_in_database("DATABASE_ADMIN_URL", name)) as connection:
        privileges.create_roles(connection, roles.RoleNames.from_environment(), {}, lambda message: None)
    _manage(size, "migrate", "-v0")
    return database_url


def _manage(size: str, *command: str) -> None:
    manage = [sys.executable, str(ROOT / "manage.py"), *command]
    urls = {role.variable: _in_database(role.variable, f"privet_bench_{size}") for role in roles.Role}
    subprocess.run(manage, env=os.environ | urls, check=True)


if __name__ == "__main__":
    for size in sys.argv[1:]:
        _recreate(size)
    for size in COMPARED:
        print(size, url(size))
