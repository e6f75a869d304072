import json
import os
import shutil

import psycopg
import pytest

from foundation.database import embedded


@pytest.fixture
def database_settings(run_python):
    """Django's settings for the database at an address."""
    script = "import json; from privet.settings import DATABASES; print(json.dumps(DATABASES['default']))"
    return lambda url: json.loads(run_python("-c", script, DEBUG="1", DATABASE_URL=url).stdout)


def test_without_debug_and_database_url_a_command_says_so_in_one_line(run_python):
    answer = run_python("manage.py", "migrate")
    assert answer.returncode == 1
    assert answer.stderr.strip() == (
        "DATABASE_URL is not set. The embedded PostgreSQL is for development only: set DEBUG=1 to use it."
    )


def test_the_embedded_server_is_not_touched_without_debug(monkeypatch, tmp_path):
    monkeypatch.delenv("DATABASE_URL")
    monkeypatch.setenv("DEBUG", "0")
    monkeypatch.setenv("PRIVET_DATA_DIR", str(tmp_path))
    with pytest.raises(embedded.DatabaseRequired):
        embedded.ensure_database()
    assert list(tmp_path.iterdir()) == []


def test_a_database_that_is_named_is_used_and_no_server_started(monkeypatch, tmp_path):
    monkeypatch.setenv("DATABASE_URL", "postgresql://elsewhere/privet")
    monkeypatch.setenv("PRIVET_DATA_DIR", str(tmp_path))
    embedded.ensure_database()
    assert os.environ["DATABASE_URL"] == "postgresql://elsewhere/privet"
    assert list(tmp_path.iterdir()) == []


def test_the_older_systems_form_of_the_address_is_taken(database_settings):
    found = database_settings("postgresql+psycopg://privet:p%40ss@db.internal:5433/office")
    expected = {"USER": "privet", "PASSWORD": "p@ss", "HOST": "db.internal", "PORT": 5433, "NAME": "office"}
    assert found["ENGINE"] == "django.db.backends.postgresql"
    assert {name: found[name] for name in expected} == expected


def test_options_of_the_address_are_kept_and_win_over_ours(database_settings):
    found = database_settings("postgresql://h/d?sslmode=verify-full&options=-c%20statement_timeout%3D1s")
    assert found["OPTIONS"]["sslmode"] == "verify-full"
    assert "lock_timeout=5s" in found["OPTIONS"]["options"]
    assert found["OPTIONS"]["options"].endswith("-c statement_timeout=1s")
    assert found["OPTIONS"]["pool"]["max_size"] == 8


@pytest.fixture
def pgdata():
    """Beside the tests' own server: the server's system user can't enter pytest's folders."""
    folder = embedded.data_dir() / f"crash-{os.getpid()}"
    yield folder / "postgres"
    embedded.stop(folder / "postgres")
    shutil.rmtree(folder)


def test_the_server_starts_again_when_a_crash_left_a_number_that_is_another_process_now(pgdata, run_python):
    start = f"print(embedded.start(pathlib.Path({str(pgdata)!r})))"
    script = f"import pathlib; from foundation.database import embedded; {start}"
    assert run_python("-c", script).returncode == 0
    crashed = (pgdata / "postmaster.pid").read_text().splitlines()
    embedded.stop(pgdata)
    (pgdata / "postmaster.pid").write_text("\n".join([str(os.getpid()), *crashed[1:]]) + "\n")

    url = run_python("-c", script).stdout.strip()
    with psycopg.connect(url) as connection:
        assert connection.execute("SELECT lower('Ё')").fetchone() == ("ё",)
