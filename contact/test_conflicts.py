"""Step 1 from a page that was left open: what the client corrected in the app meanwhile is not overwritten unseen."""

import pytest

from clients.models import AppUser, Client, Status
from contact.test_contact import log, page_of

OLD, NEW = "г. Москва, ул. Лесная, д. 5, кв. 12", "г. Псков, ул. Труда, д. 3"


@pytest.fixture
def client(make) -> Client:
    return make.client(name="Иванов Пётр", phone="9771112233", email="petr@mail.example", address=OLD)


def opened(browser, client: Client) -> dict[str, str]:
    """What the page of step 1 sends when nobody types anything."""
    return fields_of(browser.get(page_of(client)))


def fields_of(response) -> dict[str, str]:
    form = response.context["form"]
    assert f'name="shown" value="{form.original_signed}"' in response.text
    return {field.name: field.value() or "" for field in form} | {"shown": form.original_signed}


def in_the_app(**fields) -> None:
    AppUser.objects.update(**fields)


def test_a_page_of_before_the_change_is_refused_and_shows_what_is_there_now(client, as_anna, make):
    sent = opened(as_anna, client)
    in_the_app(address=NEW, email=None)

    response = as_anna.post(page_of(client), sent)

    assert response.status_code == 409
    form = response.context["form"]
    assert "данные клиента изменились: электронная почта, адрес." in response.text
    assert (form["address"].value(), form["email"].value()) == (NEW, None)
    assert list(form.errors) == ["__all__"]
    fresh = make.fresh(client)
    assert (fresh.user.address, fresh.user.email, fresh.status, fresh.manager) == (NEW, None, Status.NEW, None)
    assert log(client) == []


def test_what_the_manager_typed_is_kept_beside_what_is_there_now(client, as_anna):
    sent = opened(as_anna, client) | {"address": "г. Орёл", "name": "Иванов Павел"}
    in_the_app(address=NEW, phone="9034445566")

    response = as_anna.post(page_of(client), sent)

    form = response.context["form"]
    assert [form[name].value() for name in ("name", "phone", "address")] == [
        "Иванов Павел", "+7 (903) 444-55-66", "г. Орёл",
    ]  # fmt: skip
    assert form.errors["address"] == [f"Теперь в учётной записи: {NEW}. Оставьте своё или впишите это."]
    assert "изменились: телефон, адрес." in response.text


def test_the_page_that_says_so_may_be_sent(client, as_anna, make):
    sent = opened(as_anna, client) | {"address": "г. Орёл"}
    in_the_app(address=NEW, phone="9034445566")
    sent = fields_of(as_anna.post(page_of(client), sent))

    assert as_anna.post(page_of(client), sent).status_code == 302
    user = make.fresh(client).user
    assert (user.phone, user.address) == ("9034445566", "г. Орёл")


def test_a_second_save_of_the_same_page_is_no_change_of_somebody_else(client, as_anna):
    sent = opened(as_anna, client) | {"address": "г. Орёл", "phone": "8 903 444 55 66"}

    for _ in range(2):
        assert as_anna.post(page_of(client), sent).status_code == 302
    assert log(client) == ["Контактные данные подтверждены, клиент взят в работу. Исправлено: телефон, адрес."]


def test_what_the_client_corrected_likewise_is_no_contradiction(client, as_anna):
    sent = opened(as_anna, client) | {"address": NEW}
    in_the_app(address=NEW)

    assert as_anna.post(page_of(client), sent).status_code == 302


def test_an_error_in_between_does_not_make_the_page_a_new_one(client, as_anna, make):
    sent = opened(as_anna, client)
    in_the_app(address=NEW)
    refused = as_anna.post(page_of(client), sent | {"name": ""})
    assert refused.status_code == 422

    assert as_anna.post(page_of(client), fields_of(refused) | {"name": "Иванов Пётр"}).status_code == 409
    assert make.fresh(client).user.address == NEW


def test_what_the_client_gave_up_and_another_has_now_is_no_error_of_the_manager(client, as_anna, make):
    sent = opened(as_anna, client)
    in_the_app(phone="9034445566", email="new@mail.example")
    make.user(phone="9771112233", email="Petr@mail.example")

    assert as_anna.post(page_of(client), sent).status_code == 409


def test_an_odd_phone_that_was_corrected_in_the_app_is_no_error_of_the_manager(client, as_anna):
    in_the_app(phone="1110000001")
    sent = opened(as_anna, client)
    in_the_app(phone="9034445566")

    response = as_anna.post(page_of(client), sent)

    assert (response.status_code, response.context["form"]["phone"].value()) == (409, "+7 (903) 444-55-66")


def test_other_line_breaks_are_nothing_typed(client, as_anna):
    in_the_app(address="г. Москва\nд. 5")
    sent = opened(as_anna, client) | {"address": "г. Москва\r\nд. 5"}  # as browsers send it
    in_the_app(address=NEW)

    form = as_anna.post(page_of(client), sent).context["form"]

    assert (form["address"].value(), list(form.errors)) == (NEW, ["__all__"])


@pytest.mark.parametrize("shown", ["", "x", "\x00", "а:б:в", "of another"])
def test_without_a_true_word_of_what_was_shown_the_form_is_taken_as_of_now(client, as_anna, make, shown):
    if shown == "of another":
        shown = opened(as_anna, make.client(address="г. Тула"))["shown"]

    sent = opened(as_anna, client) | {"address": "г. Орёл", "shown": shown}

    assert as_anna.post(page_of(client), sent).status_code == 302
