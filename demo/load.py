"""Which stories the small office tells, and how often."""

from collections.abc import Callable
from datetime import timedelta
from random import Random

from django.db import transaction
from django.utils import timezone

from clients.models import AppUser
from demo import office
from demo.people import people
from demo.stories import SEED, Story

VERIFIED = [Story.contact, Story.passport]
FIXED = [*VERIFIED, Story.devices, Story.tariff]
CODE_SENT = [*FIXED, Story.issue, Story.code]
SIGNED = [*CODE_SENT, Story.sign]
PAID = [*SIGNED, Story.pay]

# What happens after the sign-up, and to how many clients; the newest first.
PLAN = [
    ([], 7),
    ([Story.question], 2),
    ([Story.contact], 3),
    (VERIFIED, 2),
    ([*VERIFIED, Story.devices], 2),
    (FIXED, 2),
    ([*FIXED, Story.issue], 2),
    (CODE_SENT, 1),
    ([*FIXED, Story.issue, Story.device], 1),  # the contract no longer says what the client has
    (SIGNED, 3),
    ([*SIGNED, Story.question], 1),
    ([*SIGNED, Story.question, Story.answer], 1),
    ([*SIGNED, Story.bill_in_parts], 1),
    ([Story.free_of_charge, *SIGNED], 2),
    (PAID, 5),
    ([*PAID, Story.question], 1),
    ([*PAID, Story.question, Story.answer, Story.close], 2),
    ([*FIXED, Story.erase], 1),
    ([*PAID, Story.device], 1),  # a second contract is due
]
WEEKS = 6


def load(say: Callable[[str], None]) -> int:
    """Bring the small office about; what is there already is left as it is. Returns how many clients were new."""
    staff, tariffs, types = office.staff(), office.tariffs(), office.device_types()
    ways = [way for way, count in PLAN for _ in range(count)]
    persons = people(Random(SEED), len(ways), double=0.1)  # noqa: S311
    now, made = timezone.now(), 0
    for number, (way, person) in enumerate(zip(ways, persons, strict=True), start=1):
        story = Story(
            number=number,
            person=person,
            random=Random(SEED + number),  # noqa: S311
            by=staff["manager"] if number % 2 else staff["manager2"],
            support=staff["support"],
            admin=staff["admin"],
            types=types,
            tariffs=tariffs,
            now=now,
        )
        if AppUser.objects.filter(pk=story.user_id).exists():
            continue
        age = timedelta(weeks=WEEKS) * (number / len(ways)) ** 1.5
        # A story is told as a whole or not at all, so that an interrupted load goes on where it stopped.
        with transaction.atomic():
            story.sign_up(age)
            for deed in way:
                deed(story)
        made += 1
        say(f"{number:2}/{len(ways)}  {person.full_name}: {story.reload().get_status_display().lower()}")
    return made
