import re
from datetime import UTC, datetime, timedelta

import pgtrigger
import pytest
from django.db import connection
from django.utils import timezone

from clients import statistics
from clients.models import Client
from conftest import PASSWORD, execute_as_owner
from contracts import signing
from erasure import requests
from erasure.models import ErasureReason, ErasureRequest
from foundation.storage.object_storage import StorageUnavailable, get, put
from foundation.testing import local_storage
from foundation.worker import registered_jobs
from links.models import Browser
from operations import metrics_view, worker
from photos import uploads
from photos.models import Upload, UploadPurpose
from photos.test_uploads import jpeg

TOKEN = "a token of the tests"


@pytest.fixture
def scraped(settings, client, db):
    """Return a function that scrapes /metrics: {"name{labels}": value}."""
    settings.METRICS_TOKEN = TOKEN

    def scrape() -> dict[str, float]:
        metrics_view.cached_workload.clear()
        response = client.get("/metrics", headers={"Authorization": f"Bearer {TOKEN}"})
        assert response.status_code == 200
        lines = (line.rsplit(" ", 1) for line in response.text.splitlines() if not line.startswith("#"))
        return {name: float(value) for name, value in lines}

    return scrape


def increase(before: dict, after: dict, name: str) -> float:
    return after.get(name, 0) - before.get(name, 0)


@pytest.mark.parametrize(
    ("token", "sent"), [("", "Bearer "), ("", ""), (TOKEN, ""), (TOKEN, "Bearer else"), (TOKEN, "Bearer é")]
)
def test_metrics_without_the_token_is_404(settings, client, db, token, sent):
    settings.METRICS_TOKEN = token
    assert client.get("/metrics", headers={"Authorization": sent}).status_code == 404


def test_requests_are_counted_by_view_not_by_url(scraped, as_anna, make, anna):
    subject, before = make.verified(anna), scraped()

    as_anna.get(f"/clients/{subject.pk}/contact/")
    as_anna.get("/clients/made-up-by-somebody/")
    as_anna.generic("MADEUP", "/clients/")
    after = scraped()

    contact_requests = 'privet_requests_total{method="GET",status="200",view="clients:contact"}'
    assert increase(before, after, contact_requests) == 1
    assert increase(before, after, 'privet_request_seconds_count{view="clients:contact"}') == 1
    assert increase(before, after, 'privet_database_queries_total{view="clients:contact"}') >= 3
    assert increase(before, after, 'privet_requests_total{method="GET",status="404",view="unknown"}') == 1
    assert increase(before, after, 'privet_requests_total{method="other",status="405",view="clients:list"}') == 1
    assert not [name for name in after if str(subject.pk) in name or "made-up" in name or "MADEUP" in name]


def test_sign_ins_are_counted_by_outcome(scraped, client, anna):
    before = scraped()
    for password in ("wrong", PASSWORD):
        client.post("/sign-in/", {"email": anna.email, "password": password})
    after = scraped()
    assert increase(before, after, 'privet_sign_ins_total{outcome="WrongPassword"}') == 1
    assert increase(before, after, 'privet_sign_ins_total{outcome="let_in"}') == 1


def test_codes_and_documents_are_counted(scraped, make, anna):
    from contracts import issuing

    before = scraped()
    contract = issuing.issue(make.awaiting_contract(anna), by=anna)
    signing.request_code(contract, by=anna)
    with pytest.raises(signing.CodeTooSoon):
        signing.request_code(contract, by=anna)
    with pytest.raises(signing.ConsentMissing):
        signing.sign(contract, "", consent=False, pep_text_version="v1", by=anna, browser=Browser("", ""))
    after = scraped()
    assert increase(before, after, 'privet_codes_total{outcome="sent"}') == 1
    assert increase(before, after, 'privet_codes_total{outcome="CodeTooSoon"}') == 1
    assert increase(before, after, 'privet_signatures_total{outcome="ConsentMissing"}') == 1
    assert increase(before, after, "privet_pdf_seconds_count") >= 1


def test_uploads_are_counted_by_outcome(scraped, make, anna):
    client, before = make.consented(anna), scraped()

    def start(content: bytes | None) -> Upload:
        upload = uploads.start_upload(
            client, UploadPurpose.PASSPORT, device_id=None, content_type="image/jpeg", size=1000, by=anna
        )
        if content is not None:
            put(upload.key, content)
        return upload

    accepted = start(jpeg())
    for _ in range(2):  # the repeated completion is not counted
        uploads.complete_upload(accepted, by=anna)
    uploads.complete_upload(start(b"no photo"), by=anna)
    with pytest.raises(uploads.NotArrived):
        uploads.complete_upload(start(None), by=anna)

    after = scraped()
    outcomes = {"accepted": 1, "PhotoRefused": 1, "NotArrived": 1, "ObjectNotFound": 0}
    assert {
        outcome: increase(before, after, f'privet_uploads_total{{outcome="{outcome}"}}') for outcome in outcomes
    } == outcomes


@pytest.mark.usefixtures("maintenance")
def test_jobs_of_the_worker_are_exported(scraped, make, gleb, monkeypatch):
    job = '{job="erasure_requests"}'
    before = scraped()
    assert before[f"privet_job_last_success_timestamp_seconds{job}"] == 0
    assert before[f"privet_job_queue_age_seconds{job}"] == 0

    asked_at = timezone.now() - timedelta(minutes=10)
    requests.request_erasure(make.client(), ErasureReason.REQUEST, by=gleb, note="вх. 1")
    with pgtrigger.ignore("erasure.ErasureRequest:request_is_frozen"):
        ErasureRequest.objects.update(requested_at=asked_at)
    assert scraped()[f"privet_job_queue_age_seconds{job}"] >= 600

    monkeypatch.setattr(worker, "close_old_connections", lambda: None)  # it is in the transaction of the test
    worker.Worker(registered_jobs()).sweep()
    after = scraped()
    assert after[f"privet_job_last_success_timestamp_seconds{job}"] > asked_at.timestamp()
    assert after[f"privet_job_queue_age_seconds{job}"] == 0


def test_storage_calls_are_timed_and_failures_counted(scraped, settings, tmp_path):
    before = scraped()
    put("a/key", b"content")
    (tmp_path / "file").write_bytes(b"")
    settings.STORAGES = local_storage(tmp_path / "file")
    with pytest.raises(StorageUnavailable):
        get("a/key")
    after = scraped()
    assert increase(before, after, "privet_storage_seconds_count") == 2
    assert increase(before, after, "privet_storage_failures_total") == 1


def test_missing_object_is_no_storage_failure(scraped):
    before = scraped()
    with pytest.raises(StorageUnavailable):
        get("no/such")
    assert increase(before, scraped(), "privet_storage_failures_total") == 0


def test_queue_ages_are_exported(scraped, make, anna):
    old = make.client()
    Client.objects.filter(pk=old.pk).update(created_at=timezone.now() - timedelta(hours=2))
    make.verified(anna)
    metrics = scraped()
    assert metrics['privet_clients{status="new"}'] == 1
    assert metrics['privet_clients{status="in_verification"}'] == 1
    assert metrics['privet_clients{status="processed"}'] == 0
    assert metrics['privet_queue_age_seconds{queue="new_clients"}'] == pytest.approx(7200, abs=60)
    assert metrics['privet_queue_age_seconds{queue="unpaid_invoices"}'] == 0


def test_last_backup_is_exported_where_backups_are_configured(scraped, settings, tmp_path):
    name = "privet_last_backup_timestamp_seconds"
    settings.BACKUP_FOLDER, settings.BACKUP_RECIPIENT = tmp_path, ""
    assert name not in scraped()
    settings.BACKUP_RECIPIENT = "age1made-up"
    assert scraped()[name] == 0
    for folder in ("privet-20261124T030000Z", "privet-20261123T030000Z", ".privet-20261125T030000Z.partial", "else"):
        (tmp_path / folder).mkdir()
    assert scraped()[name] == datetime(2026, 11, 24, 3, tzinfo=UTC).timestamp()
    settings.BACKUP_FOLDER = tmp_path / "missing"  # as in a container without the backup folder
    assert name not in scraped()


def test_workload_is_cached_for_a_minute(scraped, client, make, django_assert_num_queries):
    scraped()
    with django_assert_num_queries(0):
        client.get("/metrics", headers={"Authorization": f"Bearer {TOKEN}"})


def test_many_clients_are_estimated_not_counted(monkeypatch, make, anna):
    make.client()
    make.verified(anna)
    execute_as_owner("ANALYZE manager_clients")
    monkeypatch.setattr(statistics, "EXACT_COUNT_LIMIT", 1)
    with connection.execute_wrapper(_no_counting):
        estimated = statistics.clients_by_status()
    assert set(estimated) == set(statistics.clients_by_status())


def _no_counting(execute, sql, params, many, context):
    assert not re.search(r"\bCOUNT\(", sql, re.IGNORECASE)
    return execute(sql, params, many, context)
