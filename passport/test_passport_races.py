"""Concurrent writes on two connections."""

import threading
import time
from datetime import date

import pytest
from django.db import connection, transaction

from conftest import waiting_for_locks
from passport import saving
from passport.models import Passport, PassportTaken
from passport.saving import save_passport

pytestmark = pytest.mark.django_db(transaction=True)


def unsaved_passport(client) -> Passport:
    return Passport(
        client=client,
        last_name="Иванов",
        first_name="Пётр",
        issued_by="ГУ МВД России по г. Москве",
        department_code="770-001",
        issued_on=date(2015, 3, 20),
        registration_address="г. Москва, ул. Садовая, д. 1",
    )


def test_concurrent_passports_with_one_number_are_saved_once(make, anna):
    first, second = make.consented(anna), make.consented(anna)
    refused = []

    def save_second():
        try:
            save_passport(unsaved_passport(second), "4613348353", by=anna)
        except PassportTaken:
            refused.append(second)
        finally:
            connection.close()

    thread = threading.Thread(target=save_second)
    with transaction.atomic():
        save_passport(unsaved_passport(first), "4613348353", by=anna)
        thread.start()
        deadline = time.monotonic() + 20
        while not waiting_for_locks():
            assert time.monotonic() < deadline, "the second save did not wait for the first"
            time.sleep(0.01)
    thread.join(20)

    assert refused == [second]
    assert Passport.objects.get().client == first


def test_concurrent_submits_of_the_first_passport_are_saved_once(make, anna, race):
    client = make.consented(anna)
    first, second = unsaved_passport(client), unsaved_passport(client)

    outcomes = race(
        lambda: saving.save_passport(first, "4613348353", by=anna),
        lambda: saving.save_passport(second, "4613348353", by=anna),
        at=client,
    )

    assert outcomes == [None, None]

    assert Passport.objects.get().digits == "4613348353"


def test_saving_an_older_copy_keeps_the_newer_photo(make, anna):
    passport = make.passport(make.consented(anna), anna)
    older_copy = Passport.objects.get()
    saving.replace_photo(passport, b"jpeg", by=anna)

    older_copy.last_name = "Петров"
    save_passport(older_copy, older_copy.digits, by=anna)

    saved = Passport.objects.get()
    assert saved.last_name == "Петров"
    assert saved.photo == passport.photo != ""
