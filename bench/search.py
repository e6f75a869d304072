"""Search among a million clients: the kinds of words that people type, in each tab, for a manager and an admin.

`python bench/search.py [1m] [words of each kind, 30]` prints the 50th and 95th percentile and the maximum, over
different words of a kind, of the time that all queries of the page take together; how much of the 95th percentile was
work of the database process (the rest it waited for a processor: on a busy machine this is the number to look at; only
for a server on this machine); and how many of the searches found nobody (the page then looks in the other tabs too).
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
        # Begins as a town or a first name that very many have, and is nobody's.
        "rare surname": [random.choice(beginnings) + random.choice(["кин", "чук", "евский"]) for _ in range(count)],
        "contract number": [number if place % 2 else number[3:] for place, number in enumerate(numbers)],
    }


def database_time(browser, tab: str, text: str) -> tuple[float, float]:
    """Milliseconds in the database for the page with this search, and of work there; the better of three."""
    import machine

    browser.post("/clients/search/", {"text": text, "tab": tab})
    runs = []
    for _ in range(3):
        before = machine.database_work()
        reply, _, milliseconds, _ = timed(lambda: browser.get(f"/clients/?tab={tab}"))
        assert reply.status_code == 200, reply
        runs.append((milliseconds, machine.database_work() - before))
    return min(run[0] for run in runs), min(run[1] for run in runs)


def main(size: str = "1m", count: str = "30") -> None:
    databases.django_on(databases.url(size))
    import machine
    from django.test import Client as Browser
    from lists import people_who_look

    from clients import tabs
    from managers import limits

    limits.SEARCHES = replace(limits.SEARCHES, at_most=10**9)  # nobody types as fast as this
    print(machine.report())
    kinds = words(int(count))
    print(f"\n{'who':8} {'tab':10} {'kind':17}     50 %     95 %     most  work 95 %  nobody  slowest")
    everything = []
    for role, person in people_who_look().items():
        browser = Browser(SERVER_NAME="localhost")
        browser.force_login(person)
        for tab in TABS:
            for kind, texts in kinds.items():
                pairs = [database_time(browser, tab, text) for text in texts]
                times, work = map(list, zip(*pairs, strict=True))
                nobody = sum(not tabs.page(tab, person, text, "", 0).cards for text in texts)
                everything += pairs
                print(
                    f"{role:8} {tab:10} {kind:17} {percentile(times, 0.5):5.1f} ms {percentile(times, 0.95):5.1f} ms"
                    f" {max(times):5.1f} ms   {percentile(work, 0.95):5.1f} ms {nobody:3}/{len(texts)}"
                    f"  {max(zip(work, texts, strict=True))[1]}"
                )
    times, work = map(list, zip(*everything, strict=True))
    for name, numbers in (("time", times), ("work", work)):
        middle, high = percentile(numbers, 0.5), percentile(numbers, 0.95)
        print(f"all {len(numbers)}, {name}: 50 % {middle:.1f} ms, 95 % {high:.1f} ms")


if __name__ == "__main__":
    main(*sys.argv[1:])
