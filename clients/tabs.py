"""The tabs of the list of clients: their counts, and one page of cards."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import cache
from itertools import compress
from math import ceil

from django.db import connection
from django.db.models.expressions import RawSQL
from django.utils.timezone import get_default_timezone

from clients import cursor
from clients.accounts import original_value
from clients.cursor import Position
from clients.finding import ClientListSql, SearchSql
from clients.models import Client, ClientQuerySet, Status, Tab
from foundation.database import prepared
from foundation.templatetags import formats
from managers.models import Manager, Role

# Bounds the cost of counting a tab. Larger counts are shown as «99+».
MAX_COUNT = 100
PAGE_SIZE = 20
MAX_SHOWN = 200
# Characters of a name and of an address on a card: a longer one would fill the screen.
NAME_LENGTH = 80
ADDRESS_LENGTH = 200
# Placeholder in cached SQL for the position after which a page begins.
PLACEHOLDER_POSITION = cursor.EPOCH, uuid.UUID(int=1)
STATUS_LABELS = dict(Status.choices)
LOCAL_TIME = get_default_timezone()

Counts = list[tuple[Tab, str]]  # each tab with its display value: «7», «99+»


# Statuses of clients who may have paid an invoice in the app.
PAYMENT_CLAIM_FIELDS = ("payment_claims__amount", "payment_claims__paid_at")
BILLED = (Status.AWAITING_CONTRACT, Status.AWAITING_PAYMENT, Status.PROCESSED)


@dataclass(frozen=True)
class Page:
    """Cards in list order, and the cursor of the next page ("" on the last page)."""

    cards: list[dict[str, str]]
    next_cursor: str
    counts: Counts | None = None  # if they were requested
    other_tabs: Sequence[Tab] = ()  # tabs with matches of a search that has none in this tab; may be incomplete


def clients_in_tab(tab: Tab, manager: Manager) -> ClientQuerySet:
    """Clients of `tab` that `manager` may open."""
    # Without visible_to(): the same condition twice would make the planner expect a quarter of the rows.
    return Client.objects.in_tab(tab, manager) if manager.is_field_manager else Client.objects.none()


def counts(manager: Manager) -> Counts:
    """Return the number of clients in each tab, with one query."""
    (numbers,) = prepared.fetch_rows(_counts_sql(manager.role, MAX_COUNT), manager=manager.pk)
    return _format_counts(numbers)


def _format_counts(numbers: Sequence[int]) -> Counts:
    shown = [f"{MAX_COUNT - 1}+" if number == MAX_COUNT else str(number) for number in numbers]
    return list(zip(Tab, shown, strict=True))


def page(tab: Tab, manager: Manager, text: str, after: str, shown: int, counted: bool = False) -> Page:
    """Return the cards after the cursor `after`, or the first `shown` cards, rounded up to whole pages. One query.

    With `counted`, the page has the counts of the tabs too, unless there is a search text.
    """
    if not manager.is_field_manager:
        return Page([], "")
    position = cursor.decode(after)
    # Whole pages, because each size is another prepared statement.
    size = PAGE_SIZE if position else PAGE_SIZE * min(max(ceil(shown / PAGE_SIZE), 1), MAX_SHOWN // PAGE_SIZE)
    if text:
        return _search_page(text, tab, position, manager, size)
    created_at, pk = position or PLACEHOLDER_POSITION
    listing = _list_sql(manager.role, tab, position is not None, size + 1, MAX_COUNT if counted else 0)
    rows = prepared.fetch_rows(listing, manager=manager.pk, created_at=created_at, pk=pk)
    if not counted:
        return _page(rows, size)
    numbers, cards = rows[0][: len(Tab)], [row[len(Tab) :] for row in rows]
    is_empty = cards[0][0] is None
    return _page([] if is_empty else cards, size, _format_counts(numbers))


def _search_page(text: str, tab: Tab, position: Position | None, manager: Manager, size: int) -> Page:
    """Return the newest matches in `tab`; if there are none, the other tabs that have matches."""
    search, others = SearchSql(text), [other for other in Tab if other != tab]
    has_matches = ", ".join(search.exists_in(_client_list_sql(manager.role, other)) for other in others)
    sql = f"""
        {search.newest(_client_list_sql(manager.role, tab, position is not None), size + 1)},
        {search.visible_matches(_client_list_sql(manager.role))},
        others AS (SELECT CASE WHEN NOT EXISTS (SELECT FROM newest) THEN ARRAY[{has_matches}] END AS has_matches)
        SELECT * FROM others LEFT JOIN ({_newest_cards_sql()}) AS card ON TRUE
        ORDER BY card.created_at DESC, card.id DESC
    """  # noqa: S608  the parts are SQL of the ORM
    created_at, pk = position or PLACEHOLDER_POSITION
    with connection.cursor() as db:
        db.execute(sql, search.values | {"manager": manager.pk, "created_at": created_at, "pk": pk})
        found = db.fetchall()
    if found[0][0]:
        return Page([], "", other_tabs=list(compress(others, found[0][0])))
    return _page([row[1:] for row in found], size)


def add_payment_claims(cards: list[dict]) -> None:
    """Add `payment_claim`, amount and time, to the cards of clients with an unchecked payment in the app. One query."""
    billed = [card["id"] for card in cards if card["status"] in BILLED]
    if not billed:
        return
    claimed = Client.objects.filter(
        pk__in=billed, payment_claims__isnull=False, payment_claims__resolved_at=None
    ).order_by("payment_claims__paid_at")
    claims = {str(pk): claim for pk, *claim in claimed.values_list("pk", *PAYMENT_CLAIM_FIELDS)}
    for card in cards:
        if claim := claims.get(card["id"]):
            card["payment_claim"] = _payment_claim(*claim)


def _payment_claim(amount: Decimal | None, paid_at: datetime) -> str:
    sum_label = formats.rubles(amount) or "сумма неизвестна"
    return f"{sum_label}, {paid_at.astimezone(LOCAL_TIME):%d.%m.%Y %H:%M}"


def _page(rows: list[tuple], size: int, counts: Counts | None = None) -> Page:
    next_cursor = cursor.encode(*rows[size - 1][:2]) if len(rows) > size else ""
    return Page([_card(*row) for row in rows[:size]], next_cursor, counts)


def _older_than(found: ClientQuerySet, position: Position | None) -> ClientQuerySet:
    return found.older_than(*position) if position else found


def _card(created_at, pk, status, name, phone, address, registration_address) -> dict[str, str]:
    """Return the values of a card, formatted for display."""
    day = created_at.astimezone(LOCAL_TIME)
    return {
        "id": str(pk),
        "initials": formats.initials(name),
        "name": _shortened(name, NAME_LENGTH),
        "phone": formats.phone(original_value(phone)),
        "address": _shortened(registration_address or address or "", ADDRESS_LENGTH),
        "status": status,
        "status_label": STATUS_LABELS[status],
        "date": f"{day.day:02}.{day.month:02}.{day.year}",
    }


def _shortened(text: str, length: int) -> str:
    return text if len(text) <= length else f"{text[: length - 1]}…"


@cache
def _list_sql(role: Role, tab: Tab, has_position: bool, limit: int, counted: int) -> str:
    """SQL for the newest `limit` cards of `tab` for a manager with `role`, with `has_position` after a position.

    If `counted` is not 0, each row starts with the counts of the tabs, up to `counted`. Without cards there is one row,
    which has NULLs after the counts.
    """
    manager = Manager(pk=prepared.PLACEHOLDER_ID, role=role)
    found = _older_than(clients_in_tab(tab, manager), PLACEHOLDER_POSITION if has_position else None)
    created_at, pk = PLACEHOLDER_POSITION
    cards = prepared.queryset_sql(
        found.newest_first().card_values()[:limit], manager=prepared.PLACEHOLDER_ID, created_at=created_at, pk=pk
    )
    if not counted:
        return cards
    return f"""
        SELECT * FROM ({_counts_sql(role, counted)}) AS counts LEFT JOIN ({cards}) AS card ON TRUE
        ORDER BY card.created_at DESC, card.id DESC
    """  # noqa: S608  the parts are SQL of the ORM


@cache
def _client_list_sql(role: Role, tab: Tab | None = None, has_position: bool = False) -> ClientListSql:
    """SQL of the clients of `tab` (None: of all) for a manager with `role`, with `has_position` after a position."""
    manager = Manager(pk=prepared.PLACEHOLDER_ID, role=role)
    rows = clients_in_tab(tab, manager) if tab else Client.objects.visible_to(manager)
    created_at, pk = PLACEHOLDER_POSITION
    rows = _older_than(rows, PLACEHOLDER_POSITION if has_position else None)
    return ClientListSql.from_queryset(rows, manager=prepared.PLACEHOLDER_ID, created_at=created_at, pk=pk)


@cache
def _newest_cards_sql() -> str:
    return prepared.queryset_sql(
        Client.objects.filter(pk__in=RawSQL("SELECT id FROM newest", [])).newest_first().card_values()
    )


@cache
def _counts_sql(role: Role, limit: int) -> str:
    """SQL that counts the clients of each tab for a manager with `role`, up to `limit`."""
    manager = Manager(pk=prepared.PLACEHOLDER_ID, role=role)
    queries = [clients_in_tab(tab, manager).values("pk")[:limit].query.sql_with_params() for tab in Tab]
    numbers = ", ".join(f"(SELECT count(*) FROM ({sql}) AS counted)" for sql, _ in queries)  # noqa: S608
    return prepared.name_parameters(
        f"SELECT {numbers}", [value for _, values in queries for value in values], manager=prepared.PLACEHOLDER_ID
    )
