"""Series and number are masked, and shown only to whom it is written down that they saw them."""

import re

import pytest
from django.db import connection
from django.urls import reverse

from clients.disclosure import Disclosure, DisclosureKind
from conftest import appears_in
from passport.models import Passport
from passport.test_passport_form import payload
from passport.test_passport_page import page, photo_of, picture
from support.models import LogEntry

PART = {"HX-Request": "true", "HX-Target": "passport-number"}


@pytest.fixture
def client(make, anna):
    return make.consented(anna)


@pytest.fixture
def saved_passport(make, anna, client):
    return make.passport(client, anna, digits="4613348353")


@pytest.fixture
def broken_record(client):
    """A database that refuses to write down what is shown."""
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE manager_disclosures ADD CONSTRAINT refused CHECK (false) NOT VALID")


def number_of(client) -> str:
    return reverse("passport:number", args=[client.pk])


def without_number(text: str) -> bool:
    return not any(appears_in(part, text) for part in ("348353", "4613348353", "46 13"))


def test_the_step_shows_a_masked_number_and_an_empty_field(as_anna, client, saved_passport):
    answer = as_anna.get(page(client))

    assert "46•• •••353" in answer.text
    assert answer.context["form"]["digits"].value() is None
    assert without_number(answer.text.replace("Например, 46 13 348353", ""))
    assert not Disclosure.objects.exists()


def test_an_empty_field_leaves_the_number_as_it_is(as_anna, client, saved_passport):
    answer = as_anna.post(page(client), payload(digits="", issued_by="ОВД «Арбат»"))

    assert answer.status_code == 302
    after = Passport.objects.get()
    assert (after.digits, after.issued_by) == ("4613348353", "ОВД «Арбат»")
    assert after.series_and_number == saved_passport.series_and_number


def test_the_same_number_typed_again_is_no_change(as_anna, client, saved_passport):
    as_anna.post(page(client), payload(digits="46 13 348353"))

    assert "серия и номер" not in LogEntry.objects.filter(thread__client=client).latest("created_at").body


def test_a_new_number_replaces_the_old_one(as_anna, client, saved_passport):
    as_anna.post(page(client), payload(digits="46 13 348354"))

    assert Passport.objects.get().digits == "4613348354"
    assert "серия и номер" in LogEntry.objects.filter(thread__client=client).latest("created_at").body


def test_the_number_is_asked_for_where_there_is_none(as_anna, client):
    answer = as_anna.post(page(client), payload(digits=""))

    assert answer.status_code == 422
    assert answer.context["form"].errors.keys() == {"digits"}


def test_showing_the_number_is_written_down(as_anna, anna, client, saved_passport):
    assert without_number(as_anna.get(number_of(client)).text)
    assert not Disclosure.objects.exists()

    answer = as_anna.post(number_of(client))

    assert "46 13 348353" in answer.text
    shown = Disclosure.objects.get()
    assert (shown.client, shown.by, shown.what, shown.ip) == (client, anna, DisclosureKind.PASSPORT_NUMBER, "127.0.0.1")
    assert shown.request_id == answer["X-Request-ID"]


def test_htmx_gets_the_number_alone(as_anna, client, saved_passport):
    answer = as_anna.post(number_of(client), headers=PART)

    assert answer.text.strip().startswith('<p class="help" id="passport-number"')
    assert "46 13 348353" in answer.text
    assert Disclosure.objects.count() == 1


def test_number_is_not_shown_when_logging_fails(as_anna, client, saved_passport, broken_record):
    as_anna.raise_request_exception = False

    answer = as_anna.post(number_of(client), headers=PART)

    assert answer.status_code == 500
    assert without_number(answer.text)


def test_missing_passport_returns_404(as_anna, client):
    assert as_anna.post(number_of(client)).status_code == 404
    assert not Disclosure.objects.exists()


def test_lost_key_breaks_no_page(as_anna, client, saved_passport, settings):
    settings.PERSONAL_DATA_KEYS = ["another key"]

    assert "не читается" in as_anna.get(page(client)).text
    assert "не читается" in as_anna.post(number_of(client)).text
    assert not Disclosure.objects.exists()


def test_the_photo_is_loaded_only_when_asked_for_and_each_opening_is_written_down(
    as_anna, anna, client, saved_passport
):
    as_anna.post(page(client), payload(digits="", photo=picture()))

    assert not re.search(r"<img[^>]* src=", as_anna.get(page(client)).text)
    assert not Disclosure.objects.exists()
    for _ in range(2):
        assert as_anna.get(photo_of(client), follow=True).status_code == 200
    assert list(Disclosure.objects.values_list("by", "what")) == [(anna.pk, DisclosureKind.PASSPORT_PHOTO)] * 2


def test_a_photo_whose_showing_cannot_be_written_down_is_not_sent(as_anna, client, saved_passport, broken_record):
    as_anna.post(page(client), payload(digits="", photo=picture()))
    as_anna.raise_request_exception = False

    answer = as_anna.get(photo_of(client))

    assert answer.status_code == 500
    assert answer["Content-Type"].startswith("text/html")


def test_other_managers_get_404_and_nothing_is_logged(as_boris, as_vera, client, saved_passport):
    for browser in (as_boris, as_vera):
        for url in (number_of(client), photo_of(client)):
            assert browser.get(url).status_code == 404
        assert browser.post(number_of(client)).status_code == 404
    assert not Disclosure.objects.exists()
