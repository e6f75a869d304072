"""What one client, from sign-up to a paid contract, costs each part of an installation: processor time, which hardly
depends on what else the machine does, and from it how many clients a core carries.

    python bench/capacity.py [CLIENTS] [MANAGERS]      default 40 clients by 4 managers

The first clients are not counted: processes load what they need with them.
"""

import os
import signal
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import machine
import psutil
from failover import staff, work
from installation import Installation, running

PARTS = {"gunicorn": "web", "postgres": "PostgreSQL", "radosgw": "storage", "ceph-": "storage", "caddy": "Caddy"}


def spent(place: Installation) -> dict[str, float]:
    """Seconds of processor time by part, of processes that ended too (a worker, a connection)."""
    seconds = defaultdict(float)
    for process in _of(place):
        command = " ".join(process.cmdline())
        part = next((part for name, part in PARTS.items() if name in command), None)
        if part:
            times = process.cpu_times()
            seconds[part] += times.user + times.system + times.children_user + times.children_system
    return seconds


def _of(place: Installation) -> set[psutil.Process]:
    """The servers of the installation with their children: those of PostgreSQL name no folder."""
    servers = [process for process in psutil.process_iter(["cmdline"]) if _serves(process.info["cmdline"], place)]
    servers += [psutil.Process(running.pid) for running in place.processes.values()]
    return {process for server in servers for process in (server, *server.children(recursive=True))}


def _serves(cmdline: list[str] | None, place: Installation) -> bool:
    return any(str(place.folder) in word for word in cmdline or [])


def main(clients: int = 40, managers: int = 4) -> None:
    with tempfile.TemporaryDirectory() as folder, running(Path(folder) / "privet", webs=1, s3=False) as place:
        people = staff(place, managers)
        work(people, 2 * managers, lambda done: None)
        before, began = spent(place), time.monotonic()
        work(people, clients, lambda done: None)
        took, after = time.monotonic() - began, spent(place)
    print(f"{machine.cpu()}, {os.cpu_count()} cores; {clients} clients by {managers} managers at once\n")
    total = 0.0
    for part in sorted(after, key=lambda part: before[part] - after[part]):
        each = (after[part] - before[part]) / clients
        total += each
        print(
            f"{part:12} {each * 1000:8.0f} ms of a core for one client, {1 / each if each else 0:6.1f} clients/s on one"
        )
    print(
        f"{'all':12} {total * 1000:8.0f} ms; {clients / took * 60:.0f} clients a minute on this machine, load included"
    )


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # what was started is stopped
    main(*map(int, sys.argv[1:]))
