"""Issuing a contract with five devices, and the queries of each step's page.

`python bench/contract.py [contracts, 30]` creates clients in an empty database with the functions that the pages call,
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
    """A client after steps 1 to 3, with `devices` devices with `photos` photos each."""
    from django.utils import timezone

    from demo import office, stories
    from demo.people import people

    staff, random = office.staff(), Random(number)
    client_story = stories.ClientStory(
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
    client_story.sign_up(timedelta(days=1))
    client_story.contact()
    client_story.passport()
    for _ in range(devices):
        client_story.device(photos)
    client_story.tariff()
    return client_story


def issuing(count: int) -> None:
    from contracts import pdf

    stories = [story(number, DEVICES) for number in range(1, count + 2)]
    times, pdf_times = [], []
    for each in stories:
        times.append(milliseconds(each.issue))
        pdf_times.append(milliseconds(lambda each=each: pdf.render_contract(each.contract.snapshot)))
    print(f"\nfirst contract with {DEVICES} devices  {times[0][0]:6.1f} ms")
    for label, runs in ((f"issued, median of {count}", times[1:]), ("PDF alone, median", pdf_times[1:])):
        total, cpu_time = (statistics.median(part) for part in zip(*runs, strict=True))
        decile = statistics.quantiles((run[0] for run in runs), n=10)[0]
        print(f"{label:30} {total:6.1f} ms, CPU time of this process {cpu_time:.1f} ms; first decile {decile:.1f} ms")


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
        shown = [measure(browser, f"/clients/{each.client.pk}/{name}/") for each in (few, many)]
        print(f"{name:10}{shown[0]:>24}{shown[1]:>24}")
        if name == "contract":
            client_pages(browser, few, many)


def client_pages(browser, few, many) -> None:
    """The client's page, and the request that the manager's page repeats every three seconds."""
    from django.test import Client as Browser

    from links.models import Browser as BrowserFacts
    from links.models import Link
    from links.panel import LinkPanel

    links = []
    phone = Browser(SERVER_NAME="localhost")
    for each in (few, many):
        facts = BrowserFacts("192.0.2.7", "Firefox")
        link, token = Link.objects.issue(each.client, each.contract.pk, by=each.manager, browser=facts)
        phone.post(f"/c/{token}/")
        links.append((each, link))
    shown = [measure(phone, f"/page/{link.pk}/") for _, link in links]
    print(f"{'client':10}{shown[0]:>24}{shown[1]:>24}")
    shown = []
    for each, link in links:
        panel = LinkPanel.of(each.client, each.contract.pk, issue_url="")
        url = f"/clients/{each.client.pk}/links/{link.pk}/?seen={panel.seen}"
        shown.append(measure(browser, url, status=204, headers={"HX-Request": "true"}))
    print(f"{'status':10}{shown[0]:>24}{shown[1]:>24}")


def measure(browser, url: str, *, status: int = 200, **options) -> str:
    runs = (timed(lambda: browser.get(url, **options)) for _ in range(5))
    response, queries, _, total = min(runs, key=lambda run: run[3])
    assert response.status_code == status, (url, response.status_code)
    return f"{queries} queries, {total:.1f} ms"


def milliseconds(function) -> tuple[float, float]:
    """Time and CPU time of one call."""
    start, cpu_start = time.perf_counter(), time.process_time()
    function()
    return (time.perf_counter() - start) * 1000, (time.process_time() - cpu_start) * 1000


if __name__ == "__main__":
    main(*sys.argv[1:])
