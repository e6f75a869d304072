"""Password hashes of accounts that we create or close."""

import re
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import transaction

from clients import passwords
from clients.models import AppUser, Client
from clients.passwords import MALFORMED_HASH, replace_malformed_hashes, unmatched_password_hash
from conftest import run_on_own_connection, waiting_for_locks

# The last character of a salt has four unused bits, that of a digest has two. passlib and bcrypt check that they are 0.
WELL_FORMED = re.compile(r"\$2b\$12\$[./A-Za-z0-9]{21}[.Oeu][./A-Za-z0-9]{30}[.CGKOSWaeimquy26]\Z")


def test_hash_is_well_formed_for_bcrypt():
    hashes = {unmatched_password_hash() for _ in range(500)}

    assert len(hashes) == 500
    assert [text for text in hashes if not WELL_FORMED.match(text)] == []


def test_salt_and_digest_are_encoded_in_the_alphabet_of_bcrypt():
    assert passwords._encode(bytes(16)) == "." * 22
    assert passwords._encode(b"\xff" * 23) == "9" * 30 + "6"


@pytest.fixture
def added(anna) -> Client:
    contact = {"name": "Ёлкина Юлия", "phone": "9771232323", "email": None, "address": "г. Москва"}
    return Client.add(by=anna, **contact)


def set_password(client: Client) -> None:
    AppUser.objects.filter(pk=client.user_id).update(password_hash="$argon2id$of-the-app")


def test_added_client_has_no_password_until_they_set_one(added, make):
    client = make.fresh(added)
    assert WELL_FORMED.match(client.user.password_hash)
    assert (client.has_password, client.uses_app) == (False, False)

    set_password(added)
    assert (make.fresh(added).has_password, make.fresh(added).uses_app) == (True, True)


def test_account_made_by_the_app_has_a_password(make):
    client = make.client(password_hash="$argon2id$of-the-app")
    assert (client.has_password, client.uses_app) == (True, True)


def test_deleted_account_is_not_used(make):
    client = make.client(password_hash="$argon2id$of-the-app")
    client.user.status = "deleted"
    assert not client.uses_app


def test_closing_sets_a_well_formed_hash(make):
    user = make.client(password_hash="$argon2id$of-the-app").user
    user.close(now=user.created_at)
    assert WELL_FORMED.match(AppUser.objects.get(pk=user.pk).password_hash)


@pytest.fixture(params=[1, 500])
def batches(request, monkeypatch):
    monkeypatch.setattr(passwords, "BATCH_SIZE", request.param)


@pytest.mark.usefixtures("batches")
def test_malformed_hashes_are_replaced_and_remembered(make):
    old = [make.client(password_hash=MALFORMED_HASH) for _ in range(3)]
    without_client = make.user(password_hash=MALFORMED_HASH, status="blocked")
    others = [make.client(password_hash="$argon2id$of-the-app"), make.client()]

    replace_malformed_hashes(AppUser, Client)

    for client in map(make.fresh, old):
        assert WELL_FORMED.match(client.user.password_hash)
        assert not client.has_password
    assert WELL_FORMED.match(AppUser.objects.get(pk=without_client.pk).password_hash)
    for client in others:
        fresh = make.fresh(client)
        assert fresh.user.password_hash == client.user.password_hash
        assert fresh.initial_password_hash == client.initial_password_hash


def test_replacing_is_idempotent(make):
    make.client(password_hash=MALFORMED_HASH)

    assert replace_malformed_hashes(AppUser, Client) == 1
    before = list(AppUser.objects.values_list("pk", "password_hash", "updated_at"))
    assert replace_malformed_hashes(AppUser, Client) == 0
    assert list(AppUser.objects.values_list("pk", "password_hash", "updated_at")) == before


@pytest.mark.django_db(transaction=True)
def test_password_set_while_hashes_are_replaced_stays(make):
    client = make.client(password_hash=MALFORMED_HASH)

    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            set_password(client)
            replaced = pool.submit(run_on_own_connection, lambda: replace_malformed_hashes(AppUser, Client))
            wait_until(lambda: waiting_for_locks() == 1)
        assert replaced.result(timeout=20) == 0

    fresh = make.fresh(client)
    assert fresh.user.password_hash == "$argon2id$of-the-app"
    assert fresh.has_password


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)
