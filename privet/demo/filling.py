"""Writes the rows of a large office with COPY: triggers asleep, indexes made afterwards, search texts in one pass.

One transaction: other sessions see all of it or nothing. Needs the right to set `session_replication_role`.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from random import Random

from django.contrib.auth.hashers import make_password
from django.db import connection, transaction

from clients.models import AppUser
from contracts.models import NumberOfDay
from devices.models import Tariff
from managers.models import Manager
from privet.demo import office
from privet.demo.mass import COLUMNS, LargeOffice
from privet.demo.people import people

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
            written = _copy_all(made, clients, say)
            say("search texts")
            written["manager_clients"] = _execute(CLIENTS_WITH_SEARCH)
            _execute("DROP TABLE fill_clients")
            _execute("SET LOCAL session_replication_role = origin")
        days = [NumberOfDay(day=day, last=last) for day, last in made.numbers.items()]
        NumberOfDay.objects.bulk_create(days, update_conflicts=True, unique_fields=["day"], update_fields=["last"])
    say("statistics")
    _vacuum()
    return written


def _office(managers: int) -> LargeOffice:
    staff = [manager.pk for manager in _managers(managers)]
    office.tariffs()
    types = list(office.device_types().values())
    numbers = dict(NumberOfDay.objects.values_list("day", "last"))
    return LargeOffice(staff, types, list(Tariff.objects.all()), AppUser.objects.count(), numbers)


def _managers(count: int) -> list[Manager]:
    known = Manager.objects.filter(email__endswith="@fill.example")
    password = make_password(office.PASSWORD)
    names = [f"{person.first_name} {person.last_name}" for person in people(Random(0), count)]  # noqa: S311
    Manager.objects.bulk_create(
        (
            Manager(email=f"manager{number}@fill.example", name=name, password=password)
            for number, name in enumerate(names, start=1)
        ),
        ignore_conflicts=True,
    )
    return list(known.order_by("created_at", "email")[:count])


def _copy_all(made: LargeOffice, clients: int, say: Callable[[str], None]) -> Counter:
    """Copy the rows of all tables, chunk by chunk."""
    written = Counter()
    _execute(TEMPORARY)
    for start in range(0, clients, CHUNK):
        made.add(start, min(CHUNK, clients - start), clients)
        for table, rows in made.take_rows().items():
            _copy(table, rows)
            written[table] += len(rows)
        if (start // CHUNK) % 10 == 9:
            say(f"{start + CHUNK:,} clients")
    del written["fill_clients"]
    return written


def _copy(table: str, rows: list[tuple]) -> None:
    columns = ", ".join(COLUMNS[table].split())
    with connection.cursor() as cursor, cursor.copy(f"COPY {table} ({columns}) FROM STDIN") as copy:
        for row in rows:
            copy.write_row(row)


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
