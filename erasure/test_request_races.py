"""Erasure requests on two connections: two admins, two workers, a withdrawal while a worker erases."""

import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta

import pytest
import time_machine
from django.db import transaction
from django.utils import timezone

from clients.models import Client
from conftest import run_on_own_connection, waiting_for_locks
from erasure import requests
from erasure.models import Erasure, ErasureReason, ErasureRequest, RequestState

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("maintenance")]


@pytest.fixture
def requested(marked_client, gleb) -> ErasureRequest:
    return requests.request_erasure(marked_client, ErasureReason.REQUEST, by=gleb, note="вх. 1")[0]


@contextmanager
def erasing_meanwhile(row: ErasureRequest):
    """Run the block while a worker carries out the request: it has the request's lock and waits for the client's."""
    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            Client.objects.lock(row.client_id)
            worker = pool.submit(run_on_own_connection, requests.carry_out_next)
            deadline = time.monotonic() + 20
            while not waiting_for_locks():
                assert time.monotonic() < deadline, "the worker never waited for the client"
                time.sleep(0.01)
            yield
        assert worker.result(timeout=20) == 1


def on_another_connection(function):
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(run_on_own_connection, function).result(timeout=20)


def test_two_admins_make_one_request(marked_client, gleb, race):
    outcomes = race(
        *[lambda: requests.request_erasure(marked_client, ErasureReason.REQUEST, by=gleb, note="вх. 1")] * 2,
        at=marked_client,
    )

    assert sorted(is_new for _, is_new in outcomes) == [False, True]
    assert ErasureRequest.objects.count() == 1


@pytest.mark.usefixtures("maintenance")
def test_two_workers_carry_out_a_request_once(requested):
    with erasing_meanwhile(requested):
        assert on_another_connection(requests.carry_out_next) == 0
        # Also when the next attempt is due while the first one is still running.
        with time_machine.travel(timezone.now() + timedelta(minutes=10)):
            assert on_another_connection(requests.carry_out_next) == 0

    requested.refresh_from_db()
    assert (requested.state, requested.attempts) == (RequestState.ERASED, 1)
    assert Erasure.objects.count() == 1


@pytest.mark.usefixtures("maintenance")
def test_two_workers_that_both_claimed_the_request_erase_once(requested):
    with erasing_meanwhile(requested):
        assert on_another_connection(lambda: requests.carry_out(requested)) is None

    assert Erasure.objects.count() == 1


@pytest.mark.usefixtures("maintenance")
def test_request_that_is_being_carried_out_is_not_withdrawn(requested, gleb):
    with erasing_meanwhile(requested):
        assert on_another_connection(lambda: requests.withdraw(requested, by=gleb)) is False

    requested.refresh_from_db()
    assert (requested.state, requested.withdrawn_at) == (RequestState.ERASED, None)


@pytest.mark.usefixtures("maintenance")
def test_request_withdrawn_just_before_is_not_carried_out(requested, gleb):
    """The withdrawal commits after the worker claimed the request and before it locks it."""
    requests.withdraw(requested, by=gleb)
    requests.carry_out(requested)

    requested.refresh_from_db()
    assert requested.state == RequestState.WITHDRAWN
    assert not Erasure.objects.exists()


@pytest.mark.usefixtures("maintenance")
def test_two_workers_make_one_act(requested):
    requests.carry_out_next()
    erasure = Erasure.objects.get()

    with transaction.atomic():
        Erasure.objects.select_for_update().get()  # the claim of another worker
        assert on_another_connection(requests.finish_next) == 0
    assert requests.finish_next() == 1

    erasure.refresh_from_db()
    assert erasure.act_key
