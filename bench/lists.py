"""The list page: each tab for a manager and an admin, first page and 100th (or last), small and large database.

`python bench/lists.py [1k] [1m]` prints for each page the number of queries, the time spent in them, the time of the
whole request (Django's test client, median; the fastest of 5 rounds) and its CPU time, both next to the first page of
the tab in the small database, and the time of the raw list query through psycopg.
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
FIGURES = ["queries", "database", "total", "cpu_time", "raw_query"]
TABS = ["new", "work", "processed", "mine"]


@dataclass
class Page:
    role: str
    tab: str
    number: int
    queries: int
    database: float  # milliseconds, like all times here
    total: float
    cpu_time: float  # of this process and the database process: does not include waiting for a core
    raw_query: float


class QueryClock:
    """Counts queries and their time; for `connection.execute_wrapper`."""

    def __init__(self):
        self.count, self.seconds = 0, 0.0

    def __call__(self, execute, *arguments):
        start = time.perf_counter()
        try:
            return execute(*arguments)
        finally:
            self.seconds += time.perf_counter() - start
            self.count += 1


def timed(get) -> tuple[object, int, float, float]:
    """Response, number of queries, milliseconds in the database, milliseconds in total."""
    from django.db import connection

    clock = QueryClock()
    start = time.perf_counter()
    with connection.execute_wrapper(clock):
        response = get()
    return response, clock.count, clock.seconds * 1000, (time.perf_counter() - start) * 1000


def cpu_time_of(get) -> float:
    """CPU time of one request in milliseconds, a mean of RUNS."""
    import machine

    before = machine.database_work() + time.process_time() * 1000
    for _ in range(RUNS):
        get()
    return (machine.database_work() + time.process_time() * 1000 - before) / RUNS


def page_urls(browser, tab: str) -> dict[int, str]:
    """URLs of the first page and of the 100th (or last), by following the links of the pages."""
    url, number = f"/clients/?tab={tab}", 1
    found = {1: url}
    while number < DEEP:
        response = browser.get(url)
        assert response.status_code == 200, response
        link = re.search(r'[?&;]after=([^"&]+)', response.content.decode())
        if not link:
            break
        url, number = f"/clients/?tab={tab}&after={link[1]}", number + 1
    return found | {number: url}


def raw_list_query(browser, url: str):
    """The list query of the page and its parameters."""
    from django.db import connection

    queries = []

    def record(execute, sql, params, many, context):
        queries.append((sql, params))
        return execute(sql, params, many, context)

    with connection.execute_wrapper(record):
        browser.get(url)
    return next((sql, params) for sql, params in queries if "ORDER BY" in sql and "users_passports" in sql)


def raw_query_time(connection, sql: str, params) -> float:
    start = time.perf_counter()
    connection.execute(sql, params).fetchall()
    return (time.perf_counter() - start) * 1000


def people_who_look() -> dict:
    from managers.models import Manager, Role

    admin, _ = Manager.objects.get_or_create(email="bench@fill.example", defaults={"role": Role.ADMIN, "name": "Замер"})
    return {"manager": Manager.objects.filter(clients__isnull=False).order_by("email").first(), "admin": admin}


def measure() -> list[Page]:
    import psycopg
    from django.test import Client as Browser

    raw_connection = psycopg.connect(os.environ["DATABASE_URL"])
    pages = []
    for role, person in people_who_look().items():
        browser = Browser(SERVER_NAME="localhost")
        browser.force_login(person)
        for tab in TABS:
            for number, url in page_urls(browser, tab).items():
                runs = [timed(lambda url=url, browser=browser: browser.get(url)) for _ in range(RUNS)]
                cpu_time = cpu_time_of(lambda url=url, browser=browser: browser.get(url))
                query = raw_list_query(browser, url)
                pages.append(
                    Page(
                        role, tab, number, runs[-1][1],
                        *(statistics.median(run[index] for run in runs) for index in (2, 3)), cpu_time,
                        statistics.median(raw_query_time(raw_connection, *query) for _ in range(RUNS)),
                    )
                )  # fmt: skip
    return pages


def measure_in_subprocess(size: str) -> tuple[str, list[Page]]:
    """The printed header and the pages."""
    output = subprocess.run(
        [sys.executable, __file__, "--only", size], check=True, stdout=subprocess.PIPE, text=True
    ).stdout
    header, pages = output.rsplit("\n", 2)[:2]
    return header, [Page(**page) for page in json.loads(pages)]


def measure_in_rounds(sizes: list[str]) -> dict[str, list[Page]]:
    """Minimum of each figure over ROUNDS, alternating the databases: other programs only add to a figure."""
    rounds = [{size: measure_in_subprocess(size) for size in sizes} for _ in range(ROUNDS)]
    print(*(header for header, _ in rounds[-1].values()), sep="\n")
    return {size: list(map(minimum, zip(*(results[size][1] for results in rounds), strict=True))) for size in sizes}


def minimum(pages: tuple[Page, ...]) -> Page:
    figures = {name: min(getattr(page, name) for page in pages) for name in FIGURES}
    return replace(pages[0], **figures)


def compare(results: dict[str, list[Page]]) -> None:
    """Print each page next to the first page of its tab in the first database."""
    first = {(page.role, page.tab): page for page in next(iter(results.values())) if page.number == 1}
    print(f"\n     {'role':8} {'tab':10} {'page':>4} queries  database     total times  CPU time times raw query")
    for size, pages in results.items():
        for page in pages:
            base = first[page.role, page.tab]
            print(
                f"{size:4} {page.role:8} {page.tab:10} {page.number:4} {page.queries:7} {page.database:6.2f} ms"
                f" {page.total:6.2f} ms {page.total / base.total:5.2f}"
                f" {page.cpu_time:6.2f} ms {page.cpu_time / base.cpu_time:5.2f}"
                f" {page.raw_query:6.2f} ms"
            )


if __name__ == "__main__":
    if sys.argv[1:2] == ["--only"]:
        databases.django_on(databases.url(sys.argv[2]))
        import machine

        print(machine.report())
        print(json.dumps([asdict(page) for page in measure()]))
    else:
        compare(measure_in_rounds(sys.argv[1:] or databases.COMPARED))
