import json
import os
import shutil

import psycopg
import pytest

from foundation.database import embedded


@pytest.fixture
def database_settings(run_python):
    """Function that returns Django's settings for a `DATABASE_URL`."""
    script = "import json; from privet.settings import DATABASES; print(json.dumps(DATABASES['default']))"
    return lambda url: json.loads(run_python("-c", script, DEBUG="1", DATABASE_URL=url).stdout)


def test_command_without_debug_and_database_url_fails_with_one_line(run_python):
    result = run_python("manage.py", "migrate")
    assert result.returncode == 1
    assert result.stderr.strip() == (
        "DATABASE_URL is not set. The embedded PostgreSQL is for development only: set DEBUG=1 to use it."
    )


def test_embedded_server_is_not_used_without_debug(monkeypatch, tmp_path):
    monkeypatch.delenv("DATABASE_URL")
    monkeypatch.setenv("DEBUG", "0")
    monkeypatch.setenv("PRIVET_DATA_DIR", str(tmp_path))
    with pytest.raises(embedded.DatabaseRequired):
        embedded.ensure_database()
    assert list(tmp_path.iterdir()) == []


def test_configured_database_is_used_and_no_server_is_started(monkeypatch, tmp_path):
    monkeypatch.setenv("DATABASE_URL", "postgresql://elsewhere/privet")
    monkeypatch.setenv("PRIVET_DATA_DIR", str(tmp_path))
    embedded.ensure_database()
    assert os.environ["DATABASE_URL"] == "postgresql://elsewhere/privet"
    assert list(tmp_path.iterdir()) == []


def test_sqlalchemy_url_is_accepted(database_settings):
    entry = database_settings("postgresql+psycopg://privet:p%40ss@db.internal:5433/office")
    expected = {"USER": "privet", "PASSWORD": "p@ss", "HOST": "db.internal", "PORT": 5433, "NAME": "office"}
    assert entry["ENGINE"] == "django.db.backends.postgresql"
    assert {name: entry[name] for name in expected} == expected


def test_url_options_override_ours(database_settings):
    options = database_settings("postgresql://h/d?sslmode=verify-full&options=-c%20statement_timeout%3D1s")["OPTIONS"]
    assert options["sslmode"] == "verify-full"
    assert "lock_timeout=5s" in options["options"]
    assert options["options"].endswith("-c statement_timeout=1s")
    assert options["pool"]["max_size"] == 8


@pytest.fixture
def pgdata():
    """Next to the data of the tests' server, because the server's system user can't enter pytest's folders."""
    folder = embedded.data_dir() / f"crash-{os.getpid()}"
    yield folder / "postgres"
    embedded.stop(folder / "postgres")
    shutil.rmtree(folder)


def test_server_starts_if_a_stale_pid_file_names_another_process(pgdata, run_python):
    start = f"print(embedded.start(pathlib.Path({str(pgdata)!r})))"
    script = f"import pathlib; from foundation.database import embedded; {start}"
    assert run_python("-c", script).returncode == 0
    crashed = (pgdata / "postmaster.pid").read_text().splitlines()
    embedded.stop(pgdata)
    (pgdata / "postmaster.pid").write_text("\n".join([str(os.getpid()), *crashed[1:]]) + "\n")

    url = run_python("-c", script).stdout.strip()
    with psycopg.connect(url) as connection:
        assert connection.execute("SELECT lower('Ё')").fetchone() == ("ё",)
