"""Conflicts in step 1: the client changes contact data in the app while a manager has the page open."""

import pytest

from clients.models import AppUser, Client, Status
from contact.test_contact import log, page_of

OLD, NEW = "г. Москва, ул. Лесная, д. 5, кв. 12", "г. Псков, ул. Труда, д. 3"


@pytest.fixture
def client(make) -> Client:
    return make.client(name="Иванов Пётр", phone="9771112233", email="petr@mail.example", address=OLD)


def open_form(browser, client: Client) -> dict[str, str]:
    """Open step 1 and return what its form sends if nothing is edited."""
    return fields_of(browser.get(page_of(client)))


def fields_of(response) -> dict[str, str]:
    form = response.context["form"]
    assert f'name="shown" value="{form.original_signed}"' in response.text
    return {field.name: field.value() or "" for field in form} | {"shown": form.original_signed}


def change_in_the_app(**fields) -> None:
    AppUser.objects.update(**fields)


def test_stale_page_returns_409_with_current_values(client, as_anna, make):
    sent = open_form(as_anna, client)
    change_in_the_app(address=NEW, email=None)

    response = as_anna.post(page_of(client), sent)

    assert response.status_code == 409
    form = response.context["form"]
    assert "данные клиента изменились: электронная почта, адрес." in response.text
    assert (form["address"].value(), form["email"].value()) == (NEW, None)
    assert list(form.errors) == ["__all__"]
    fresh = make.fresh(client)
    assert (fresh.user.address, fresh.user.email, fresh.status, fresh.manager) == (NEW, None, Status.NEW, None)
    assert log(client) == []


def test_typed_values_stay_next_to_current_values(client, as_anna):
    sent = open_form(as_anna, client) | {"address": "г. Орёл", "name": "Иванов Павел"}
    change_in_the_app(address=NEW, phone="9034445566")

    response = as_anna.post(page_of(client), sent)

    form = response.context["form"]
    assert [form[name].value() for name in ("name", "phone", "address")] == [
        "Иванов Павел", "+7 (903) 444-55-66", "г. Орёл",
    ]  # fmt: skip
    assert form.errors["address"] == [f"Теперь в учётной записи: {NEW}. Оставьте своё или впишите это."]
    assert "изменились: телефон, адрес." in response.text


def test_conflict_page_can_be_submitted(client, as_anna, make):
    sent = open_form(as_anna, client) | {"address": "г. Орёл"}
    change_in_the_app(address=NEW, phone="9034445566")
    sent = fields_of(as_anna.post(page_of(client), sent))

    assert as_anna.post(page_of(client), sent).status_code == 302
    user = make.fresh(client).user
    assert (user.phone, user.address) == ("9034445566", "г. Орёл")


def test_repeated_submit_is_no_conflict(client, as_anna):
    sent = open_form(as_anna, client) | {"address": "г. Орёл", "phone": "8 903 444 55 66"}

    for _ in range(2):
        assert as_anna.post(page_of(client), sent).status_code == 302
    assert log(client)[0] == "Контактные данные подтверждены, клиент взят в работу. Исправлено: телефон, адрес."
    assert [entry[:7] for entry in log(client)[1:]] == ["Телефон"]  # the notice to the client


def test_same_correction_by_the_client_is_no_conflict(client, as_anna):
    sent = open_form(as_anna, client) | {"address": NEW}
    change_in_the_app(address=NEW)

    assert as_anna.post(page_of(client), sent).status_code == 302


def test_invalid_submit_keeps_the_original_values_for_comparison(client, as_anna, make):
    sent = open_form(as_anna, client)
    change_in_the_app(address=NEW)
    rejected = as_anna.post(page_of(client), sent | {"name": ""})
    assert rejected.status_code == 422

    assert as_anna.post(page_of(client), fields_of(rejected) | {"name": "Иванов Пётр"}).status_code == 409
    assert make.fresh(client).user.address == NEW


def test_value_now_used_by_another_account_is_no_error_when_unchanged(client, as_anna, make):
    sent = open_form(as_anna, client)
    change_in_the_app(phone="9034445566", email="new@mail.example")
    make.user(phone="9771112233", email="Petr@mail.example")

    assert as_anna.post(page_of(client), sent).status_code == 409


def test_invalid_phone_corrected_in_the_app_is_a_conflict_and_no_error(client, as_anna):
    change_in_the_app(phone="1110000001")
    sent = open_form(as_anna, client)
    change_in_the_app(phone="9034445566")

    response = as_anna.post(page_of(client), sent)

    assert (response.status_code, response.context["form"]["phone"].value()) == (409, "+7 (903) 444-55-66")


def test_different_line_breaks_are_no_edit(client, as_anna):
    change_in_the_app(address="г. Москва\nд. 5")
    sent = open_form(as_anna, client) | {"address": "г. Москва\r\nд. 5"}  # as browsers send it
    change_in_the_app(address=NEW)

    form = as_anna.post(page_of(client), sent).context["form"]

    assert (form["address"].value(), list(form.errors)) == (NEW, ["__all__"])


@pytest.mark.parametrize("shown", ["", "x", "\x00", "а:б:в", "of another client"])
def test_form_without_a_valid_original_is_compared_with_current_data(client, as_anna, make, shown):
    if shown == "of another client":
        shown = open_form(as_anna, make.client(address="г. Тула"))["shown"]

    sent = open_form(as_anna, client) | {"address": "г. Орёл", "shown": shown}

    assert as_anna.post(page_of(client), sent).status_code == 302
