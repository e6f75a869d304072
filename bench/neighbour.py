"""What the isolation from the app costs: sign-ups in the app, reading the inbox, writes to the app's tables.

`python bench/neighbour.py` builds a database with the app's tables on the embedded server, measures, and drops it.
"""

import os
import statistics
import time
from collections.abc import Callable

import databases  # sets up the import path and the development settings
import psycopg

from foundation.database import embedded
from neighbour.installations import Installation, Kind, installation
from neighbour.servers import configured_server

RUNS, BATCH = 500, 500
LINE = "{:58} {:>9}"
ACCOUNT = """
    INSERT INTO public.users (id, phone, password_hash, name, status, has_subscription, created_at, updated_at)
    VALUES (gen_random_uuid(), %s, 'x', 'Иванов Пётр', 'active', false, now(), now())
"""
DIRECT = (
    "INSERT INTO public.support_tickets (id, user_id, subject, status, created_at, updated_at)"
    " VALUES (gen_random_uuid(), (SELECT id FROM public.users LIMIT 1), 'Вопрос', 'open', now(), now())"
)
BRIDGED = """
    SELECT privet.write_shared('insert', 'support_tickets', '{}', jsonb_build_object(
        'id', gen_random_uuid(), 'user_id', (SELECT id FROM public.users LIMIT 1), 'subject', 'Вопрос',
        'status', 'open', 'created_at', now()::timestamp, 'updated_at', now()))
"""


def main() -> None:
    embedded.ensure_database()
    with installation(configured_server(), Kind.APP) as created:
        alone = _sign_ups(created, 1_000_000)
        _install(created)
        beside = _sign_ups(created, 2_000_000)
        print(LINE.format("sign-up in the app, alone", f"{alone:.2f} ms"))
        print(LINE.format("sign-up in the app, beside Privet", f"{beside:.2f} ms"))
        with psycopg.connect(created.superuser_url, autocommit=True) as connection:
            drain = "SELECT privet.drain_inbox(%s)"
            connection.execute("SET search_path = privet, pg_temp")
            while connection.execute(drain, [BATCH]).fetchone()[0]:
                pass
            print(LINE.format("the inbox, empty", f"{_median(lambda: connection.execute(drain, [BATCH])):.2f} ms"))
            _sign_ups(created, 3_000_000)
            started = time.perf_counter()
            count = connection.execute(drain, [BATCH]).fetchone()[0]
            print(LINE.format(f"the inbox, {count} new accounts", f"{_milliseconds(started):.0f} ms"))
            print(LINE.format("a ticket, written directly", f"{_median(lambda: connection.execute(DIRECT)):.2f} ms"))
            bridged = _median(lambda: connection.execute(BRIDGED))
            print(LINE.format("a ticket, written by privet.write_shared", f"{bridged:.2f} ms"))
            version = connection.info.server_version // 10_000
    print(f"\nMedians of {RUNS} runs. PostgreSQL {version}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}.")


def _install(created: Installation) -> None:
    prefix = created.app_role.removesuffix("app")
    urls = {
        "DATABASE_URL": created.url_of(f"{prefix}web"),
        "DATABASE_OWNER_URL": created.url_of(f"{prefix}owner"),
        "DATABASE_MAINTENANCE_URL": created.url_of(f"{prefix}maintenance"),
        "DATABASE_ADMIN_URL": created.superuser_url,
    }
    created.manage("create_roles", **urls)
    created.manage("migrate", "-v0", **urls)


def _sign_ups(created: Installation, first: int) -> float:
    with created.app() as app:
        phones = iter(range(first, first + RUNS))
        return _median(lambda: app.execute(ACCOUNT, [str(next(phones))]))


def _median(action: Callable[[], object]) -> float:
    """Return the median duration of RUNS calls in milliseconds."""
    durations = []
    for _ in range(RUNS):
        started = time.perf_counter()
        action()
        durations.append(_milliseconds(started))
    return statistics.median(durations)


def _milliseconds(started: float) -> float:
    return (time.perf_counter() - started) * 1000


if __name__ == "__main__":
    assert databases
    main()
