import pytest
from django.urls import reverse

from conftest import appears_in
from passport.models import Passport


@pytest.fixture
def client_page(make, anna):
    client = make.verified(anna)
    make.passport(client, anna, digits="4613348353", issued_by="ОВД района Тверской")
    return reverse("admin:clients_client_change", args=[client.pk])


def test_admins_see_the_passport_with_a_masked_number(as_gleb, client_page):
    text = as_gleb.get(client_page).text

    assert "46•• •••353" in text
    assert "ОВД района Тверской" in text
    assert Passport.objects.get().series_and_number not in text
    for part in ("348353", "4613348353", "46 13"):
        assert not appears_in(part, text)


def test_passport_without_its_key_is_shown_as_unreadable(as_gleb, client_page, settings):
    settings.PERSONAL_DATA_KEYS = ["another key"]

    assert "не читается" in as_gleb.get(client_page).text


def test_passport_is_read_only(as_gleb, client_page):
    passport = Passport.objects.get()
    before = Passport.objects.values().get()

    as_gleb.post(
        client_page,
        {
            "manager": passport.client.manager_id,
            "initial-manager": passport.client.manager_id,
            "passport-TOTAL_FORMS": "1",
            "passport-INITIAL_FORMS": "1",
            "passport-0-id": passport.pk,
            "passport-0-client": passport.client_id,
            "passport-0-issued_by": "Другой",
            "passport-0-DELETE": "on",
        },
    )

    assert Passport.objects.values().get() == before
