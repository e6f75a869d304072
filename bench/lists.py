"""The list page: each tab for a manager and an admin, first page and 100th (or last), small and large database.

`python bench/lists.py [1k] [1m]` prints, page by page, how many queries it takes, the time spent in them, the time of
the whole request (Django's test client, median; of 5 rounds the quickest), the processors' work in it, both beside the
first page of that tab in the small database, and the raw list query through psycopg.
"""

import json
import os
import re
import statistics
import subprocess
import sys
import time
from dataclasses import asdict, dataclass, replace

import databases

RUNS, ROUNDS, DEEP = 30, 5, 100
FIGURES = ["queries", "database", "total", "work", "floor"]
TABS = ["new", "work", "processed", "mine"]


@dataclass
class Page:
    role: str
    tab: str
    number: int
    queries: int
    database: float  # ms, as all times here
    total: float
    work: float  # of this process and the database's together: what is left when nothing waits for a processor
    floor: float


class QueryClock:
    """Counts queries and the time that they take; for `connection.execute_wrapper`."""

    def __init__(self):
        self.count, self.seconds = 0, 0.0

    def __call__(self, execute, *arguments):
        began = time.perf_counter()
        try:
            return execute(*arguments)
        finally:
            self.seconds += time.perf_counter() - began
            self.count += 1


def timed(get) -> tuple[object, int, float, float]:
    """Reply, queries, milliseconds in the database and in all."""
    from django.db import connection

    clock = QueryClock()
    began = time.perf_counter()
    with connection.execute_wrapper(clock):
        reply = get()
    return reply, clock.count, clock.seconds * 1000, (time.perf_counter() - began) * 1000


def work_of(get) -> float:
    """Milliseconds of work for one request, a mean."""
    import machine

    before = machine.database_work() + time.process_time() * 1000
    for _ in range(RUNS):
        get()
    return (machine.database_work() + time.process_time() * 1000 - before) / RUNS


def page_addresses(browser, tab: str) -> dict[int, str]:
    """The addresses of the first page and of the 100th, or the last, found by following the links."""
    address, number = f"/clients/?tab={tab}", 1
    found = {1: address}
    while number < DEEP:
        reply = browser.get(address)
        assert reply.status_code == 200, reply
        link = re.search(r'[?&;]after=([^"&]+)', reply.content.decode())
        if not link:
            break
        address, number = f"/clients/?tab={tab}&after={link[1]}", number + 1
    return found | {number: address}


def raw_list_query(browser, address: str):
    """The page's own list query, as it was sent, with its parameters."""
    from django.db import connection

    sent = []

    def keep(execute, sql, params, many, context):
        sent.append((sql, params))
        return execute(sql, params, many, context)

    with connection.execute_wrapper(keep):
        browser.get(address)
    return next((sql, params) for sql, params in sent if "ORDER BY" in sql and "users_passports" in sql)


def floor(raw, sql: str, params) -> float:
    began = time.perf_counter()
    raw.execute(sql, params).fetchall()
    return (time.perf_counter() - began) * 1000


def people_who_look() -> dict:
    from managers.models import Manager, Role

    admin, _ = Manager.objects.get_or_create(email="bench@fill.example", defaults={"role": Role.ADMIN, "name": "Замер"})
    return {"manager": Manager.objects.filter(clients__isnull=False).order_by("email").first(), "admin": admin}


def measure() -> list[Page]:
    import psycopg
    from django.test import Client as Browser

    raw = psycopg.connect(os.environ["DATABASE_URL"])
    pages = []
    for role, person in people_who_look().items():
        browser = Browser(SERVER_NAME="localhost")
        browser.force_login(person)
        for tab in TABS:
            for number, address in page_addresses(browser, tab).items():
                runs = [timed(lambda address=address, browser=browser: browser.get(address)) for _ in range(RUNS)]
                work = work_of(lambda address=address, browser=browser: browser.get(address))
                query = raw_list_query(browser, address)
                pages.append(
                    Page(
                        role, tab, number, runs[-1][1],
                        *(statistics.median(run[place] for run in runs) for place in (2, 3)), work,
                        statistics.median(floor(raw, *query) for _ in range(RUNS)),
                    )
                )  # fmt: skip
    return pages


def measured_in_own_process(size: str) -> tuple[str, list[Page]]:
    """What was measured, in words, and the pages."""
    output = subprocess.run(
        [sys.executable, __file__, "--only", size], check=True, stdout=subprocess.PIPE, text=True
    ).stdout
    head, pages = output.rsplit("\n", 2)[:2]
    return head, [Page(**page) for page in json.loads(pages)]


def measured_in_turn(sizes: list[str]) -> dict[str, list[Page]]:
    """Of each figure the least of ROUNDS, the databases in turn: what others do on the machine only adds to it."""
    rounds = [{size: measured_in_own_process(size) for size in sizes} for _ in range(ROUNDS)]
    print(*(head for head, _ in rounds[-1].values()), sep="\n")
    return {size: list(map(least, zip(*(found[size][1] for found in rounds), strict=True))) for size in sizes}


def least(same: tuple[Page, ...]) -> Page:
    figures = {name: min(getattr(page, name) for page in same) for name in FIGURES}
    return replace(same[0], **figures)


def compare(results: dict[str, list[Page]]) -> None:
    """Print every page beside the first page of its tab in the first database."""
    first = {(page.role, page.tab): page for page in next(iter(results.values())) if page.number == 1}
    print(f"\n     {'who':8} {'tab':10} {'page':>4} queries  database     total times      work times raw query")
    for size, pages in results.items():
        for page in pages:
            base = first[page.role, page.tab]
            print(
                f"{size:4} {page.role:8} {page.tab:10} {page.number:4} {page.queries:7} {page.database:6.2f} ms"
                f" {page.total:6.2f} ms {page.total / base.total:5.2f} {page.work:6.2f} ms {page.work / base.work:5.2f}"
                f" {page.floor:6.2f} ms"
            )


if __name__ == "__main__":
    if sys.argv[1:2] == ["--only"]:
        databases.django_on(databases.url(sys.argv[2]))
        import machine

        print(machine.report())
        print(json.dumps([asdict(page) for page in measure()]))
    else:
        compare(measured_in_turn(sys.argv[1:] or databases.COMPARED))
