"""The statistics page among a million clients: `python bench/statistics_page.py [1m] [runs]`.

For each period that the page offers, and for the longest allowed one: queries, time in the database, time of the whole
request (Django's test client, median) and CPU time of both processes; then the same for the table as CSV.
"""

import statistics
import sys

import databases
from lists import cpu_time_of, people_who_look, timed


def main(size: str = "1m", runs: str = "30") -> None:
    databases.django_on(databases.url(size))
    import machine
    from django.test import Client as Browser

    from contracts.statistics import MAX_DAYS
    from contracts.statistics_views import PERIOD_DAYS

    browser = Browser(SERVER_NAME="localhost")
    browser.force_login(people_who_look()["admin"])
    print(machine.report())
    print(f"\n{'page':22} queries   database      total    slowest   CPU time")
    for days in (*PERIOD_DAYS, MAX_DAYS):
        measure(f"{days} days", lambda days=days: browser.get(url("/statistics/", days)), int(runs))
    measure(f"{MAX_DAYS} days, CSV", lambda: read_stream(browser.get(url("/statistics.csv", MAX_DAYS))), int(runs))


def url(path: str, days: int) -> str:
    from contracts.statistics import Period

    period = Period.latest(days)
    return f"{path}?first={period.first}&last={period.last}"


def read_stream(response):
    response.getvalue()
    return response


def measure(name: str, get, runs: int) -> None:
    measured = [timed(get) for _ in range(runs)]
    assert all(response.status_code == 200 for response, *_ in measured), name
    _, queries, _, _ = measured[-1]
    database, total = (statistics.median(run[index] for run in measured) for index in (2, 3))
    slowest = max(run[3] for run in measured)
    print(f"{name:22} {queries:7} {database:7.1f} ms {total:7.1f} ms {slowest:7.1f} ms {cpu_time_of(get):7.1f} ms")


if __name__ == "__main__":
    main(*sys.argv[1:])
