"""Inserts the rows of a large office with COPY: without triggers, with indexes created afterwards and search texts
computed by one query.

As many processes as there are cores generate the rows; this process writes them in order.

All is one transaction. The database role must be allowed to set `session_replication_role`.
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

# Must compute the same texts as privet_search_text(), for all new clients in one query.
CLIENTS_WITH_SEARCH = """
    INSERT INTO manager_clients (id, user_id, manager_id, status, support_ticket_id, created_at, claimed_at, search)
    SELECT fill.*, ' ' || privet_fold(concat_ws(' ',
        account.name, account.phone, account.email, account.address,
        passport.last_name, passport.first_name, passport.middle_name, passport.registration_address,
        contract.number
    ))
    FROM fill_clients fill
    JOIN public.users account ON account.id = fill.user_id
    LEFT JOIN users_passports passport ON passport.client_id = fill.id
    LEFT JOIN manager_contracts contract ON contract.client_id = fill.id
    ORDER BY fill.created_at
"""

OTHER_INDEXES = """
    SELECT format('%%I.%%I', schemaname, indexname), indexdef FROM pg_indexes
    WHERE format('%%I.%%I', schemaname, tablename)::regclass = ANY(%s::regclass[]) AND NOT EXISTS (
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


def fill(clients: int, managers: int, report: Callable[[str], None]) -> dict[str, int]:
    """Add new clients, spread over the managers; return the number of rows written to each table."""
    with transaction.atomic():
        new_office = _office(managers)
        _execute(SESSION)
        with _without_indexes(clients, report):
            written, numbers = _copy_all(new_office, clients, report)
            report("search texts")
            written["manager_clients"] = _execute(CLIENTS_WITH_SEARCH)
            _execute("DROP TABLE fill_clients")
            _execute("SET LOCAL session_replication_role = origin")
        days = [NumberOfDay(day=day, last=last) for day, last in numbers.items()]
        NumberOfDay.objects.bulk_create(days, update_conflicts=True, unique_fields=["day"], update_fields=["last"])
    report("statistics")
    _vacuum()
    return written


def _office(managers: int) -> Office:
    staff = [manager.pk for manager in _managers(managers)]
    office.tariffs()
    types = list(office.device_types().values())
    numbers = dict(NumberOfDay.objects.values_list("day", "last"))
    return Office(staff, types, list(Tariff.objects.all()), AppUser.objects.count(), numbers, timezone.now())


def _managers(count: int) -> list[Manager]:
    managers = Manager.objects.filter(email__endswith="@fill.example")
    password = make_password(office.PASSWORD)
    names = [f"{person.first_name} {person.last_name}" for person in people(Random(0), count)]
    Manager.objects.bulk_create(
        (
            Manager(email=f"manager{number}@fill.example", name=name, password=password)
            for number, name in enumerate(names, start=1)
        ),
        ignore_conflicts=True,
    )
    return list(managers.order_by("created_at", "email")[:count])


def _copy_all(new_office: Office, clients: int, report: Callable[[str], None]) -> tuple[Counter, dict[date, int]]:
    """Copy the rows of all tables by chunks; return the rows per table and each day's last running number."""
    written, numbers = Counter(), dict(new_office.numbers)
    _execute(TEMPORARY)
    chunks = [(new_office, index, CHUNK, clients) for index in range(ceil(clients / CHUNK))]
    for done, (tables, counts, days) in enumerate(_in_processes(_chunk, chunks), start=1):
        for table, text in tables.items():
            _copy(table, text)
        written.update(counts)
        numbers |= {day: max(last, numbers.get(day, 0)) for day, last in days.items()}
        if done % 10 == 0:
            report(f"{done * CHUNK:,} clients")
    del written["fill_clients"]
    return written, numbers


def _chunk(*arguments) -> tuple[dict[str, bytes], dict[str, int], dict[date, int]]:
    """The rows of a chunk as COPY text by table, the number of rows by table, and each day's last running number."""
    generated = Rows(*arguments)
    texts = {table: _copy_text(rows) for table, rows in generated.rows.items()}
    return texts, {table: len(rows) for table, rows in generated.rows.items()}, generated.numbers


def _copy_text(rows: list[tuple]) -> bytes:
    text = BytesIO()
    connection.ensure_connection()
    with connection.connection.cursor() as cursor, Copy(cursor, writer=FileWriter(text)) as copy:
        for row in rows:
            copy.write_row(row)
    return text.getvalue()


def _in_processes[T](make: Callable[..., T], calls: list[tuple]) -> Iterator[T]:
    """Results of `make` for all calls in order, computed by other processes at most a few calls ahead."""
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
def _without_indexes(clients: int, report: Callable[[str], None]) -> Iterator[None]:
    """Drop indexes without constraints and recreate them at the end, if most rows of the tables are new."""
    indexes = []
    if clients > AppUser.objects.count():
        with connection.cursor() as cursor:
            cursor.execute(OTHER_INDEXES, [TABLES])
            indexes = cursor.fetchall()
    for name, _ in indexes:
        _execute(f"DROP INDEX {name}")
    yield
    for name, definition in indexes:
        start = time.monotonic()
        _execute(definition)
        if (elapsed := time.monotonic() - start) > 1:
            report(f"index {name}: {elapsed:.0f} s")


def _vacuum() -> None:
    """Run VACUUM, which index-only scans need; inside the transaction of a test only ANALYZE can run."""
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
