"""The two databases that are measured, on the embedded server: made and filled when they are not there.

`python bench/databases.py` makes both; `python bench/databases.py 1m` one of them anew.
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
os.environ.setdefault("SECOND_FACTOR", "0")  # being verified costs no query; signing in is not what is measured

import psycopg  # noqa: E402

from foundation.database import embedded  # noqa: E402

# Clients, and managers over whom they are spread: few enough that each has more than a page.
SIZES = {"1k": (1_000, 4), "100k": (100_000, 20), "1m": (1_000_000, 200)}


def url(size: str) -> str:
    """The database's URL; it is made and filled first, which takes minutes for the large one."""
    address = _address(size)
    if not _is_filled(address):
        clients, managers = SIZES[size]
        _manage(_make(size), "fill_demo", f"--clients={clients}", f"--managers={managers}")
    return address


def django_on(address: str) -> None:
    """Set Django up on that database."""
    os.environ |= {"DATABASE_URL": address, "DATABASE_POOL_SIZE": "1"}
    import django
    from django.conf import settings

    django.setup()
    # Set up as in development (no secrets needed), measured as in production: with DEBUG every query is kept.
    settings.DEBUG = False


def empty() -> str:
    """The URL of a database with nothing in it but the tables, made anew."""
    return _make("empty")


def _address(size: str) -> str:
    embedded.ensure_database()
    return urlunsplit(urlsplit(os.environ["DATABASE_URL"])._replace(path=f"/privet_bench_{size}"))


def _is_filled(address: str) -> bool:
    try:
        with psycopg.connect(address) as connection:
            return connection.execute("SELECT EXISTS (SELECT 1 FROM manager_clients)").fetchone()[0]
    except psycopg.Error:
        return False


def _make(size: str) -> str:
    address = _address(size)
    with psycopg.connect(os.environ["DATABASE_URL"], autocommit=True) as connection:
        connection.execute(f"DROP DATABASE IF EXISTS privet_bench_{size} WITH (FORCE)")
        connection.execute(f"CREATE DATABASE privet_bench_{size}")
    _manage(address, "migrate", "-v0")
    return address


def _manage(address: str, *command: str) -> None:
    manage = [sys.executable, str(ROOT / "manage.py"), *command]
    subprocess.run(manage, env=os.environ | {"DATABASE_URL": address}, check=True)


if __name__ == "__main__":
    for wanted in sys.argv[1:]:
        _make(wanted)
    for each in SIZES:
        print(each, url(each))
