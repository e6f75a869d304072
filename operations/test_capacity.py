import os

import pytest
from django.core import checks

from foundation.database import configuration
from operations import capacity


@pytest.mark.parametrize(
    ("quota", "expected"), [("200000 100000", 2), ("50000 100000", 1), ("6400000 100000", 4), ("max 100000", 4)]
)
def test_cores_are_limited_by_the_container(tmp_path, monkeypatch, quota, expected):
    monkeypatch.setattr(os, "process_cpu_count", lambda: 4)
    (tmp_path / "cpu.max").write_text(f"{quota}\n")
    assert capacity.cores(tmp_path / "cpu.max") == expected


def test_cores_without_control_groups_are_those_of_the_machine(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "process_cpu_count", lambda: 4)
    assert capacity.cores(tmp_path / "cpu.max") == 4


SIZES = """
from operations import capacity as c
print(c.WORKERS - c.cores(), c.THREADS, c.POOL_SIZE, c.max_connections())
"""


def test_default_sizes_are_one_process_more_than_cores_and_one_connection_per_thread(run_python):
    assert run_python("-c", SIZES).stdout.split()[:3] == ["1", "8", "8"]
    assert run_python("-c", SIZES, WEB_CONCURRENCY="5", WEB_THREADS="3").stdout.split()[1:] == ["3", "3", "15"]


@pytest.mark.django_db
def test_too_many_connections_cause_a_warning(monkeypatch):
    monkeypatch.setattr(capacity, "WORKERS", 9)
    monkeypatch.setattr(capacity, "POOL_SIZE", 9)  # 81; of 100, 3 are reserved for superusers and 20 for others
    (warning,) = checks.run_checks(databases=["default"])
    assert (warning.id, "need 81 connections" in warning.msg, "has 77" in warning.msg) == ("privet.W020", True, True)
    monkeypatch.setattr(capacity, "POOL_SIZE", 8)
    assert checks.run_checks(databases=["default"]) == []


@pytest.mark.django_db
def test_behind_pgbouncer_connections_are_not_counted(monkeypatch, settings):
    monkeypatch.setattr(capacity, "WORKERS", 1000)
    settings.PGBOUNCER = True
    assert checks.run_checks(databases=["default"]) == []


def test_pgbouncer_gets_no_startup_parameters_and_no_server_side_cursors():
    settings = configuration.database_settings(
        {"NAME": "office", "OPTIONS": {"sslmode": "require"}}, pool_size=4, pgbouncer=True
    )
    assert settings["OPTIONS"] == {"sslmode": "require", "pool": {"min_size": 1, "max_size": 4, "timeout": 5}}
    assert settings["DISABLE_SERVER_SIDE_CURSORS"] is True
