"""Invalid contact data in both forms: the response has an error in Russian, and nothing is saved."""

import pytest

from clients.models import AppUser, Client, Status

VALID = {"name": "Иванов Пётр", "phone": "9771232323", "email": "petr@mail.example", "address": "г. Москва, д. 5"}
INVALID = {
    "name": ["", " ", "\x00", "Иван\x00", "а" * 151, "а" * 1_000_000, "😀", "Иван 👍🏽",
             "12345", "Иван\x07", "\u200b", "\ufffe", "Иван\u202eов", "Иван\u200b", "Иван 🏻"],
    "phone": ["", "\x00", "977123232\x003", "9" * 1_000_000, "😀", "977😀1232323", "-9771232323000", "1e9", "31.02"],
    "email": ["\x00", "a@b", "a@", "а" * 1_000_000, "😀@mail.example",
              "a b@mail.example", "a@mail.example\x00", "x" * 250 + "@a.ru"],
    "address": ["", " ", "\x00", "г. Москва\x00", "а" * 501, "а" * 1_000_000, "г. Москва 😀", "....", "\u202e\ue000 д",
                "г. Тула, д. \u202e1", "г. Тула\u200b"],
}  # fmt: skip
CASES = [
    pytest.param(field, value, id=f"{field}-{ascii(value)[:24]}")
    for field, values in INVALID.items()
    for value in values
]


@pytest.mark.parametrize(("field", "value"), CASES)
def test_invalid_contact_data_adds_no_client(as_anna, field, value):
    response = as_anna.post("/clients/add/", VALID | {field: value})

    assert response.status_code == 422
    assert field in response.context["form"].errors
    assert all(any("а" <= c <= "я" for c in error) for error in response.context["form"].errors[field])
    assert not AppUser.objects.exists()


@pytest.mark.parametrize(("field", "value"), CASES)
def test_invalid_contact_data_changes_nothing(make, as_anna, field, value):
    client = make.client()
    before = AppUser.objects.values().get()

    response = as_anna.post(f"/clients/{client.pk}/contact/", VALID | {field: value})

    assert response.status_code == 422
    assert field in response.context["form"].errors
    assert AppUser.objects.values().get() == before
    assert Client.objects.get().status == Status.NEW


@pytest.mark.parametrize("field", ["name", "phone", "address"])
def test_missing_field_is_an_error_of_that_field(as_anna, field):
    response = as_anna.post("/clients/add/", {name: value for name, value in VALID.items() if name != field})

    assert response.status_code == 422
    assert response.context["form"].errors.keys() == {field}


def test_empty_post_is_invalid(make, as_anna):
    assert as_anna.post("/clients/add/").status_code == 422
    assert as_anna.post(f"/clients/{make.client().pk}/contact/").status_code == 422


def test_body_above_the_limit_is_rejected(as_anna):
    assert as_anna.post("/clients/add/", VALID | {"name": "а" * 3_000_000}).status_code == 400


@pytest.mark.parametrize("pk", ["x", "1", "00000000-0000-0000-0000-000000000000", "0" * 32, "%00", "😀", "../admin"])
def test_invalid_id_is_not_found(as_anna, pk):
    for url in (f"/clients/{pk}/", f"/clients/{pk}/contact/"):
        assert as_anna.get(url).status_code in (400, 404)
        assert as_anna.post(url, VALID).status_code in (400, 404, 405)


@pytest.mark.parametrize("name", ["Анна-Мария д’Арк", "Жан-Поль (Иван) мл.", "O'Neil", "Ёж №5"])
def test_unusual_names_are_accepted(as_anna, name):
    assert as_anna.post("/clients/add/", VALID | {"name": name}).status_code == 302
