"""`manage.py apply_retention`: without --apply it counts; with it, expired data is erased once."""

import io

import pytest
import time_machine
from django.core.management import CommandError, call_command
from django.db import DatabaseError
from django.utils import timezone

from agreements import consents
from clients.disclosure import Disclosure, DisclosureKind
from clients.models import Client, Status
from contracts import audit
from contracts.models import Invoice
from contracts.shared import SharedInvoice
from erasure import erasing, retention
from erasure.conftest import MARK, act_text, all_rows_as_text, days, keys
from erasure.models import ErasedRows, Erasure, ErasureReason, ErasureScope
from foundation.storage import object_storage
from operations import storage_cleanup
from passport.models import Passport
from support.models import LogEntry, Message

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("maintenance")]


def apply(*arguments: str) -> str:
    out = io.StringIO()
    call_command("apply_retention", *arguments, stdout=out, stderr=out)
    return out.getvalue()


@pytest.fixture
def withdrawn(issued, anna):
    consents.withdraw(issued.client, by=anna, reason="Сказал по телефону")
    with time_machine.travel(timezone.now() + days(11)):
        yield issued.client


def test_without_apply_nothing_is_changed(withdrawn):
    before = all_rows_as_text()
    assert "withdrawn, allowed scope: 1 expired" in apply()
    assert all_rows_as_text() == before


def test_withdrawal_erases_the_client_once(withdrawn, make):
    assert "withdrawn, allowed scope: 1 erased" in apply("--apply")
    assert make.fresh(withdrawn).status == Status.ERASED
    erasure = Erasure.objects.get()
    assert (erasure.reason, erasure.scope, erasure.by) == (ErasureReason.WITHDRAWN, ErasureScope.CLIENT, None)
    assert "уничтожено системой по сроку хранения" in act_text(erasure)

    before = all_rows_as_text()
    assert "erased" in apply("--apply")
    assert all_rows_as_text() == before


def test_abandoned_client_who_uses_the_app_returns_to_the_pool(issued, make, settings):
    user = issued.client.user
    user.password_hash = "$argon2id$of-the-app"
    user.save()
    with time_machine.travel(timezone.now() + days(settings.RETENTION_UNFINISHED_DAYS + 1)):
        apply("--apply")

    fresh = make.fresh(issued.client)
    assert (fresh.status, fresh.manager, fresh.user.name) == (Status.NEW, None, user.name)
    assert not Passport.objects.exists()
    assert fresh.agreements.first().status_label.startswith("Прекращено")
    assert fresh.changes.last().by is None


def test_message_does_not_claim_an_ended_contract_is_in_force(paid, settings):
    with time_machine.travel(paid.ends_at + days(settings.RETENTION_PASSPORT_DAYS + 1)):
        apply("--apply")

    message = Message.objects.filter(ticket__user=paid.client.user).order_by("-created_at").first()
    assert "паспорта уничтожены: договор прекратился" in message.body
    assert "в силе" not in message.body


def test_withdrawal_erases_a_client_with_a_deleted_account(withdrawn, make):
    make.delete_account(withdrawn)
    assert "withdrawn, allowed scope: 1 erased" in apply("--apply")

    assert Client.objects.get(pk=withdrawn.pk).status == Status.ERASED
    assert not Passport.objects.exists()


def test_new_client_with_a_deleted_account_expires(make, settings):
    client, other = (make.client(password_hash="$argon2id$of-the-app") for _ in range(2))
    make.delete_account(client)
    with time_machine.travel(timezone.now() + days(settings.RETENTION_UNFINISHED_DAYS + 1)):
        apply("--apply")

    assert Client.objects.get(pk=client.pk).status == Status.ERASED
    assert make.fresh(other).status == Status.NEW


def test_no_message_for_a_deleted_account(paid, make, settings):
    make.delete_account(paid.client)
    message_count = Message.objects.count()
    with time_machine.travel(paid.ends_at + days(settings.RETENTION_PASSPORT_DAYS + 1)):
        apply("--apply")

    assert not Passport.objects.exists()
    assert Message.objects.count() == message_count
    assert LogEntry.objects.filter(thread__client=paid.client.pk, body__contains="паспорта уничтожены").exists()


def test_documents_are_erased_last_and_the_event_chain_stays_valid(paid, make, settings, run_committed):
    client = paid.client
    with time_machine.travel(paid.ends_at + days(settings.RETENTION_CLIENT_DAYS + 1)):
        apply("--apply")
    assert make.fresh(client).status == Status.ERASED
    assert paid.pdf_key in keys()
    with time_machine.travel(paid.ends_at + days(366 * 7)):
        run_committed(apply, "--apply")

        paid.refresh_from_db()
        assert (paid.encrypted_snapshot, paid.evidence, paid.signer_ip, paid.user_agent) == ("", "", None, "")
        assert (bool(paid.evidence_hmac), bool(paid.signed_at), bool(paid.erased_at)) == (True, True, True)
        assert Invoice.objects.get().description == SharedInvoice.objects.get().description == ""
        assert not client.agreements.exists()
        erasure = Erasure.objects.get(scope=ErasureScope.DOCUMENTS)
        assert MARK in act_text(erasure)
        assert {key.split("/")[0] for key in keys()} == {"erasures"}
        assert list(audit.find_faults(files=True)) == []
        report = storage_cleanup.compare_storage()
        assert (report.without_row.keys, report.without_object.keys) == ([], [])


def test_disclosures_and_acts_are_retained_for_three_years(withdrawn, gleb, settings):
    apply("--apply")
    Disclosure.objects.create(client=withdrawn, by=gleb, what=DisclosureKind.CARD, request_id="1")
    years = days(366 * settings.RETENTION_RECORD_YEARS)
    with time_machine.travel(timezone.now() + years - days(1)):
        apply("--apply")
        assert Disclosure.objects.exists()
        assert Erasure.objects.filter(scope=ErasureScope.CLIENT).exists()
    with time_machine.travel(timezone.now() + years + days(1)):
        apply("--apply")
        assert not Disclosure.objects.exists()
        assert not Erasure.objects.filter(scope=ErasureScope.CLIENT).exists()
        assert set(ErasedRows.objects.values_list("erasure__scope", flat=True)) <= {ErasureScope.DOCUMENTS}


def test_one_failure_does_not_stop_the_others(withdrawn, make, anna, monkeypatch):
    with time_machine.travel(timezone.now() - days(11)):
        other = make.consented(anna)
        make.passport(other, anna)
        consents.withdraw(other, by=anna, reason="Написал")
    erasers = erasing.ERASERS[ErasureScope.CLIENT]

    def fail_for_other(run):
        if run.client.pk == other.pk:
            raise DatabaseError("failure")

    monkeypatch.setitem(erasing.ERASERS, ErasureScope.CLIENT, (*erasers, fail_for_other))
    with pytest.raises(CommandError, match="1 clients failed"):
        apply("--apply")

    assert make.fresh(withdrawn).status == Status.ERASED
    assert make.fresh(other).status == Status.IN_VERIFICATION
    assert Passport.objects.get().client == other


def test_pending_acts_are_reported_and_made_on_the_next_run(withdrawn, monkeypatch):
    def raise_outage(key):
        raise object_storage.StorageUnavailable(key)

    with monkeypatch.context() as patch:
        patch.setattr(object_storage, "delete", raise_outage)
        with pytest.raises(CommandError, match="1 acts are pending"):
            apply("--apply")
    assert Erasure.objects.get().act_key == ""

    apply("--apply")
    assert Erasure.objects.get().act_key in keys()


def test_concurrently_reclaimed_client_is_skipped(withdrawn, make, anna):
    (rule, [client_id]), *_ = retention.expired_clients(timezone.now())
    make.agreement(make.fresh(withdrawn), anna)

    assert erasing.apply_rule(rule, client_id, now=timezone.now()) is None
    assert Passport.objects.exists()
