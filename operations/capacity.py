"""Sizes of the web server on this machine: processes, threads and database connections."""

import os
from pathlib import Path

from foundation.env import at_least, env

# Connections of PostgreSQL reserved for commands, backups, monitoring and «Привет Супер».
RESERVED_CONNECTIONS = 20
CPU_QUOTA = Path("/sys/fs/cgroup/cpu.max")


def cores(quota: Path = CPU_QUOTA) -> int:
    """Return the number of CPU cores that this process may use, at least 1.

    `quota` is the file with the container's CPU limit (`docker run --cpus`, control groups version 2).
    """
    available = os.process_cpu_count() or 1
    try:
        microseconds, period = quota.read_text().split()
        return max(1, min(available, round(int(microseconds) / int(period))))
    except (OSError, ValueError):  # no control groups version 2, or "max"
        return available


# One process more than cores: while one waits for the database, another can use the core.
WORKERS = env.int("WEB_CONCURRENCY", cores() + 1, validate=at_least(1))
THREADS = env.int("WEB_THREADS", 8, validate=at_least(1))
# One connection per thread: with fewer, threads would wait; more would be idle.
POOL_SIZE = env.int("DATABASE_POOL_SIZE", THREADS or 1, validate=at_least(1))


def max_connections() -> int:
    """Return the maximum number of database connections of all processes of this machine."""
    return WORKERS * POOL_SIZE
