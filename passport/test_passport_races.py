"""What happens when two connections write at once."""

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


def draft(client) -> Passport:
    return Passport(
        client=client,
        last_name="Иванов",
        first_name="Пётр",
        issued_by="ГУ МВД России по г. Москве",
        department_code="770-001",
        issued_on=date(2015, 3, 20),
        registration_address="г. Москва, ул. Садовая, д. 1",
    )


def test_of_two_clients_with_one_passport_at_once_the_second_is_refused(make, anna):
    first, second = make.consented(anna), make.consented(anna)
    refused = []

    def write_second():
        try:
            save_passport(draft(second), "4613348353", by=anna)
        except PassportTaken:
            refused.append(second)
        finally:
            connection.close()

    thread = threading.Thread(target=write_second)
    with transaction.atomic():
        save_passport(draft(first), "4613348353", by=anna)
        thread.start()
        deadline = time.monotonic() + 20
        while not waiting_for_locks():
            assert time.monotonic() < deadline, "the second never waited for the first"
            time.sleep(0.01)
    thread.join(20)

    assert refused == [second]
    assert Passport.objects.get().client == first


def test_first_passport_sent_twice_is_saved_once(make, anna, race):
    client = make.consented(anna)
    first, second = draft(client), draft(client)

    outcomes = race(
        lambda: saving.save_passport(first, "4613348353", by=anna),
        lambda: saving.save_passport(second, "4613348353", by=anna),
        at=client,
    )

    assert outcomes == [None, None]

    assert Passport.objects.get().digits == "4613348353"


def test_text_saved_over_an_older_copy_keeps_the_newer_photo(make, anna):
    passport = make.passport(make.consented(anna), anna)
    loaded_before = Passport.objects.get()
    saving.replace_photo(passport, b"jpeg", by=anna)

    loaded_before.last_name = "Петров"
    save_passport(loaded_before, loaded_before.digits, by=anna)

    kept = Passport.objects.get()
    assert kept.last_name == "Петров"
    assert kept.photo == passport.photo != ""
