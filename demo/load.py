"""Load the demo data: which scenarios it has, and how many clients follow each of them."""

from collections.abc import Callable
from datetime import timedelta
from random import Random

from django.db import transaction
from django.utils import timezone

from clients.models import AppUser
from demo import office
from demo.people import people
from demo.stories import SEED, ClientStory

VERIFIED = [ClientStory.contact, ClientStory.passport]
FIXED = [*VERIFIED, ClientStory.devices, ClientStory.tariff]
CODE_SENT = [*FIXED, ClientStory.issue, ClientStory.code]
SIGNED = [*CODE_SENT, ClientStory.sign]
PAID = [*SIGNED, ClientStory.pay]

# Actions after the sign-up, and the number of clients; the newest clients first.
SCENARIOS = [
    ([], 7),
    ([ClientStory.question], 2),
    ([ClientStory.contact], 3),
    (VERIFIED, 2),
    ([*VERIFIED, ClientStory.devices], 2),
    (FIXED, 2),
    ([*FIXED, ClientStory.issue], 2),
    (CODE_SENT, 1),
    ([*FIXED, ClientStory.issue, ClientStory.device], 1),  # the contract is stale
    (SIGNED, 3),
    ([*SIGNED, ClientStory.question], 1),
    ([*SIGNED, ClientStory.question, ClientStory.answer], 1),
    ([*SIGNED, ClientStory.bill_in_parts], 1),
    ([ClientStory.free_of_charge, *SIGNED], 2),
    (PAID, 5),
    ([*PAID, ClientStory.question], 1),
    ([*PAID, ClientStory.question, ClientStory.answer, ClientStory.close], 2),
    ([*FIXED, ClientStory.erase], 1),
    ([*PAID, ClientStory.device], 1),  # a second contract is needed
]
WEEKS = 6


def load_demo_data(report: Callable[[str], None]) -> int:
    """Load the demo data; existing rows are left unchanged. Return the number of new clients.

    `report` is called with a line of text for each new client.
    """
    staff, tariffs, types = office.staff(), office.tariffs(), office.device_types()
    scenarios = [actions for actions, count in SCENARIOS for _ in range(count)]
    persons = people(Random(SEED), len(scenarios), double=0.1)  # noqa: S311
    now, created = timezone.now(), 0
    for number, (actions, person) in enumerate(zip(scenarios, persons, strict=True), start=1):
        story = ClientStory(
            number=number,
            person=person,
            random=Random(SEED + number),  # noqa: S311
            manager=staff["manager"] if number % 2 else staff["manager2"],
            support=staff["support"],
            admin=staff["admin"],
            types=types,
            tariffs=tariffs,
            now=now,
        )
        if AppUser.objects.filter(pk=story.user_id).exists():
            continue
        age = timedelta(weeks=WEEKS) * (number / len(scenarios)) ** 1.5
        # One transaction per client, so that an interrupted load can be continued.
        with transaction.atomic():
            story.sign_up(age)
            for action in actions:
                action(story)
        created += 1
        report(f"{number:2}/{len(scenarios)}  {person.full_name}: {story.reload().get_status_display().lower()}")
    return created
