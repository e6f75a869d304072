"""Erasure requests: made once per client, withdrawn, carried out by the worker, refused, or retried."""

from datetime import timedelta

import pytest
import time_machine
from django.db import DatabaseError, IntegrityError, connection, transaction
from django.utils import timezone

from agreements import consents
from clients.models import Client, ClientErased, Status
from conftest import as_app
from contracts.conftest import sign
from devices.models import Device
from erasure import erasing, record_retention, requests
from erasure.conftest import MARK, all_rows_as_text, days, keys
from erasure.models import Erasure, ErasureReason, ErasureRequest, ErasureScope, RequestState
from foundation.storage import object_storage
from managers.history import history_of
from managers.models import Role
from passport.models import Passport
from support import log
from support.models import LogEntry

# The worker's role, which carries out the requests that pages save.
pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("maintenance")]


@pytest.fixture
def requested(issued, gleb) -> ErasureRequest:
    return request(issued.client, gleb)


def request(client, by, **options) -> ErasureRequest:
    return requests.request_erasure(client, ErasureReason.REQUEST, by=by, note="вх. 1", **options)[0]


def later(**duration):
    return time_machine.travel(timezone.now() + timedelta(**duration))


def test_request_changes_nothing_but_is_in_the_client_log(issued, gleb, make):
    before = all_rows_as_text()
    row = request(issued.client, gleb)

    after = all_rows_as_text()
    assert {table for table in after if after[table] != before[table]} == {
        "manager_erasure_requests",
        "manager_support_messages",
    }
    entry = LogEntry.objects.filter(thread__client=issued.client).latest("created_at")
    assert (entry.body, entry.author) == ("Запрошено уничтожение данных клиента.", gleb)
    assert row.state == RequestState.WAITING


def test_request_is_carried_out_with_its_act(requested, gleb, make):
    assert requests.carry_out_next() == 1

    requested.refresh_from_db()
    assert requested.state == RequestState.ERASED
    erasure = requested.erasure
    assert (erasure.by, erasure.reason, erasure.note, erasure.act_key) == (gleb, ErasureReason.REQUEST, "вх. 1", "")
    assert make.fresh(requested.client).status == Status.ERASED

    assert requests.finish_next() == 1

    requested.refresh_from_db()
    assert requested.state == RequestState.DONE
    assert keys("passports/") == set()
    assert keys("erasures/") == {requested.erasure.act_key}
    assert (requests.carry_out_next(), requests.finish_next()) == (0, 0)


def test_history_of_the_erasure_names_the_admin(requested, gleb):
    client_id = requested.client_id
    requests.carry_out_next()

    row = history_of(Client).filter(pgh_obj=client_id).latest("pgh_id")
    assert row.status == Status.ERASED
    assert row.pgh_context["user"] == str(gleb.pk)


def test_client_has_one_open_request(requested, gleb, make):
    again = requests.request_erasure(requested.client, ErasureReason.UNLAWFUL, by=gleb, note="вх. 2")
    assert again == (requested, False)
    with pytest.raises(IntegrityError), transaction.atomic():
        ErasureRequest.objects.create(
            client=requested.client, scope=requested.scope, reason=requested.reason, ended=False, requested_by=gleb
        )

    requests.withdraw(requested, by=gleb)
    assert requests.request_erasure(requested.client, ErasureReason.REQUEST, by=gleb, note="вх. 3")[1]


@pytest.mark.parametrize("field", ["scope", "reason", "note", "ended"])
def test_what_was_confirmed_cannot_change(requested, field):
    value = {"scope": "passport", "reason": "unlawful", "note": "x", "ended": True}[field]
    with pytest.raises(DatabaseError, match="Cannot update"), transaction.atomic():
        ErasureRequest.objects.update(**{field: value})


def test_request_has_one_outcome(requested):
    with pytest.raises(IntegrityError, match="one_outcome"), transaction.atomic():
        ErasureRequest.objects.update(withdrawn_at=timezone.now(), refused_at=timezone.now())


def test_withdrawn_request_is_not_carried_out(requested, gleb, make):
    assert requests.withdraw(requested, by=gleb)

    assert requests.carry_out_next() == 0
    assert Passport.objects.exists()
    assert not requests.withdraw(requested, by=gleb)
    entry = LogEntry.objects.filter(thread__client=requested.client).latest("created_at")
    assert entry.body == "Запрос на уничтожение данных отозван."


def test_erased_client_gets_no_request(issued, gleb):
    erasing.erase(issued.client, ErasureReason.REQUEST, by=gleb, note="вх. 1")
    with pytest.raises(ClientErased):
        request(issued.client, gleb)


def test_request_is_refused_if_the_client_was_erased_meanwhile(requested, gleb):
    erasing.erase(requested.client, ErasureReason.REQUEST, by=gleb, note="вх. 0")
    assert requests.carry_out_next() == 1

    requested.refresh_from_db()
    assert (requested.state, requested.refusal) == (RequestState.REFUSED, "Данные клиента уже уничтожены.")
    assert Erasure.objects.count() == 1
    assert requests.carry_out_next() == 0


def test_request_is_refused_if_another_scope_is_allowed_now(issued, gleb, anna, make):
    """A contract that was signed meanwhile limits the erasure to the passport, which nobody confirmed."""
    row = request(issued.client, gleb)
    assert row.scope == ErasureScope.CLIENT
    sign(issued, anna)

    requests.carry_out_next()

    row.refresh_from_db()
    assert row.state == RequestState.REFUSED
    assert "паспорт и неподписанные договоры" in row.refusal
    assert Passport.objects.exists()
    assert row.client.agreements.filter(withdrawn_at=None).exists()


def test_request_of_somebody_who_is_no_admin_any_more_is_refused(requested, gleb, make):
    gleb.role = Role.MANAGER
    gleb.save()

    requests.carry_out_next()

    requested.refresh_from_db()
    assert (requested.state, "больше не администратор" in requested.refusal) == (RequestState.REFUSED, True)
    assert Passport.objects.exists()


def test_ended_contract_is_erased_as_confirmed(paid, gleb):
    row = request(paid.client, gleb, ended=True)
    assert row.scope == ErasureScope.CLIENT

    requests.carry_out_next()

    assert Erasure.objects.get().scope == ErasureScope.CLIENT


def test_work_on_the_client_continues_until_the_erasure(requested, anna, make):
    device = make.device(make.fresh(requested.client), anna, title=MARK)
    log.add_note(make.fresh(requested.client), MARK, by=anna, now=timezone.now())
    consents.withdraw(make.fresh(requested.client), by=anna, reason="Сказал по телефону")

    requests.carry_out_next()

    assert not Device.objects.filter(pk=device.pk).exists()
    assert not LogEntry.objects.filter(body__contains=MARK).exists()


def test_failure_is_shown_and_retried_with_growing_pauses(requested, monkeypatch, logged):
    def fail(*args, **kwargs):
        raise DatabaseError(f"Key (name)=({MARK})")

    monkeypatch.setattr(erasing, "_save_erasure", fail)
    pauses = []
    with time_machine.travel(timezone.now(), tick=False) as traveller:
        for attempt in range(1, 12):
            assert requests.carry_out_next() == 1
            requested.refresh_from_db()
            assert (requested.state, requested.attempts) == (RequestState.FAILED, attempt)
            pauses.append((requested.next_attempt_at - timezone.now()).total_seconds())
            assert requests.carry_out_next() == 0
            traveller.move_to(requested.next_attempt_at)
    assert requested.last_error == "База данных не выполнила операцию (DatabaseError)."
    assert 0.8 <= pauses[0] <= 1
    assert 240 <= pauses[-1] <= 300
    assert all(earlier < after for earlier, after in zip(pauses[:8], pauses[1:9], strict=True))
    assert Passport.objects.exists()
    assert any("erasure request" in line for line in logged)
    assert MARK not in "".join(logged[::2])  # as JSON, the format of production

    monkeypatch.undo()
    with later(minutes=90):
        requests.carry_out_next()
    requested.refresh_from_db()
    assert (requested.state, requested.last_error) == (RequestState.ERASED, "")


def test_failing_request_does_not_delay_others(requested, gleb, make, monkeypatch):
    other = request(make.client(), gleb)
    original = erasing._save_erasure

    def fail(run, *args):
        if run.client == requested.client:
            raise DatabaseError
        return original(run, *args)

    monkeypatch.setattr(erasing, "_save_erasure", fail)
    assert [requests.carry_out_next(), requests.carry_out_next()] == [1, 1]

    other.refresh_from_db()
    assert other.state == RequestState.ERASED


def test_worker_killed_before_the_objects_are_deleted(requested, monkeypatch):
    class Killed(BaseException):
        pass

    def kill(*args):
        raise Killed

    requests.carry_out_next()
    with monkeypatch.context() as patch:
        patch.setattr(erasing, "_make_act", kill)
        with pytest.raises(Killed):
            requests.finish_next()
    assert requests.finish_next() == 0  # another worker does not start before FINISH_TIME

    with later(seconds=61):
        assert requests.finish_next() == 1
    requested.refresh_from_db()
    assert requested.state == RequestState.DONE


def test_storage_outage_delays_the_act_but_not_the_rows(requested, monkeypatch):
    def raise_outage(key):
        raise object_storage.StorageUnavailable(key)

    with monkeypatch.context() as patch:
        patch.setattr(object_storage, "delete", raise_outage)
        requests.carry_out_next()
        assert requests.finish_next() == 1
        assert requests.finish_next() == 0
    assert not Passport.objects.exists()
    assert requests.oldest_pending_act() == Erasure.objects.get().erased_at

    with later(minutes=2):
        assert requests.finish_next() == 1
    assert requests.oldest_pending_act() is None


def test_oldest_request_is_that_of_the_open_ones(requested, gleb, make):
    with later(minutes=1):
        request(make.client(), gleb)
    assert requests.oldest_request() == requested.requested_at

    requests.withdraw(requested, by=gleb)
    assert requests.oldest_request() > requested.requested_at


def test_account_of_an_unclaimed_client_can_be_closed_meanwhile(make, gleb):
    client = make.client()
    row = request(client, gleb)
    with as_app(), connection.cursor() as cursor:
        cursor.execute("UPDATE users SET status = 'deleted', deleted_at = now() WHERE id = %s", [client.user_id])
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")

    requests.carry_out_next()

    row.refresh_from_db()
    assert row.state == RequestState.ERASED


def test_closed_requests_are_deleted_after_three_years(requested, gleb, make):
    withdrawn, waiting = request(make.client(), gleb), request(make.client(), gleb)
    requests.withdraw(withdrawn, by=gleb)
    requests.carry_out_next()
    requests.finish_next()

    with time_machine.travel(timezone.now() + days(3 * 366 + 1)):
        assert list(record_retention.expired_requests(timezone.now())) == [withdrawn]
        (act,) = record_retention.expired_acts(timezone.now())
        record_retention.delete_act(act)

    assert set(ErasureRequest.objects.all()) == {withdrawn, waiting}
