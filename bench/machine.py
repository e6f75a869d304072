"""Machine, versions and size of the data: the header of every report."""

import os
import platform
from pathlib import Path

from django.db import connection

SIZES = {
    "clients": "manager_clients",
    "passports": "users_passports",
    "devices": "manager_devices",
    "contracts": "manager_contracts",
    "invoices": "manager_invoices",
}


def cpu() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.split(":")[1].strip()
    return platform.processor()


def report() -> str:
    """Machine, versions and the size of the current database, in two lines."""
    with connection.cursor() as cursor:
        cursor.execute("SHOW server_version")
        version = cursor.fetchone()[0].split()[0]
        cursor.execute("SHOW shared_buffers")
        (buffers,) = cursor.fetchone()
        cursor.execute("SELECT current_database(), pg_size_pretty(pg_database_size(current_database()))")
        database, size = cursor.fetchone()
        counts = []
        for label, table in SIZES.items():
            cursor.execute(f"SELECT count(*) FROM {table}")
            counts.append(f"{cursor.fetchone()[0]:,} {label}")
    load = os.getloadavg()[0]
    return (
        f"{cpu()}, {os.cpu_count()} cores (load {load:.1f}), Python {platform.python_version()}, "
        f"PostgreSQL {version} ({buffers} shared buffers)\n"
        f"{database}: {size}, {', '.join(counts)}"
    )


def database_work() -> float:
    """CPU time of the connection's server process so far, in milliseconds; 0 if the server is on another machine.

    With a pool of one connection (set by `databases.django_on`) all requests use the same process.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        (pid,) = cursor.fetchone()
    try:
        return int(Path(f"/proc/{pid}/schedstat").read_text().split()[0]) / 1e6
    except OSError:
        return 0.0
