"""The tabs of the list: how many clients each holds, and one page of cards."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from django.db import connection
from django.db.models.expressions import RawSQL
from django.utils import timezone

from clients import cursor
from clients.cursor import Place
from clients.models import Client, ClientQuerySet, Status, Tab
from clients.search import condition
from managers.models import Manager, Role

COUNTED = 1000  # a tab of a million clients costs no more to count than one of a thousand
PAGE_SIZE = 20
MOST_SHOWN = 200
LOOKED_AT = 200
# In SQL that is kept they stand for a manager and for the place after which a page begins.
ANYBODY = uuid.UUID(int=0)
NOWHERE = cursor.EPOCH, uuid.UUID(int=1)
STATUS_LABELS = dict(Status.choices)


@dataclass(frozen=True)
class Page:
    """Cards in list order, and the cursor of the page after them ("" when there is none)."""

    cards: list[dict[str, str]]
    next_cursor: str


def clients_of(tab: Tab, manager: Manager) -> ClientQuerySet:
    """The clients whom `manager` sees in `tab`, which are among those that they may open."""
    # Without visible_to(), which would say the same again and make the planner expect a quarter of the rows.
    return Client.objects.in_tab(tab, manager) if manager.is_field_manager else Client.objects.none()


def counts(manager: Manager) -> list[tuple[Tab, str]]:
    """Each tab and how many clients it holds, as shown: «7», «999+». One query."""
    sql, parameters = _counting(manager.role, COUNTED)
    (numbers,) = _rows(sql, parameters, {ANYBODY: manager.pk})
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
    (numbers,) = _rows(*_count_each(tabs, found, [*values, *visible_values]), {})
    return [tab for tab, number in zip(Tab, numbers, strict=True) if number]


def page(tab: Tab, manager: Manager, text: str, after: str, shown: int) -> Page:
    """The cards after the cursor `after`, or the first `shown` ones of the list. One query."""
    if not manager.is_field_manager:
        return Page([], "")
    place = cursor.decode(after)
    size = PAGE_SIZE if place else min(max(shown, PAGE_SIZE), MOST_SHOWN)
    if text:
        found = _after(clients_of(tab, manager), place)
        rows = list(found.newest_found(text, size + 1).cards()[: size + 1])
    else:
        sql, parameters = _listing(manager.role, tab, place is not None, size + 1)
        created_at, pk = place or NOWHERE
        rows = _rows(sql, parameters, {ANYBODY: manager.pk, NOWHERE[0]: created_at, NOWHERE[1]: pk})
    following = cursor.encode(*rows[size - 1][:2]) if len(rows) > size else ""
    return Page([_card(*row) for row in rows[:size]], following)


def _after(found: ClientQuerySet, place: Place | None) -> ClientQuerySet:
    return found.before(*place) if place else found


def _card(created_at, pk, status, name, phone, address, registration_address) -> dict[str, str]:
    """What the list says of a client. Plain words in a dictionary, where templates look first: of twenty cards on a
    page, every attribute of a model and every filter is felt.
    """
    return {
        "id": str(pk),
        "name": name,
        "phone": phone,
        "address": registration_address or address or "",
        "status": status,
        "status_label": STATUS_LABELS[status],
        "date": f"{timezone.localtime(created_at):%d.%m.%Y}",
    }


@cache
def _listing(role: Role, tab: Tab, follows: bool, most: int) -> tuple[str, list]:
    """SQL for the newest cards that ANYBODY with `role` sees in `tab`, after NOWHERE if they follow a page.

    Kept, because writing it takes longer than running it.
    """
    found = _after(clients_of(tab, Manager(pk=ANYBODY, role=role)), NOWHERE if follows else None)
    return found.newest_first().cards()[:most].query.sql_with_params()


@cache
def _counting(role: Role, most: int) -> tuple[str, list]:
    """SQL that counts the tabs of ANYBODY with `role`. Kept as that of a page is."""
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


def _rows(sql: str, parameters: Sequence, given: dict) -> list[tuple]:
    """The rows of `sql`, whose parameters are replaced by what is `given` for them."""
    with connection.cursor() as db:
        db.execute(sql, [given.get(value, value) for value in parameters])
        return db.fetchall()
