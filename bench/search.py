"""Search among a million clients: kinds of words that people type, in each tab, for a manager and an admin.

`python bench/search.py [1m] [words of each kind, 30]` prints, over different words of a kind, the 50th and 95th
percentile and the maximum of the total time of the page's queries; the 95th percentile of the CPU time of the database
process (the better figure on a busy machine; 0 if the server is on another machine); and the number of searches without
results (the page then searches the other tabs too).
"""

import sys
from dataclasses import replace
from random import Random
from uuid import UUID

import databases
from lists import TABS, timed


def percentile(times: list[float], share: float) -> float:
    return sorted(times)[min(len(times) - 1, int(len(times) * share))]


def words(count: int) -> dict[str, list[str]]:
    from clients.models import Client
    from demo.people import people
    from demo.places import STREETS, TOWNS

    random = Random(7)
    contracted = Client.objects.filter(status="processed").select_related("user").prefetch_related("contracts")
    picked = contracted.filter(pk__gt=UUID(int=random.getrandbits(127))).order_by("pk")
    rows = list(picked[: count * 3 : 3])
    persons = people(random, count)
    phones = [row.user.phone for row in rows]
    beginnings = [town.removeprefix("г. ")[:5] for town, *_ in TOWNS] + [person.first_name[:5] for person in persons]
    numbers = [row.contracts.all()[0].number for row in rows]
    return {
        "«иван»": ["иван"] + [random.choice([p.first_name, p.last_name])[: random.randint(3, 6)] for p in persons[1:]],
        "«Иванов Пётр»": ["Иванов Пётр"] + [f"{person.last_name} {person.first_name}" for person in persons[1:]],
        "«977 123»": ["977 123"] + [f"{phone[:3]} {phone[3:6]}" for phone in phones[1:]],
        "whole phone": [f"+7({phone[:3]}){phone[3:6]}-{phone[6:8]}-{phone[8:]}" for phone in phones],
        "part of e-mail": [(row.user.email or "ivanov.petr")[: random.randint(5, 18)] for row in rows],
        "part of address": [random.choice([random.choice(STREETS), random.choice(TOWNS)[0]]) for _ in range(count)],
        "street and house": [f"{random.choice(STREETS)}, д. {random.randint(1, 90)}" for _ in range(count)],
        # Begins like a frequent town or first name, and no client has it.
        "rare surname": [random.choice(beginnings) + random.choice(["кин", "чук", "евский"]) for _ in range(count)],
        "contract number": [number if index % 2 else number[3:] for index, number in enumerate(numbers)],
    }


def database_time(browser, tab: str, text: str) -> tuple[float, float]:
    """Milliseconds and CPU milliseconds in the database for the page with this search, the minimum of three runs."""
    import machine

    browser.post("/clients/search/", {"text": text, "tab": tab})
    runs = []
    for _ in range(3):
        before = machine.database_work()
        response, _, milliseconds, _ = timed(lambda: browser.get(f"/clients/?tab={tab}"))
        assert response.status_code == 200, response
        runs.append((milliseconds, machine.database_work() - before))
    return min(run[0] for run in runs), min(run[1] for run in runs)


def main(size: str = "1m", count: str = "30") -> None:
    databases.django_on(databases.url(size))
    import machine
    from django.test import Client as Browser
    from lists import people_who_look

    from clients import tabs
    from managers import limits

    limits.SEARCHES = replace(limits.SEARCHES, at_most=10**9)  # the benchmark searches faster than a person
    print(machine.report())
    kinds = words(int(count))
    print(f"\n{'role':8} {'tab':10} {'kind':17}     50 %     95 %      max   CPU 95 %   empty  slowest")
    all_pairs = []
    for role, person in people_who_look().items():
        browser = Browser(SERVER_NAME="localhost")
        browser.force_login(person)
        for tab in TABS:
            for kind, texts in kinds.items():
                pairs = [database_time(browser, tab, text) for text in texts]
                times, cpu_times = map(list, zip(*pairs, strict=True))
                empty = sum(not tabs.page(tab, person, text, "", 0).cards for text in texts)
                all_pairs += pairs
                print(
                    f"{role:8} {tab:10} {kind:17} {percentile(times, 0.5):5.1f} ms {percentile(times, 0.95):5.1f} ms"
                    f" {max(times):5.1f} ms   {percentile(cpu_times, 0.95):5.1f} ms {empty:3}/{len(texts)}"
                    f"  {max(zip(cpu_times, texts, strict=True))[1]}"
                )
    times, cpu_times = map(list, zip(*all_pairs, strict=True))
    for name, numbers in (("time", times), ("CPU time", cpu_times)):
        median, p95 = percentile(numbers, 0.5), percentile(numbers, 0.95)
        print(f"all {len(numbers)}, {name}: 50 % {median:.1f} ms, 95 % {p95:.1f} ms")


if __name__ == "__main__":
    main(*sys.argv[1:])
