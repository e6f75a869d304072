"""The tabs of the list: how many clients each holds, and one page of cards."""

import uuid
from dataclasses import dataclass
from datetime import datetime

from django.db import connection

from clients import cursor
from clients.models import Client, ClientQuerySet, Tab
from managers.models import Manager

COUNTED = 1000  # a tab of a million clients costs no more to count than one of a thousand
PAGE_SIZE = 20
MOST_SHOWN = 200


@dataclass(frozen=True)
class Page:
    """Cards in list order, and the cursor of the page after them ("" when there is none)."""

    clients: list[Client]
    next_cursor: str


def clients_of(tab: Tab, manager: Manager, text: str = "") -> ClientQuerySet:
    """The clients that `manager` sees in `tab`, those that match `text` when there is any."""
    found = Client.objects.visible_to(manager).in_tab(tab, manager)
    return found.search(text) if text else found


def counts(manager: Manager) -> list[tuple[Tab, str]]:
    """Each tab and how many clients it holds, as shown: «7», «999+». One query."""
    numbers = _count_each([clients_of(tab, manager).values("pk")[:COUNTED] for tab in Tab])
    shown = [f"{COUNTED - 1}+" if number == COUNTED else str(number) for number in numbers]
    return list(zip(Tab, shown, strict=True))


def tabs_with(text: str, manager: Manager) -> list[Tab]:
    """The tabs in which a search finds anybody. One query."""
    numbers = _count_each([clients_of(tab, manager, text).values("pk")[:1] for tab in Tab])
    return [tab for tab, number in zip(Tab, numbers, strict=True) if number]


def page(tab: Tab, manager: Manager, text: str, after: str, shown: int) -> Page:
    """The cards after the cursor `after`, or the first `shown` ones of the list. One query."""
    found = clients_of(tab, manager, text).newest_first().with_card()
    place: tuple[datetime, uuid.UUID] | None = cursor.decode(after)
    size = PAGE_SIZE if place else min(max(shown, PAGE_SIZE), MOST_SHOWN)
    if place:
        found = found.before(*place)
    clients = list(found[: size + 1])
    if len(clients) <= size:
        return Page(clients, "")
    last = clients[size - 1]
    return Page(clients[:size], cursor.encode(last.created_at, last.pk))


def _count_each(querysets: list[ClientQuerySet]) -> list[int]:
    parts, parameters = [], []
    for queryset in querysets:
        sql, values = queryset.query.sql_with_params()
        parts.append(f"(SELECT count(*) FROM ({sql}) AS found)")  # noqa: S608  the ORM wrote the inner query
        parameters.extend(values)
    with connection.cursor() as db:
        db.execute("SELECT " + ", ".join(parts), parameters)
        return list(db.fetchone())
