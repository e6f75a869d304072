"""The tabs of the list: how many clients each holds, and one page of cards."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from itertools import compress
from math import ceil

from django.db import connection
from django.db.models.expressions import RawSQL
from django.utils.timezone import get_default_timezone

from clients import cursor
from clients.cursor import Place
from clients.finding import Rows, Search
from clients.models import Client, ClientQuerySet, Status, Tab
from foundation.database import prepared
from foundation.templatetags import formats
from managers.models import Manager, Role

COUNTED = 100  # a tab of a million clients costs no more to count than one of a hundred, and «99+» fits its place
PAGE_SIZE = 20
MOST_SHOWN = 200
# In SQL that is kept it stands for the place after which a page begins.
NOWHERE = cursor.EPOCH, uuid.UUID(int=1)
STATUS_LABELS = dict(Status.choices)
LOCAL_TIME = get_default_timezone()

Counts = list[tuple[Tab, str]]  # each tab and how many clients it holds, as shown: «7», «99+»


@dataclass(frozen=True)
class Page:
    """Cards in list order, and the cursor of the page after them ("" when there is none)."""

    cards: list[dict[str, str]]
    next_cursor: str
    counts: Counts | None = None  # when they came along
    elsewhere: Sequence[Tab] = ()  # where a search finds somebody when it finds nobody here, going by some of them


def clients_of(tab: Tab, manager: Manager) -> ClientQuerySet:
    """The clients whom `manager` sees in `tab`, which are among those that they may open."""
    # Without visible_to(), which would say the same again and make the planner expect a quarter of the rows.
    return Client.objects.in_tab(tab, manager) if manager.is_field_manager else Client.objects.none()


def counts(manager: Manager) -> Counts:
    """How many clients each tab holds. One query."""
    (numbers,) = prepared.fetch_rows(_counting(manager.role, COUNTED), manager=manager.pk)
    return _shown(numbers)


def _shown(numbers: Sequence[int]) -> Counts:
    shown = [f"{COUNTED - 1}+" if number == COUNTED else str(number) for number in numbers]
    return list(zip(Tab, shown, strict=True))


def page(tab: Tab, manager: Manager, text: str, after: str, shown: int, counted: bool = False) -> Page:
    """The cards after the cursor `after`, or the first `shown` ones of the list, rounded up to pages. One query.

    `counted`: with the counts, unless something is searched for.
    """
    if not manager.is_field_manager:
        return Page([], "")
    place = cursor.decode(after)
    # In whole pages: each size is a statement of its own.
    size = PAGE_SIZE if place else PAGE_SIZE * min(max(ceil(shown / PAGE_SIZE), 1), MOST_SHOWN // PAGE_SIZE)
    if text:
        return _found(text, tab, place, manager, size)
    created_at, pk = place or NOWHERE
    listing = _listing(manager.role, tab, place is not None, size + 1, COUNTED if counted else 0)
    rows = prepared.fetch_rows(listing, manager=manager.pk, created_at=created_at, pk=pk)
    if not counted:
        return _page(rows, size)
    numbers, cards = rows[0][: len(Tab)], [row[len(Tab) :] for row in rows]
    has_none = cards[0][0] is None
    return _page([] if has_none else cards, size, _shown(numbers))


def _found(text: str, tab: Tab, place: Place | None, manager: Manager, size: int) -> Page:
    """The newest that a search finds in `tab`, or else the other tabs in which it finds anybody."""
    search, others = Search(text), [each for each in Tab if each != tab]
    has_any = ", ".join(search.has_any(_rows(manager.role, each)) for each in others)
    sql = f"""
        {search.newest(_rows(manager.role, tab, place is not None), size + 1)}, {search.seen(_rows(manager.role))},
        elsewhere AS (SELECT CASE WHEN NOT EXISTS (SELECT FROM newest) THEN ARRAY[{has_any}] END AS has_any)
        SELECT * FROM elsewhere LEFT JOIN ({_cards_of_newest()}) AS card ON TRUE
        ORDER BY card.created_at DESC, card.id DESC
    """  # noqa: S608  the ORM wrote the parts
    created_at, pk = place or NOWHERE
    with connection.cursor() as db:
        db.execute(sql, search.values | {"manager": manager.pk, "created_at": created_at, "pk": pk})
        found = db.fetchall()
    if found[0][0]:
        return Page([], "", elsewhere=list(compress(others, found[0][0])))
    return _page([row[1:] for row in found], size)


def _page(rows: list[tuple], size: int, counts: Counts | None = None) -> Page:
    following = cursor.encode(*rows[size - 1][:2]) if len(rows) > size else ""
    return Page([_card(*row) for row in rows[:size]], following, counts)


def _after(found: ClientQuerySet, place: Place | None) -> ClientQuerySet:
    return found.before(*place) if place else found


def _card(created_at, pk, status, name, phone, address, registration_address) -> dict[str, str]:
    """What the list says of a client, word for word."""
    day = created_at.astimezone(LOCAL_TIME)
    return {
        "id": str(pk),
        "initials": formats.initials(name),
        "name": name,
        "phone": formats.phone(phone),
        "address": registration_address or address or "",
        "status": status,
        "status_label": STATUS_LABELS[status],
        "date": f"{day.day:02}.{day.month:02}.{day.year}",
    }


@cache
def _listing(role: Role, tab: Tab, follows: bool, most: int, counted: int) -> str:
    """SQL for the newest cards that somebody with `role` sees in `tab`, after a place if they follow a page.

    With `counted`, each row begins with the counts; if there is no card, there is a row with nothing after them.
    """
    found = _after(clients_of(tab, Manager(pk=prepared.PLACEHOLDER_ID, role=role)), NOWHERE if follows else None)
    created_at, pk = NOWHERE
    cards = prepared.queryset_sql(
        found.newest_first().cards()[:most], manager=prepared.PLACEHOLDER_ID, created_at=created_at, pk=pk
    )
    if not counted:
        return cards
    return f"""
        SELECT * FROM ({_counting(role, counted)}) AS counts LEFT JOIN ({cards}) AS card ON TRUE
        ORDER BY card.created_at DESC, card.id DESC
    """  # noqa: S608  the ORM wrote both


@cache
def _rows(role: Role, tab: Tab | None = None, follows: bool = False) -> Rows:
    """The clients whom somebody with `role` sees in `tab`, or in any, after a place if they follow a page."""
    manager = Manager(pk=prepared.PLACEHOLDER_ID, role=role)
    rows = clients_of(tab, manager) if tab else Client.objects.visible_to(manager)
    created_at, pk = NOWHERE
    return Rows.of(
        _after(rows, NOWHERE if follows else None), manager=prepared.PLACEHOLDER_ID, created_at=created_at, pk=pk
    )


@cache
def _cards_of_newest() -> str:
    return prepared.queryset_sql(
        Client.objects.filter(pk__in=RawSQL("SELECT id FROM newest", [])).newest_first().cards()
    )


@cache
def _counting(role: Role, most: int) -> str:
    """SQL that counts the tabs of somebody with `role`, up to `most`."""
    manager = Manager(pk=prepared.PLACEHOLDER_ID, role=role)
    counted = [clients_of(tab, manager).values("pk")[:most].query.sql_with_params() for tab in Tab]
    numbers = ", ".join(f"(SELECT count(*) FROM ({sql}) AS counted)" for sql, _ in counted)  # noqa: S608
    return prepared.name_parameters(
        f"SELECT {numbers}", [value for _, own in counted for value in own], manager=prepared.PLACEHOLDER_ID
    )
