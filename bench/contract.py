"""Issuing a contract with five devices, and the queries of each step's page.

`python bench/contract.py [contracts, 30]` makes clients in an empty database by the functions that the pages call,
issues a contract for each (PDF, local storage, database) and prints the median and the first decile, which depends less
on other programs; the same for the PDF alone; then the queries and the time of each page with one device without photos
and with ten devices of three photos each: the numbers of queries must be equal.
"""

import statistics
import sys
import tempfile
import time
from datetime import timedelta
from pathlib import Path
from random import Random

import databases
from lists import timed

DEVICES = 5
PAGES = ["contact", "passport", "devices", "contract", "done", "card"]


def main(contracts: str = "30") -> None:
    databases.django_on(databases.empty())
    import machine
    from django.test import override_settings

    from foundation.testing import local_storage

    with tempfile.TemporaryDirectory() as folder, override_settings(STORAGES=local_storage(Path(folder))):
        print(machine.report())
        issuing(int(contracts))
        pages()


def story(number: int, devices: int, photos: int = 0):
    """A client after steps 1 to 3, with `devices` devices of `photos` photos each."""
    from django.utils import timezone

    from demo import office, stories
    from demo.people import people

    staff, random = office.staff(), Random(number)
    told = stories.ClientStory(
        number=number,
        person=people(random, 1)[0],
        random=random,
        manager=staff["manager"],
        support=staff["support"],
        admin=staff["admin"],
        types=office.device_types(),
        tariffs=office.tariffs(),
        now=timezone.now(),
    )
    told.sign_up(timedelta(days=1))
    told.contact()
    told.passport()
    for _ in range(devices):
        told.device(photos)
    told.tariff()
    return told


def issuing(count: int) -> None:
    from contracts import pdf

    told = [story(number, DEVICES) for number in range(1, count + 2)]
    times, alone = [], []
    for each in told:
        times.append(milliseconds(each.issue))
        alone.append(milliseconds(lambda each=each: pdf.render_contract(each.contract.snapshot)))
    print(f"\nfirst contract with {DEVICES} devices  {times[0][0]:6.1f} ms")
    for what, runs in ((f"issued, median of {count}", times[1:]), ("its PDF alone, median", alone[1:])):
        whole, work = (statistics.median(part) for part in zip(*runs, strict=True))
        quick = statistics.quantiles((run[0] for run in runs), n=10)[0]
        print(f"{what:30} {whole:6.1f} ms, CPU time of this process {work:.1f} ms; first decile {quick:.1f} ms")


def pages() -> None:
    from django.test import Client as Browser

    print(f"\n{'page':10}{'1 device':>24}{'10 devices, 30 photos':>24}")
    few, many = story(1001, 1), story(1002, 10, photos=3)
    browser = Browser(SERVER_NAME="localhost")
    browser.force_login(few.manager)
    for name in PAGES:
        if name == "contract":
            few.issue(), many.issue()
        if name == "done":
            for each in (few, many):
                each.code()
                each.sign()
        print(f"{name:10}{asked(browser, few, name):>24}{asked(browser, many, name):>24}")


def asked(browser, told, name: str) -> str:
    address = f"/clients/{told.client.pk}/{name}/"
    reply, queries, _, total = min((timed(lambda: browser.get(address)) for _ in range(5)), key=lambda run: run[3])
    assert reply.status_code == 200, (address, reply.status_code)
    return f"{queries} queries, {total:.1f} ms"


def milliseconds(function) -> tuple[float, float]:
    """Time and CPU time of one call."""
    began, work = time.perf_counter(), time.process_time()
    function()
    return (time.perf_counter() - began) * 1000, (time.process_time() - work) * 1000


if __name__ == "__main__":
    main(*sys.argv[1:])
