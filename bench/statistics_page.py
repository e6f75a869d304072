"""The statistics page of the head of managers among a million clients: `python bench/statistics_page.py [1m] [runs]`.

For each choice of the page, and the longest period that it takes: queries, time in the database, time of the whole
request (Django's test client, median) and the work of both processes in it; then the table as CSV.
"""

import statistics
import sys

import databases
from lists import people_who_look, timed, work_of


def main(size: str = "1m", runs: str = "30") -> None:
    databases.django_on(databases.url(size))
    import machine
    from django.test import Client as Browser

    from contracts.statistics import MAX_DAYS
    from contracts.statistics_views import PERIOD_DAYS

    browser = Browser(SERVER_NAME="localhost")
    browser.force_login(people_who_look()["admin"])
    print(machine.report())
    print(f"\n{'page':22} queries   database      total    slowest       work")
    for days in (*PERIOD_DAYS, MAX_DAYS):
        measure(f"{days} days", lambda days=days: browser.get(address("/statistics/", days)), int(runs))
    measure(f"{MAX_DAYS} days, CSV", lambda: whole(browser.get(address("/statistics.csv", MAX_DAYS))), int(runs))


def address(path: str, days: int) -> str:
    from contracts.statistics import Period

    period = Period.latest(days)
    return f"{path}?first={period.first}&last={period.last}"


def whole(reply):
    reply.getvalue()
    return reply


def measure(name: str, get, runs: int) -> None:
    taken = [timed(get) for _ in range(runs)]
    assert all(reply.status_code == 200 for reply, *_ in taken), name
    _, queries, _, _ = taken[-1]
    database, total = (statistics.median(run[place] for run in taken) for place in (2, 3))
    slowest = max(run[3] for run in taken)
    print(f"{name:22} {queries:7} {database:7.1f} ms {total:7.1f} ms {slowest:7.1f} ms {work_of(get):7.1f} ms")


if __name__ == "__main__":
    main(*sys.argv[1:])
