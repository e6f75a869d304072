"""Two web processes behind Caddy; one after the other is killed while managers take clients all the
way. Nothing lost, nothing doubled.

    python bench/failover.py [CLIENTS] [MANAGERS]      default 24 clients by 6 managers

Prints figures and ends with 1 when a row is missing, doubled or half written.
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


def staff(place: installation.Installation, managers: int) -> list[Manager]:
    place.manage("shell", "-c", STAFF.format(managers=managers, password=installation.PASSWORD))
    people = [
        Manager(place.url, f"m{number}@privet.example", installation.PASSWORD, place.environment["DATABASE_URL"])
        for number in range(managers)
    ]
    for person in people:
        person.sign_in()
    return people


def work(people: list[Manager], clients: int, disturb) -> tuple[list[str], list[float]]:
    """All clients taken, spread over the people at once, while `disturb(done)` goes on; phones and seconds of each."""
    phones, seconds, lock = [], [], threading.Lock()

    def take(person: Manager, how_many: int) -> None:
        for _ in range(how_many):
            began = time.monotonic()
            phone = person.take_client()
            with lock:
                phones.append(phone)
                seconds.append(time.monotonic() - began)

    with ThreadPoolExecutor(len(people) + 1) as pool:
        shares = [clients // len(people) + (number < clients % len(people)) for number in range(len(people))]
        jobs = [pool.submit(take, person, share) for person, share in zip(people, shares, strict=True)]

        def done() -> int:
            """All of them when somebody gave up: nothing more will come."""
            return clients if any(job.done() and job.exception() for job in jobs) else len(phones)

        disturbance = pool.submit(disturb, done)
        for job in jobs:
            job.result()
        disturbance.result()
    return phones, seconds


def report(
    people: list[Manager], phones: list[str], seconds: list[float], place: installation.Installation
) -> list[str]:
    interruptions = sum((Counter(person.refusals) for person in people), Counter())
    print(f"{len(phones)} clients from sign-up to a paid contract, {len(people)} managers at once")
    print(f"one client: median {sorted(seconds)[len(seconds) // 2]:.1f} s, longest {max(seconds):.1f} s")
    print(f"requests tried again: {sum(interruptions.values())} {dict(interruptions) or ''}")
    found = ledger.faults(place.environment["DATABASE_URL"], phones)
    print(f"missing, doubled or half written: {len(found)}")
    print(*found, sep="\n")
    return found


def main(clients: int = 24, managers: int = 6) -> int:
    print(f"{machine.cpu()}, {os.cpu_count()} cores\n")
    with (
        tempfile.TemporaryDirectory() as folder,
        installation.running(Path(folder) / "privet", webs=2) as place,
    ):

        def kill_in_turn(done) -> None:
            """Each process is killed while the other serves, and comes back."""
            kills = 0
            while done() < clients - managers:
                time.sleep(1.5)
                place.kill(f"web{kills % 2}")
                time.sleep(1)
                place.start_web(kills % 2)
                kills += 1
            print(f"{kills} times one of the two web processes was killed and came back")

        people = staff(place, managers)
        phones, seconds = work(people, clients, kill_in_turn)
        found = report(people, phones, seconds, place)
        return bool(found or len(phones) != clients)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # what was started is stopped
    sys.exit(main(*map(int, sys.argv[1:])))
