"""Each benchmark that needs only a database runs with little data. Tests assert only figures that do not depend on the
machine.
"""

import json
import os
import re
import subprocess
import sys

import psycopg
import pytest

from foundation.env import BASE_DIR


def run(*command: str) -> str:
    completed = subprocess.run(
        [sys.executable, *command],
        cwd=BASE_DIR / "bench",
        env=os.environ | {"DEBUG": "1", "PRIVET_ENV_FILE": os.devnull},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert completed.returncode == 0, completed.stderr
    return completed.stdout


@pytest.fixture
def thousand_clients():
    """Drop the database, so that the benchmarks create it."""
    with psycopg.connect(os.environ["DATABASE_ADMIN_URL"], autocommit=True) as connection:
        connection.execute("DROP DATABASE IF EXISTS privet_bench_1k WITH (FORCE)")


def test_list_page_takes_few_queries_and_searches_succeed(thousand_clients):
    *_, pages = run("lists.py", "--only", "1k").strip().split("\n")
    assert {(page["role"], page["tab"]) for page in json.loads(pages)} > {("manager", "work"), ("admin", "new")}
    assert {page["queries"] for page in json.loads(pages)} <= set(range(1, 7))

    assert re.search(r"^all 144, time: 50 % \d", run("search.py", "1k", "2"), re.MULTILINE)


def test_steps_take_at_most_ten_queries_for_any_number_of_devices():
    found = re.findall(r"^(\w+) +(\d+) queries, .* (\d+) queries,", run("contract.py", "1"), re.MULTILINE)
    pages = ["contact", "passport", "devices", "contract", "client", "status", "done", "card"]
    assert [name for name, *_ in found] == pages
    assert all(few == many and int(many) <= 10 for _, few, many in found)
