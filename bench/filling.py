"""Writes the rows of a large office with COPY: triggers asleep, indexes made afterwards, search texts in one pass.

Rows are made by as many processes as there are processors, and written by this one, in order.

One transaction: other sessions see all of it or nothing. Needs the right to set `session_replication_role`.
"""

import time
from collections import Counter, deque
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from datetime import date
from io import BytesIO
from math import ceil
from multiprocessing import get_context
from random import Random

import django
from django.contrib.auth.hashers import make_password
from django.db import connection, transaction
from django.utils import timezone
from psycopg.copy import Copy, FileWriter

from bench.generated_rows import COLUMNS, Office, Rows
from clients.models import AppUser
from contracts.models import NumberOfDay
from demo import office
from demo.people import people
from devices.models import Tariff
from managers.models import Manager
from operations import capacity

CHUNK = 5_000
TABLES = [table for table in COLUMNS if table != "fill_clients"] + ["manager_clients"]

# Must say the same as privet_search_text(), for all new clients at once.
CLIENTS_WITH_SEARCH = """
    INSERT INTO manager_clients (id, user_id, manager_id, status, support_ticket_id, created_at, claimed_at, search)
    SELECT fill.*, ' ' || privet_fold(concat_ws(' ',
        users.name, users.phone, users.email, users.address,
        passport.last_name, passport.first_name, passport.middle_name, passport.registration_address,
        contract.number
    ))
    FROM fill_clients fill
    JOIN users ON users.id = fill.user_id
    LEFT JOIN users_passports passport ON passport.client_id = fill.id
    LEFT JOIN manager_contracts contract ON contract.client_id = fill.id
    ORDER BY fill.created_at
"""

OTHER_INDEXES = """
    SELECT indexname, indexdef FROM pg_indexes
    WHERE schemaname = 'public' AND tablename = ANY(%s) AND NOT EXISTS (
        SELECT 1 FROM pg_constraint WHERE conindid = format('%%I.%%I', schemaname, indexname)::regclass
    )
"""


SESSION = """
    SET CONSTRAINTS ALL IMMEDIATE;
    SET LOCAL session_replication_role = replica;
    SET LOCAL statement_timeout = 0;
    SET LOCAL idle_in_transaction_session_timeout = 0;
    SET LOCAL work_mem = '256MB';
    SET LOCAL maintenance_work_mem = '512MB';
"""

TEMPORARY = """
    CREATE TEMPORARY TABLE fill_clients (
        id uuid, user_id uuid, manager_id uuid, status text, support_ticket_id uuid,
        created_at timestamptz, claimed_at timestamptz
    ) ON COMMIT DROP
"""


def fill(clients: int, managers: int, say: Callable[[str], None]) -> dict[str, int]:
    """Add so many new clients spread over so many managers; returns the rows written, table by table."""
    with transaction.atomic():
        made = _office(managers)
        _execute(SESSION)
        with _indexes_afterwards(clients, say):
            written, numbers = _copy_all(made, clients, say)
            say("search texts")
            written["manager_clients"] = _execute(CLIENTS_WITH_SEARCH)
            _execute("DROP TABLE fill_clients")
            _execute("SET LOCAL session_replication_role = origin")
        days = [NumberOfDay(day=day, last=last) for day, last in numbers.items()]
        NumberOfDay.objects.bulk_create(days, update_conflicts=True, unique_fields=["day"], update_fields=["last"])
    say("statistics")
    _vacuum()
    return written


def _office(managers: int) -> Office:
    staff = [manager.pk for manager in _managers(managers)]
    office.tariffs()
    types = list(office.device_types().values())
    numbers = dict(NumberOfDay.objects.values_list("day", "last"))
    return Office(staff, types, list(Tariff.objects.all()), AppUser.objects.count(), numbers, timezone.now())


def _managers(count: int) -> list[Manager]:
    known = Manager.objects.filter(email__endswith="@fill.example")
    password = make_password(office.PASSWORD)
    names = [f"{person.first_name} {person.last_name}" for person in people(Random(0), count)]
    Manager.objects.bulk_create(
        (
            Manager(email=f"manager{number}@fill.example", name=name, password=password)
            for number, name in enumerate(names, start=1)
        ),
        ignore_conflicts=True,
    )
    return list(known.order_by("created_at", "email")[:count])


def _copy_all(made: Office, clients: int, say: Callable[[str], None]) -> tuple[Counter, dict[date, int]]:
    """Copy the rows of all tables, chunk by chunk; how many, and each day's last running number."""
    written, numbers = Counter(), dict(made.numbers)
    _execute(TEMPORARY)
    chunks = [(made, place, CHUNK, clients) for place in range(ceil(clients / CHUNK))]
    for place, (tables, counts, days) in enumerate(_in_processes(_chunk, chunks), start=1):
        for table, text in tables.items():
            _copy(table, text)
        written.update(counts)
        numbers |= {day: max(last, numbers.get(day, 0)) for day, last in days.items()}
        if place % 10 == 0:
            say(f"{place * CHUNK:,} clients")
    del written["fill_clients"]
    return written, numbers


def _chunk(*which) -> tuple[dict[str, bytes], dict[str, int], dict[date, int]]:
    """For each table the rows of a chunk, as COPY takes them, and how many; and each day's last running number."""
    made = Rows(*which)
    texts = {table: _copy_text(rows) for table, rows in made.rows.items()}
    return texts, {table: len(rows) for table, rows in made.rows.items()}, made.numbers


def _copy_text(rows: list[tuple]) -> bytes:
    text = BytesIO()
    connection.ensure_connection()
    with connection.connection.cursor() as cursor, Copy(cursor, writer=FileWriter(text)) as copy:
        for row in rows:
            copy.write_row(row)
    return text.getvalue()


def _in_processes[T](make: Callable[..., T], calls: list[tuple]) -> Iterator[T]:
    """What `make` returns for each call, in order, made ahead by other processes, but never far."""
    if len(calls) == 1:
        yield make(*calls[0])
        return
    processes = capacity.cores()
    started = deque()
    with ProcessPoolExecutor(processes, get_context("spawn"), django.setup) as pool:
        for call in calls:
            started.append(pool.submit(make, *call))
            if len(started) > 2 * processes:
                yield started.popleft().result()
        while started:
            yield started.popleft().result()


def _copy(table: str, text: bytes) -> None:
    columns = ", ".join(COLUMNS[table].split())
    with connection.cursor() as cursor, cursor.copy(f"COPY {table} ({columns}) FROM STDIN") as copy:
        copy.write(text)


@contextmanager
def _indexes_afterwards(clients: int, say: Callable[[str], None]) -> Iterator[None]:
    """Without the indexes that enforce nothing while rows are written, when these are the most of the table."""
    indexes = []
    if clients > AppUser.objects.count():
        with connection.cursor() as cursor:
            cursor.execute(OTHER_INDEXES, [TABLES])
            indexes = cursor.fetchall()
    for name, _ in indexes:
        _execute(f"DROP INDEX {name}")
    yield
    for name, definition in indexes:
        began = time.monotonic()
        _execute(definition)
        if (took := time.monotonic() - began) > 1:
            say(f"index {name}: {took:.0f} s")


def _vacuum() -> None:
    """VACUUM marks pages as visible to all, for index-only scans; inside a test's transaction only ANALYZE can run."""
    if connection.in_atomic_block:
        _execute("ANALYZE")
    else:
        _execute("SET statement_timeout = 0")
        _execute("VACUUM ANALYZE")
        connection.close()


def _execute(sql: str) -> int:
    with connection.cursor() as cursor:
        cursor.execute(sql)
        return cursor.rowcount
