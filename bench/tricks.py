"""What is saved by code that depends on undocumented parts of libraries: each operation with it and without it.

`python bench/tricks.py` prints the instructions of this process (apt-get install valgrind) for issuing a contract and
for the list page, and the CPU time of the database process for a search. Code that saves less than 15 % of what a
person waits for is not worth such a dependency.
"""

import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from unittest import mock

import databases
import instructions

DEVICES = 5
WORDS_PER_KIND, SEARCH_RUNS = 8, 3
LINE = "{:20} {:34} {:>14} {:>14} {:>7}"


def main() -> None:
    script = str(Path(__file__).resolve())
    databases.empty()
    _run(script, "--prepare-contract")
    print(LINE.format("operation", "what saves", "with", "without", "saved"))
    print(instructions.run(script, "--contract"), end="")
    databases.url("1k")
    _run(script, "--report", "1k")
    print(instructions.run(script, "--list"), end="")
    databases.url("100k")
    _run(script, "--search")


def _run(*command: str) -> None:
    subprocess.run([sys.executable, *command], check=True)


def _print(operation: str, what: str, unit: str, cost: float, cost_without: float) -> None:
    saved = f"{1 - cost / cost_without:.0%}"
    print(LINE.format(operation, what, f"{cost:.1f} {unit}", f"{cost_without:.1f} {unit}", saved), flush=True)


def report(size: str) -> None:
    databases.django_on(databases.url(size))
    import machine

    print(f"\n{machine.report()}", flush=True)


def prepare_contract() -> None:
    """Make one client who awaits a contract in the empty database."""
    databases.django_on(databases.existing_url("empty"))
    import machine
    from contract import story

    with tempfile.TemporaryDirectory() as folder, _files_in(folder):
        story(1, DEVICES)
    print(machine.report(), flush=True)


def contract() -> None:
    """Print the instructions of issuing a contract: data, PDF, storage, database."""
    # Under valgrind a transaction waits longer for its next statement than the limit allows.
    databases.django_on(_without_idle_timeout(databases.existing_url("empty")))
    from django.db import transaction

    from clients.models import Client, Status
    from contracts import issuing
    from documents import rendering, weasyprint_internals
    from managers.models import Manager

    def issue() -> None:
        client = Client.objects.get(status=Status.AWAITING_CONTRACT)
        with transaction.atomic():
            issuing.issue(client, by=Manager.objects.get(pk=client.manager_id))
            transaction.set_rollback(True)

    with tempfile.TemporaryDirectory() as folder, _files_in(folder):
        cost = instructions.per_call(issue, runs=1) / 1e6
        operation = f"issue, {DEVICES} devices"
        with mock.patch.object(rendering, "_lay_out_annex", rendering._lay_out_annex.__wrapped__):
            without = instructions.per_call(issue, runs=1) / 1e6
        _print(operation, "annex laid out and drawn once", "M", cost, without)
        with mock.patch.object(weasyprint_internals.AnnexPage, "paint", lambda page, *args: page._page.paint(*args)):
            without = instructions.per_call(issue, runs=1) / 1e6
        _print(operation, "of these: annex drawn once", "M", cost, without)


def list_page() -> None:
    """Print the instructions of the first page of a list."""
    databases.django_on(databases.existing_url("1k"))
    from managers.session_store import SessionStore

    cost = instructions.per_call(_get_list, runs=5) / 1e6
    for what, without in (
        ("prepared list and session", [*_unprepared_list(), (SessionStore, "load", _load_with_orm)]),
        ("of these: list", _unprepared_list()),
        ("of these: session", [(SessionStore, "load", _load_with_orm)]),
    ):
        with _replaced(without):
            _print("list page", what, "M", cost, instructions.per_call(_get_list, runs=5) / 1e6)


def _get_list() -> None:
    assert _browser().get("/clients/?tab=new").status_code == 200


@cache
def _browser():
    from django.test import Client as Browser
    from lists import people_who_look

    browser = Browser(SERVER_NAME="localhost")
    browser.force_login(people_who_look()["manager"])
    return browser


def _unprepared_list() -> list[tuple]:
    """Compile the list and its counts for each page, and run them as Django runs queries."""
    from clients import tabs
    from foundation.database import prepared

    def fetch_rows(sql: str, **values) -> list[tuple]:
        from django.db import connection

        if "manager_sessions" in sql:
            return prepared._execute(sql, values)
        with connection.cursor() as cursor:
            cursor.execute(sql, values)
            return cursor.fetchall()

    uncached = [(tabs, name, getattr(tabs, name).__wrapped__) for name in ("_list_sql", "_counts_sql")]
    return [*uncached, (prepared, "fetch_rows", fetch_rows)]


def _load_with_orm(store) -> dict:
    """Load session, person and authenticator with a query each; the last is for the second factor, off in benches."""
    from django.utils import timezone

    from managers.models import Session

    store.row = Session.objects.get(session_key=store.session_key, expire_date__gt=timezone.now())
    if store.row.manager:
        _ = store.row.manager.authenticator_id
    return store.decode(store.row.session_data)


def search() -> None:
    """Print the CPU time of the database process for searches of an admin among the processed clients."""
    databases.django_on(databases.existing_url("100k"))
    import machine
    from lists import people_who_look
    from search import percentile, words

    from clients import tabs
    from clients.models import Tab

    print(f"\n{machine.report()}", flush=True)
    admin, texts = people_who_look()["admin"], [text for kind in words(WORDS_PER_KIND).values() for text in kind]
    finder = [_database_work(lambda text=text: tabs.page(Tab.PROCESSED, admin, text, "", 0)) for text in texts]
    plain = [_database_work(lambda text=text: _plain_search(Tab.PROCESSED, admin, text)) for text in texts]
    for share in (0.5, 0.95):
        what = f"finder, {share:.0%} of {len(texts)} words"
        _print("search", what, "ms", percentile(finder, share), percentile(plain, share))


def _plain_search(tab, manager, text: str) -> list[tuple]:
    """The cards by the condition of the search alone; the planner decides whether to use the trigram index."""
    from clients import tabs
    from clients.search import matches_all_words

    rows = tabs.clients_in_tab(tab, manager).filter(matches_all_words("search", text))
    return list(rows.newest_first().card_values()[: tabs.PAGE_SIZE + 1])


def _database_work(function: Callable[[], object]) -> float:
    import machine

    times = []
    for _ in range(SEARCH_RUNS):
        before = machine.database_work()
        function()
        times.append(machine.database_work() - before)
    return statistics.median(times)


def _without_idle_timeout(url: str) -> str:
    separator = "&" if "?" in url else "?"
    return f"{url}{separator}options=-c%20idle_in_transaction_session_timeout%3D0"


@contextmanager
def _replaced(attributes: list[tuple]) -> Iterator[None]:
    patches = [mock.patch.object(*attribute) for attribute in attributes]
    for patch in patches:
        patch.start()
    try:
        yield
    finally:
        for patch in reversed(patches):
            patch.stop()


def _files_in(folder: str):
    from django.test import override_settings

    from foundation.testing import local_storage

    return override_settings(STORAGES=local_storage(Path(folder)))


if __name__ == "__main__":
    commands = {
        "--prepare-contract": prepare_contract,
        "--contract": contract,
        "--report": report,
        "--list": list_page,
        "--search": search,
    }
    commands[sys.argv[1]](*sys.argv[2:]) if sys.argv[1:] else main()
