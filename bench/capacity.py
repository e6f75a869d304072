"""CPU time that each part of an installation spends on one client, from sign-up to a paid contract, and the number of
clients per second that one core can serve. Other programs on the machine hardly change the CPU time.

    python bench/capacity.py [CLIENTS] [MANAGERS]      default 40 clients by 4 managers

The first clients are not counted: the processes still load their code meanwhile.
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


def cpu_seconds(installation: Installation) -> dict[str, float]:
    """Seconds of CPU time by part, including processes that have ended (a worker, a connection)."""
    seconds = defaultdict(float)
    for process in _processes(installation):
        command = " ".join(process.cmdline())
        part = next((part for name, part in PARTS.items() if name in command), None)
        if part:
            times = process.cpu_times()
            seconds[part] += times.user + times.system + times.children_user + times.children_system
    return seconds


def _processes(installation: Installation) -> set[psutil.Process]:
    """The servers of the installation and their children (the command of PostgreSQL's children lacks the folder)."""
    servers = [
        process for process in psutil.process_iter(["cmdline"]) if _is_server(process.info["cmdline"], installation)
    ]
    servers += [psutil.Process(running.pid) for running in installation.processes.values()]
    return {process for server in servers for process in (server, *server.children(recursive=True))}


def _is_server(cmdline: list[str] | None, installation: Installation) -> bool:
    return any(str(installation.folder) in word for word in cmdline or [])


def main(clients: int = 40, managers: int = 4) -> None:
    with tempfile.TemporaryDirectory() as folder, running(Path(folder) / "privet", webs=1, s3=False) as installation:
        people = staff(installation, managers)
        work(people, 2 * managers, lambda count_done: None)
        before, start = cpu_seconds(installation), time.monotonic()
        work(people, clients, lambda count_done: None)
        elapsed, after = time.monotonic() - start, cpu_seconds(installation)
    print(f"{machine.cpu()}, {os.cpu_count()} cores; {clients} clients by {managers} concurrent managers\n")
    total, per_minute = 0.0, clients / elapsed * 60
    for part in sorted(after, key=lambda part: before[part] - after[part]):
        each = (after[part] - before[part]) / clients
        total += each
        print(
            f"{part:12} {each * 1000:8.0f} ms of CPU time per client, {1 / each if each else 0:6.1f} clients/s per core"
        )
    print(f"{'all':12} {total * 1000:8.0f} ms; {per_minute:.0f} clients/min on this machine, load generator included")


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # stops the started processes
    main(*map(int, sys.argv[1:]))
