"""Concurrent requests to step 1 and to the form for adding a client, and concurrent changes in the app."""

import pytest

from clients.models import AppUser, Client, ClientChange, Status
from conftest import browser_for, post_while
from support.models import LogEntry

DATA = {"name": "Иванов", "phone": "9031112233", "email": "new@mail.example", "address": "г. Орёл"}


def test_losing_manager_sees_who_claimed_the_client(make, anna, boris, race):
    client = make.client()
    data = {"name": "Иванов", "phone": client.user.phone, "email": "", "address": "г. Орёл"}

    def post(manager):
        return browser_for(manager).post(f"/clients/{client.pk}/contact/", data)

    outcomes = race(lambda: post(anna), lambda: post(boris), at=client.user)

    won, lost = sorted(outcomes, key=lambda response: response.status_code)
    assert (won.status_code, lost.status_code) == (302, 409)
    assert Client.objects.select_related("manager").get().manager.name in lost.text
    assert LogEntry.objects.filter(body__startswith="Контактные данные подтверждены").count() == 1


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("field", ["phone", "email"])
def test_concurrent_account_with_the_same_value_is_an_error_of_the_field(make, anna, field):
    """The form's own check finds no conflict yet. The unique index does, and the response is the same."""
    response = post_while(lambda: make.user(**{field: DATA[field]}), anna, "/clients/add/", DATA)

    assert response.status_code == 422
    assert response.context["form"].errors.keys() == {field}
    assert AppUser.objects.count() == Client.objects.count() == 1


def test_only_one_of_two_clients_with_one_email_in_different_cases_is_added(anna, boris, race):
    """No unique index refuses the second, because to the app they are different e-mails."""

    def post(manager, **fields):
        return browser_for(manager).post("/clients/add/", DATA | fields)

    outcomes = race(
        lambda: post(anna, phone="9031112233", email="new@mail.example"),
        lambda: post(boris, phone="9031112244", email="New@mail.example"),
        at=AppUser,
    )

    added, rejected = sorted(outcomes, key=lambda response: response.status_code)
    assert (added.status_code, rejected.status_code) == (302, 422)
    assert rejected.context["form"].errors.keys() == {"email"}
    assert AppUser.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_concurrently_taken_phone_leaves_the_client_unclaimed(make, anna):
    client = make.client()

    url = f"/clients/{client.pk}/contact/"
    response = post_while(lambda: make.user(phone=DATA["phone"]), anna, url, DATA)

    assert response.status_code == 422
    assert "Этот телефон уже у клиента" in response.text
    fresh = make.fresh(client)
    assert (fresh.status, fresh.manager, fresh.user.name) == (Status.NEW, None, client.user.name)
    assert not ClientChange.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_concurrent_correction_in_the_app_is_not_overwritten(make, anna):
    client = make.client()
    correct = AppUser.objects.filter(pk=client.user_id).update

    url = f"/clients/{client.pk}/contact/"
    response = post_while(lambda: correct(address="г. Псков"), anna, url, DATA)

    assert response.status_code == 409
    assert "Теперь в учётной записи: г. Псков." in response.text
    fresh = make.fresh(client)
    assert (fresh.status, fresh.manager, fresh.user.address) == (Status.NEW, None, "г. Псков")
    assert not ClientChange.objects.exists()
