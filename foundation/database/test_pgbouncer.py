"""Behind Debian's PgBouncer in transaction mode. .ci/run also sends whole runs and races through it."""

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
    """The environment of an installation behind PgBouncer, with a role of its own that has no limits yet."""
    server = os.environ["DATABASE_URL"]
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"CREATE ROLE {ROLE} LOGIN")
    folder = data_dir() / f"pgbouncer-{os.getpid()}"
    as_role = urlsplit(server)._replace(netloc=f"{ROLE}:@").geturl()
    command = [BASE_DIR / "bin" / "pgbouncer", "start", folder, as_role]
    answer = subprocess.run(command, capture_output=True, text=True, timeout=30)
    assert answer.returncode == 0, answer.stderr
    secrets = {name: f"{name:*<48}" for name in SECRETS}
    yield {"DATABASE_URL": answer.stdout.strip(), "PGBOUNCER": "1", "DATABASE_POOL_SIZE": "4", **secrets}
    subprocess.run([BASE_DIR / "bin" / "pgbouncer", "stop", folder], check=True)
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = %s", [ROLE])
        connection.execute(f"DROP OWNED BY {ROLE}")
        for name in TIMEOUTS:
            connection.execute(f"ALTER ROLE {ROLE} IN DATABASE {connection.info.dbname} RESET {name}")
        connection.execute(f"DROP ROLE {ROLE}")


def test_without_limits_of_the_role_the_check_refuses_and_the_command_sets_them_for_good(behind_pgbouncer, run_python):
    refused = run_python("manage.py", "check", "--database", "default", **behind_pgbouncer)
    assert refused.returncode == 1
    assert "(privet.E020)" in refused.stderr
    assert "manage.py limit_statements" in refused.stderr

    assert run_python("manage.py", "limit_statements", **behind_pgbouncer).returncode == 0
    again = run_python("manage.py", "limit_statements", **behind_pgbouncer)
    assert "statement_timeout 20s" in again.stdout

    # Connections that PgBouncer opened before know nothing of them.
    with psycopg.connect(os.environ["DATABASE_URL"], autocommit=True) as connection:
        connection.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = %s", [ROLE])
    allowed = run_python("manage.py", "check", "--database", "default", **behind_pgbouncer)
    assert (allowed.returncode, allowed.stderr) == (0, "")


ENDS = """
import django; django.setup()
from django.db import OperationalError, connection
with connection.cursor() as cursor:
    cursor.execute("SELECT name || '=' || setting || unit FROM pg_settings WHERE name = ANY(%s)", [{names!r}])
    print(sorted(name for (name,) in cursor.fetchall()))
"""


def test_every_statement_through_it_is_limited(behind_pgbouncer, run_python):
    run_python("manage.py", "limit_statements", **behind_pgbouncer)
    with psycopg.connect(os.environ["DATABASE_URL"], autocommit=True) as connection:
        connection.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = %s", [ROLE])
    environment = behind_pgbouncer | {"DJANGO_SETTINGS_MODULE": "privet.settings"}
    answer = run_python("-c", ENDS.format(names=list(TIMEOUTS)), **environment)
    assert answer.stdout.strip() == str(
        ["idle_in_transaction_session_timeout=60000ms", "lock_timeout=5000ms", "statement_timeout=20000ms"]
    ), answer.stderr


SHARED_OUT = """
import django; django.setup()
from concurrent.futures import ThreadPoolExecutor
from django.db import connection, transaction

def ask(number):
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT set_config('privet.mine', %s, true)", [str(number)])
        cursor.execute("SELECT pg_sleep(0.01), current_setting('privet.mine'), current_setting('TimeZone')")
        seen = cursor.fetchone()[1:]
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_setting('privet.mine', true)")
        left = cursor.fetchone()[0]
    connection.close()
    return seen == (str(number), "UTC") and not left

with ThreadPoolExecutor(4) as threads:
    print(set(threads.map(ask, range(100))))
"""


def test_what_a_transaction_sets_for_itself_reaches_no_other_client(behind_pgbouncer, run_python):
    environment = behind_pgbouncer | {"DJANGO_SETTINGS_MODULE": "privet.settings"}
    answer = run_python("-c", SHARED_OUT, **environment)
    assert answer.stdout.strip() == "{True}", answer.stderr
