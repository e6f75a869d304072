"""Behind Debian's PgBouncer in transaction mode. .ci/run also runs whole test suites and races behind it."""

import os
import subprocess
from urllib.parse import urlsplit

import psycopg
import pytest

from foundation.database.configuration import TIMEOUTS
from foundation.database.embedded import data_dir
from foundation.env import BASE_DIR
from privet.checks import SECRETS

ROLE = f"pooled_{os.getpid()}"


@pytest.fixture(scope="module")
def behind_pgbouncer() -> dict[str, str]:
    """Environment variables of an installation behind PgBouncer, with a new role that has no timeouts yet."""
    server = os.environ["DATABASE_ADMIN_URL"]
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"CREATE ROLE {ROLE} LOGIN")
    folder = data_dir() / f"pgbouncer-{os.getpid()}"
    as_role = urlsplit(server)._replace(netloc=f"{ROLE}:@").geturl()
    command = [BASE_DIR / "bin" / "pgbouncer", "start", folder, as_role]
    result = subprocess.run(command, capture_output=True, text=True, timeout=30)
    assert result.returncode == 0, result.stderr
    secrets = {name: f"{name:*<48}" for name in SECRETS}
    yield {"DATABASE_URL": result.stdout.strip(), "PGBOUNCER": "1", "DATABASE_POOL_SIZE": "4", **secrets}
    subprocess.run([BASE_DIR / "bin" / "pgbouncer", "stop", folder], check=True)
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = %s", [ROLE])
        connection.execute(f"DROP OWNED BY {ROLE}")
        for name in TIMEOUTS:
            connection.execute(f"ALTER ROLE {ROLE} IN DATABASE {connection.info.dbname} RESET {name}")
        connection.execute(f"DROP ROLE {ROLE}")


def test_check_requires_role_timeouts_and_the_command_sets_them(behind_pgbouncer, run_python):
    failed = run_python("manage.py", "check", "--database", "default", **behind_pgbouncer)
    assert failed.returncode == 1
    assert "(privet.E020)" in failed.stderr
    assert "manage.py limit_statements" in failed.stderr

    assert run_python("manage.py", "limit_statements", **behind_pgbouncer).returncode == 0
    again = run_python("manage.py", "limit_statements", **behind_pgbouncer)
    assert "statement_timeout 20s" in again.stdout

    # Connections that PgBouncer opened earlier do not have the timeouts.
    with psycopg.connect(os.environ["DATABASE_ADMIN_URL"], autocommit=True) as connection:
        connection.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = %s", [ROLE])
    passed = run_python("manage.py", "check", "--database", "default", **behind_pgbouncer)
    assert (passed.returncode, passed.stderr) == (0, "")


PRINT_TIMEOUTS = """
import django; django.setup()
from django.db import OperationalError, connection
with connection.cursor() as cursor:
    cursor.execute("SELECT name || '=' || setting || unit FROM pg_settings WHERE name = ANY(%s)", [{names!r}])
    print(sorted(name for (name,) in cursor.fetchall()))
"""


def test_statements_behind_pgbouncer_have_timeouts(behind_pgbouncer, run_python):
    run_python("manage.py", "limit_statements", **behind_pgbouncer)
    with psycopg.connect(os.environ["DATABASE_ADMIN_URL"], autocommit=True) as connection:
        connection.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = %s", [ROLE])
    environment = behind_pgbouncer | {"DJANGO_SETTINGS_MODULE": "privet.settings"}
    result = run_python("-c", PRINT_TIMEOUTS.format(names=list(TIMEOUTS)), **environment)
    assert result.stdout.strip() == str(
        ["idle_in_transaction_session_timeout=60000ms", "lock_timeout=5000ms", "statement_timeout=20000ms"]
    ), result.stderr


USE_LOCAL_SETTINGS = """
import django; django.setup()
from concurrent.futures import ThreadPoolExecutor
from django.db import connection, transaction

def query(number):
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT set_config('privet.mine', %s, true)", [str(number)])
        cursor.execute("SELECT pg_sleep(0.01), current_setting('privet.mine'), current_setting('TimeZone')")
        inside = cursor.fetchone()[1:]
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_setting('privet.mine', true)")
        after = cursor.fetchone()[0]
    connection.close()
    return inside == (str(number), "UTC") and not after

with ThreadPoolExecutor(4) as threads:
    print(set(threads.map(query, range(100))))
"""


def test_transaction_local_settings_do_not_leak_to_other_clients(behind_pgbouncer, run_python):
    environment = behind_pgbouncer | {"DJANGO_SETTINGS_MODULE": "privet.settings"}
    result = run_python("-c", USE_LOCAL_SETTINGS, **environment)
    assert result.stdout.strip() == "{True}", result.stderr
