"""Series and number are masked and shown only after the disclosure is recorded."""

import re

import pytest
from django.urls import reverse

from clients.disclosure import Disclosure, DisclosureKind
from conftest import appears_in, execute_as_owner
from passport.models import Passport
from passport.test_passport_form import payload
from passport.test_passport_page import page, photo_file, photo_of
from support.models import LogEntry

PART = {"HX-Request": "true", "HX-Target": "passport-number"}


@pytest.fixture
def client(make, anna):
    return make.consented(anna)


@pytest.fixture
def saved_passport(make, anna, client):
    return make.passport(client, anna, digits="4613348353")


@pytest.fixture
def broken_disclosures(client):
    """Make the database refuse disclosures."""
    execute_as_owner("ALTER TABLE manager_disclosures ADD CONSTRAINT refused CHECK (false) NOT VALID")


def number_of(client) -> str:
    return reverse("passport:number", args=[client.pk])


def without_number(text: str) -> bool:
    return not any(appears_in(part, text) for part in ("348353", "4613348353", "46 13"))


def test_step_shows_a_masked_number_and_an_empty_field(as_anna, client, saved_passport):
    response = as_anna.get(page(client))

    assert "46•• •••353" in response.text
    assert response.context["form"]["digits"].value() is None
    assert without_number(response.text.replace("Например, 46 13 348353", ""))
    assert not Disclosure.objects.exists()


def test_empty_field_keeps_the_number(as_anna, client, saved_passport):
    response = as_anna.post(page(client), payload(digits="", issued_by="ОВД «Арбат»"))

    assert response.status_code == 302
    passport = Passport.objects.get()
    assert (passport.digits, passport.issued_by) == ("4613348353", "ОВД «Арбат»")
    assert passport.series_and_number == saved_passport.series_and_number


def test_same_number_is_no_change(as_anna, client, saved_passport):
    as_anna.post(page(client), payload(digits="46 13 348353"))

    assert "серия и номер" not in LogEntry.objects.filter(thread__client=client).latest("created_at").body


def test_new_number_replaces_the_previous_one(as_anna, client, saved_passport):
    as_anna.post(page(client), payload(digits="46 13 348354"))

    assert Passport.objects.get().digits == "4613348354"
    assert "серия и номер" in LogEntry.objects.filter(thread__client=client).latest("created_at").body


def test_number_is_required_for_a_new_passport(as_anna, client):
    response = as_anna.post(page(client), payload(digits=""))

    assert response.status_code == 422
    assert response.context["form"].errors.keys() == {"digits"}


def test_showing_the_number_records_a_disclosure(as_anna, anna, client, saved_passport):
    assert without_number(as_anna.get(number_of(client)).text)
    assert not Disclosure.objects.exists()

    response = as_anna.post(number_of(client))

    assert "46 13 348353" in response.text
    row = Disclosure.objects.get()
    assert (row.client, row.by, row.what, row.ip) == (client, anna, DisclosureKind.PASSPORT_NUMBER, "127.0.0.1")
    assert row.request_id == response["X-Request-ID"]


def test_htmx_gets_the_number_fragment(as_anna, client, saved_passport):
    response = as_anna.post(number_of(client), headers=PART)

    assert response.text.strip().startswith('<p class="help" id="passport-number"')
    assert "46 13 348353" in response.text
    assert Disclosure.objects.count() == 1


def test_number_is_not_shown_if_the_disclosure_cannot_be_recorded(as_anna, client, saved_passport, broken_disclosures):
    as_anna.raise_request_exception = False

    response = as_anna.post(number_of(client), headers=PART)

    assert response.status_code == 500
    assert without_number(response.text)


def test_missing_passport_returns_404(as_anna, client):
    assert as_anna.post(number_of(client)).status_code == 404
    assert not Disclosure.objects.exists()


def test_number_without_its_key_is_shown_as_unreadable(as_anna, client, saved_passport, settings):
    settings.PERSONAL_DATA_KEYS = ["another key"]

    assert "не читается" in as_anna.get(page(client)).text
    assert "не читается" in as_anna.post(number_of(client)).text
    assert not Disclosure.objects.exists()


def test_photo_is_not_embedded_and_each_opening_records_a_disclosure(as_anna, anna, client, saved_passport):
    as_anna.post(page(client), payload(digits="", photo=photo_file()))

    assert not re.search(r"<img[^>]* src=", as_anna.get(page(client)).text)
    assert not Disclosure.objects.exists()
    for _ in range(2):
        assert as_anna.get(photo_of(client), follow=True).status_code == 200
    assert list(Disclosure.objects.values_list("by", "what")) == [(anna.pk, DisclosureKind.PASSPORT_PHOTO)] * 2


def test_photo_is_not_served_if_the_disclosure_cannot_be_recorded(as_anna, client, saved_passport, broken_disclosures):
    as_anna.post(page(client), payload(digits="", photo=photo_file()))
    as_anna.raise_request_exception = False

    response = as_anna.get(photo_of(client))

    assert response.status_code == 500
    assert response["Content-Type"].startswith("text/html")


def test_other_managers_get_404_without_a_disclosure(as_boris, as_vera, client, saved_passport):
    for browser in (as_boris, as_vera):
        for url in (number_of(client), photo_of(client)):
            assert browser.get(url).status_code == 404
        assert browser.post(number_of(client)).status_code == 404
    assert not Disclosure.objects.exists()
