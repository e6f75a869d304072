"""How much this machine serves at once: processes, threads and connections to the database."""

import os
from pathlib import Path

from foundation.env import at_least, env

# Of PostgreSQL's connections, those that are left to commands, backups, monitoring and «Привет Супер».
RESERVED_CONNECTIONS = 20
CPU_QUOTA = Path("/sys/fs/cgroup/cpu.max")


def cores(quota: Path = CPU_QUOTA) -> int:
    """Processors that this process may use, a container's limit (`docker run --cpus`) included; at least 1."""
    allowed = os.process_cpu_count() or 1
    try:
        microseconds, period = quota.read_text().split()
        return max(1, min(allowed, round(int(microseconds) / int(period))))
    except (OSError, ValueError):  # no control groups of version 2, or "max"
        return allowed


# One process more than cores: while one waits for the database or renders a contract, the others answer.
WORKERS = env.int("WEB_CONCURRENCY", cores() + 1, validate=at_least(1))
THREADS = env.int("WEB_THREADS", 8, validate=at_least(1))
# Each thread has its connection; with fewer some would wait for others, with more they would lie idle.
POOL_SIZE = env.int("DATABASE_POOL_SIZE", THREADS or 1, validate=at_least(1))


def max_connections() -> int:
    """What all processes of this machine open at most."""
    return WORKERS * POOL_SIZE
