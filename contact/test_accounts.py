"""Accounts without a password, and closed accounts, on the pages that add a client and confirm contact data."""

import pytest
from django.urls import reverse

from clients.models import AccountStatus, AppUser, Client, Status
from conftest import post_while
from contact.test_add import payload as added
from contact.test_contact import page_of, payload
from support.models import LogEntry

NO_WAY_IN = "Код до клиента не дойдёт:"
FORGOTTEN = "Пусть нажмёт там «Забыли пароль» и введёт свою почту"
STEPS = ("clients:contact", "passport:passport", "devices:devices", "contracts:contract")


def without_email(client: Client) -> None:
    AppUser.objects.filter(pk=client.user_id).update(email=None)


def set_password(client: Client) -> None:
    AppUser.objects.filter(pk=client.user_id).update(password_hash="$argon2id$of-the-app")


def test_manager_learns_how_an_added_client_gets_in(as_anna):
    text = as_anna.post("/clients/add/", added(), follow=True).text

    assert FORGOTTEN in text
    assert NO_WAY_IN not in text


def test_manager_learns_that_an_added_client_without_email_has_no_way_in(as_anna):
    text = as_anna.post("/clients/add/", added(email=""), follow=True).text

    assert NO_WAY_IN in text
    assert "Впишите почту" in text


@pytest.mark.parametrize("name", [*STEPS[1:], "contracts:card"])
def test_pages_offer_to_add_an_email_before_a_code_is_requested(make, as_anna, anna, name):
    client = make.awaiting_contract(anna)
    page = reverse(name, args=[client.pk])
    assert NO_WAY_IN not in as_anna.get(page).text
    without_email(client)

    text = as_anna.get(page).text

    assert NO_WAY_IN in text
    assert f'<a href="{page_of(client)}">Добавьте почту</a>' in text
    set_password(client)
    assert NO_WAY_IN not in as_anna.get(page).text


def test_way_in_is_shown_until_the_client_sets_a_password(make, as_anna, anna):
    client = make.awaiting_contract(anna)
    shown = [name for name in STEPS if FORGOTTEN in as_anna.get(reverse(name, args=[client.pk])).text]
    assert shown == ["clients:contact", "contracts:contract"]

    set_password(client)
    for name in STEPS:
        assert FORGOTTEN not in as_anna.get(reverse(name, args=[client.pk])).text


def test_account_made_by_the_app_without_email_is_no_problem(make, as_anna):
    client = make.client(email=None, password_hash="$argon2id$of-the-app")

    assert NO_WAY_IN not in as_anna.get(page_of(client)).text


# Closed accounts


def test_contact_data_of_a_closed_account_is_shown_without_a_form(make, as_anna, anna):
    client = make.verified(anna)
    make.close_account(client)

    text = as_anna.get(page_of(client)).text

    assert "Изменить эти данные можно будет, когда учётную запись восстановят." in text
    assert 'name="phone"' not in text


@pytest.mark.parametrize("is_claimed", [True, False])
def test_contact_data_of_a_closed_account_cannot_be_changed(make, as_anna, anna, is_claimed):
    client = make.verified(anna) if is_claimed else make.client()
    if not is_claimed:
        Client.objects.filter(pk=client.pk).update(manager=anna)  # or it would leave the pool
    form = as_anna.get(page_of(client)).context["form"]
    typed = payload(client, name="Новое Имя", phone=form["phone"].value(), shown=form.original_signed)
    make.close_account(client)
    before = AppUser.objects.get().contact

    response = as_anna.post(page_of(client), typed)

    assert response.status_code == 409
    assert "Ничего не записано: учётная запись клиента удалена." in response.text
    assert 'value="Новое Имя"' in response.text
    assert AppUser.objects.get().contact == before
    assert make.fresh(client).status == (Status.IN_VERIFICATION if is_claimed else Status.NEW)
    assert not LogEntry.objects.exists()

    make.reopen_account(client)
    assert as_anna.post(page_of(client), typed).status_code == 302
    assert AppUser.objects.get().name == "Новое Имя"


def test_contact_data_of_a_blocked_account_can_be_changed(make, as_anna, anna):
    client = make.verified(anna)
    AppUser.objects.update(status=AccountStatus.BLOCKED)

    assert as_anna.post(page_of(client), payload(client, name="Новое Имя")).status_code == 302
    assert AppUser.objects.get().name == "Новое Имя"


@pytest.mark.django_db(transaction=True)
def test_account_closed_while_the_form_is_saved_keeps_its_data(make, anna):
    client = make.verified(anna)
    data = payload(client, name="Новое Имя")

    response = post_while(lambda: make.close_account(client), anna, page_of(client), data)

    assert response.status_code == 409
    assert AppUser.objects.get().name == client.user.name


@pytest.mark.django_db(transaction=True)
def test_account_deleted_while_the_form_is_saved_is_not_found(make, anna):
    client = make.verified(anna)

    response = post_while(lambda: make.delete_account(client), anna, page_of(client), payload(client))

    assert response.status_code == 404
