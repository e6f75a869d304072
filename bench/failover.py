"""Two web processes behind Caddy, killed in turn while managers take clients from sign-up to a paid contract.
Nothing may be lost or duplicated.

    python bench/failover.py [CLIENTS] [MANAGERS]      default 24 clients by 6 managers

Prints figures and exits with status 1 if a row is missing, duplicated or incomplete.
"""

import os
import signal
import sys
import tempfile
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import installation
import ledger
import machine
from wizard import Manager

STAFF = """
from managers.models import Manager
from devices.models import DeviceType, Tariff
for number in range({managers}):
    Manager.objects.create_user(f"m{{number}}@privet.example", "{password}", name=f"Мастер {{number}}")
DeviceType.objects.get_or_create(name="холодильник")
Tariff.objects.get_or_create(name="Домашний", defaults={{"base_fee": 500, "extra_per_device": 150}})
"""


def staff(privet: installation.Installation, managers: int) -> list[Manager]:
    privet.manage("shell", "-c", STAFF.format(managers=managers, password=installation.PASSWORD))
    people = [
        Manager(privet.url, f"m{number}@privet.example", installation.PASSWORD, privet.app_database)
        for number in range(managers)
    ]
    for person in people:
        person.sign_in()
    return people


def work(managers: list[Manager], clients: int, disturb) -> tuple[list[str], list[float]]:
    """Take all clients with concurrent managers while `disturb(count_done)` runs; return their phones and seconds."""
    phones, seconds, lock = [], [], threading.Lock()

    def take(manager: Manager, count: int) -> None:
        for _ in range(count):
            start = time.monotonic()
            phone = manager.take_client()
            with lock:
                phones.append(phone)
                seconds.append(time.monotonic() - start)

    with ThreadPoolExecutor(len(managers) + 1) as pool:
        shares = [clients // len(managers) + (number < clients % len(managers)) for number in range(len(managers))]
        jobs = [pool.submit(take, manager, share) for manager, share in zip(managers, shares, strict=True)]

        def count_done() -> int:
            """Number of finished clients; all of them after a manager failed, so that `disturb` ends."""
            return clients if any(job.done() and job.exception() for job in jobs) else len(phones)

        disturbance = pool.submit(disturb, count_done)
        for job in jobs:
            job.result()
        disturbance.result()
    return phones, seconds


def report(
    managers: list[Manager], phones: list[str], seconds: list[float], privet: installation.Installation
) -> list[str]:
    interruptions = sum((Counter(manager.interruptions) for manager in managers), Counter())
    print(f"{len(phones)} clients from sign-up to a paid contract, {len(managers)} concurrent managers")
    print(f"one client: median {sorted(seconds)[len(seconds) // 2]:.1f} s, maximum {max(seconds):.1f} s")
    print(f"retried requests: {sum(interruptions.values())} {dict(interruptions) or ''}")
    faults = ledger.faults(privet.environment["DATABASE_URL"], phones)
    print(f"missing, duplicated or incomplete: {len(faults)}")
    print(*faults, sep="\n")
    return faults


def main(clients: int = 24, managers: int = 6) -> int:
    print(f"{machine.cpu()}, {os.cpu_count()} cores\n")
    with (
        tempfile.TemporaryDirectory() as folder,
        installation.running(Path(folder) / "privet", webs=2) as privet,
    ):

        def kill_in_turn(count_done) -> None:
            """Kill each process while the other one runs, and restart it."""
            kills = 0
            while count_done() < clients - managers:
                time.sleep(1.5)
                privet.kill(f"web{kills % 2}")
                time.sleep(1)
                privet.start_web(kills % 2)
                kills += 1
            print(f"web processes killed and restarted: {kills} times")

        people = staff(privet, managers)
        phones, seconds = work(people, clients, kill_in_turn)
        faults = report(people, phones, seconds, privet)
        return bool(faults or len(phones) != clients)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # stops the started processes
    sys.exit(main(*map(int, sys.argv[1:])))
