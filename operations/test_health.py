import json
import threading

import pytest
from django.db import OperationalError, connection

from conftest import execute_as_owner
from foundation.testing import local_storage
from operations import health


@pytest.fixture(autouse=True)
def _clear_cache():
    health.readiness.clear()
    yield
    health.readiness.clear()


def replace(monkeypatch, name, check):
    monkeypatch.setitem(health.CHECKS, name, check)


def test_readyz_is_200_when_all_checks_pass(client, transactional_db, settings):
    settings.APP_VERSION = "2.7"
    response = client.get("/readyz")
    body = response.json()
    assert (response.status_code, body["ready"], body["version"]) == (200, True, "2.7"), body
    assert set(body["checks"]) == {"database", "migrations", "shared_tables", "storage"}
    assert all(check["ok"] and check["ms"] >= 0 for check in body["checks"].values())


@pytest.mark.parametrize("name", ["database", "migrations", "storage"])
def test_readyz_is_503_when_a_check_fails_and_hides_the_error_message(client, transactional_db, monkeypatch, name):
    def fails():
        raise OperationalError("password of user privet at db.internal")

    replace(monkeypatch, name, fails)
    response = client.get("/readyz")
    body = response.json()
    assert (response.status_code, body["ready"], body["checks"][name]["ok"]) == (503, False, False)
    assert "db.internal" not in response.text


def test_unapplied_migration_fails_the_check(client, transactional_db):
    with connection.cursor() as cursor:
        cursor.execute("SELECT max(id) FROM django_migrations WHERE app = 'contracts'")
        (last,) = cursor.fetchone()
    execute_as_owner("UPDATE django_migrations SET name = name || '-not' WHERE id = %s", [last])
    try:
        assert client.get("/readyz").json()["checks"]["migrations"]["ok"] is False
    finally:
        execute_as_owner("UPDATE django_migrations SET name = replace(name, '-not', '') WHERE id = %s", [last])


def test_unwritable_storage_fails_the_check(client, transactional_db, settings, tmp_path):
    (tmp_path / "file").write_bytes(b"")
    location = str(tmp_path / "file")
    settings.STORAGES = local_storage(location)
    assert client.get("/readyz").json()["checks"]["storage"]["ok"] is False


def test_check_that_times_out_fails(client, transactional_db, monkeypatch):
    finished = threading.Event()
    monkeypatch.setattr(health, "TIMEOUT_SECONDS", 0.2)
    replace(monkeypatch, "storage", lambda: finished.wait(20) or True)  # would pass, but too late
    response = client.get("/readyz")
    finished.set()
    assert (response.status_code, response.json()["checks"]["storage"]["ok"]) == (503, False)


def test_concurrent_requests_share_one_check(client, transactional_db, monkeypatch):
    calls = []
    monkeypatch.setattr(health, "CACHE_SECONDS", 600)
    replace(monkeypatch, "database", lambda: calls.append(1) or True)
    for _ in range(5):
        client.get("/readyz")
    assert len(calls) == 1


def test_health_works_without_https(settings, client, transactional_db):
    settings.SECURE_SSL_REDIRECT = True
    assert json.loads(client.get("/readyz").content)["ready"] is True
