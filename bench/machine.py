"""What was measured on, and with how much data: the head of every report."""

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
    server = f"PostgreSQL {version} ({buffers} shared buffers)"
    return (
        f"{cpu()}, {os.cpu_count()} cores (load {os.getloadavg()[0]:.1f}), Python {platform.python_version()}, {server}\n"
        f"{database}: {size}, {', '.join(counts)}"
    )
