"""What is measured is measured: each bench that needs nothing but a database runs, on little data, and finds what is
promised whatever the machine. Its times are for people.
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
    answer = subprocess.run(
        [sys.executable, *command],
        cwd=BASE_DIR / "bench",
        env=os.environ | {"DEBUG": "1", "PRIVET_ENV_FILE": os.devnull},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert answer.returncode == 0, answer.stderr
    return answer.stdout


@pytest.fixture
def thousand_clients():
    """That the benches make it anew."""
    with psycopg.connect(os.environ["DATABASE_URL"], autocommit=True) as connection:
        connection.execute("DROP DATABASE IF EXISTS privet_bench_1k WITH (FORCE)")


def test_a_page_of_the_list_takes_few_queries_and_a_search_is_not_refused(thousand_clients):
    *_, pages = run("lists.py", "--only", "1k").strip().split("\n")
    assert {(page["role"], page["tab"]) for page in json.loads(pages)} > {("manager", "work"), ("admin", "new")}
    assert {page["queries"] for page in json.loads(pages)} <= set(range(1, 7))

    assert re.search(r"^all 144, time: 50 % \d", run("search.py", "1k", "2"), re.MULTILINE)


def test_a_step_takes_at_most_ten_queries_whatever_devices_and_photos_there_are():
    found = re.findall(r"^(\w+) +(\d+) queries, .* (\d+) queries,", run("contract.py", "1"), re.MULTILINE)
    assert [name for name, *_ in found] == ["contact", "passport", "devices", "contract", "done", "card"]
    assert all(few == many and int(many) <= 10 for _, few, many in found)
