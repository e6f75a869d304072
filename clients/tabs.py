"""The tabs of the list: how many clients each holds, and one page of cards."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache

from django.db import connection
from django.db.models.expressions import RawSQL
from django.utils import timezone

from clients import cursor
from clients.models import Client, ClientQuerySet, Status, Tab
from clients.search import condition
from managers.models import Manager, Role

COUNTED = 1000  # a tab of a million clients costs no more to count than one of a thousand
PAGE_SIZE = 20
MOST_SHOWN = 200
LOOKED_AT = 200
ANYBODY = uuid.UUID(int=0)
STATUS_LABELS = dict(Status.choices)


@dataclass(frozen=True)
class Page:
    """Cards in list order, and the cursor of the page after them ("" when there is none)."""

    clients: list[Client]
    next_cursor: str

    @property
    def cards(self) -> list[dict[str, str]]:
        return [_card(client) for client in self.clients]


def _card(client: Client) -> dict[str, str]:
    """What the list says of a client. Plain words in a dictionary, where templates look first: of twenty cards on a
    page, every attribute of a model and every filter is felt.
    """
    return {
        "id": str(client.pk),
        "name": client.user.name,
        "phone": client.user.phone,
        "address": client.address,
        "status": str(client.status),
        "status_label": STATUS_LABELS[client.status],
        "date": f"{timezone.localtime(client.created_at):%d.%m.%Y}",
    }


def clients_of(tab: Tab, manager: Manager) -> ClientQuerySet:
    """The clients whom `manager` sees in `tab`, which are among those that they may open."""
    # Without visible_to(), which would say the same again and make the planner expect a quarter of the rows.
    return Client.objects.in_tab(tab, manager) if manager.is_field_manager else Client.objects.none()


def counts(manager: Manager) -> list[tuple[Tab, str]]:
    """Each tab and how many clients it holds, as shown: «7», «999+». One query."""
    sql, parameters = _counting(manager.role, COUNTED)
    numbers = _row(sql, [manager.pk if value == ANYBODY else value for value in parameters])
    shown = [f"{COUNTED - 1}+" if number == COUNTED else str(number) for number in numbers]
    return list(zip(Tab, shown, strict=True))


def tabs_with(text: str, manager: Manager) -> list[Tab]:
    """The tabs in which a search finds anybody, going by the first LOOKED_AT that it finds. One query."""
    matching, values = Client.objects.search(text).values("id", "manager_id", "status").query.sql_with_params()
    visible, visible_values = condition(Client.objects.visible_to(manager))
    # Materialized, so that the planner uses the trigram index alone and hopes for nothing sooner.
    found = f"""
        WITH matching AS MATERIALIZED ({matching}),
        found AS MATERIALIZED (SELECT id FROM matching AS manager_clients WHERE {visible} LIMIT {LOOKED_AT})
    """  # noqa: S608
    ids = RawSQL("SELECT id FROM found", [])
    tabs = [clients_of(tab, manager).filter(pk__in=ids).values("pk")[:1] for tab in Tab]
    numbers = _row(*_count_each(tabs, found, [*values, *visible_values]))
    return [tab for tab, number in zip(Tab, numbers, strict=True) if number]


def page(tab: Tab, manager: Manager, text: str, after: str, shown: int) -> Page:
    """The cards after the cursor `after`, or the first `shown` ones of the list. One query."""
    found = clients_of(tab, manager)
    place: tuple[datetime, uuid.UUID] | None = cursor.decode(after)
    size = PAGE_SIZE if place else min(max(shown, PAGE_SIZE), MOST_SHOWN)
    if place:
        found = found.before(*place)
    found = found.newest_found(text, size + 1) if text else found.newest_first()
    clients = list(found.with_card()[: size + 1])
    if len(clients) <= size:
        return Page(clients, "")
    last = clients[size - 1]
    return Page(clients[:size], cursor.encode(last.created_at, last.pk))


@cache
def _counting(role: Role, most: int) -> tuple[str, list]:
    """SQL that counts the tabs of ANYBODY with `role`. Kept, because writing it takes longer than running it."""
    manager = Manager(pk=ANYBODY, role=role)
    return _count_each([clients_of(tab, manager).values("pk")[:most] for tab in Tab])


def _count_each(querysets: list[ClientQuerySet], found: str = "", values: Sequence = ()) -> tuple[str, list]:
    """SQL for the number of rows of each, after the common table expressions `found` with their `values`."""
    parts, parameters = [], [*values]
    for queryset in querysets:
        sql, own = queryset.query.sql_with_params()
        parts.append(f"(SELECT count(*) FROM ({sql}) AS counted)")  # noqa: S608  the ORM wrote the inner query
        parameters.extend(own)
    return f"{found} SELECT {', '.join(parts)}", parameters


def _row(sql: str, parameters: list) -> tuple[int, ...]:
    with connection.cursor() as db:
        db.execute(sql, parameters)
        return db.fetchone()
