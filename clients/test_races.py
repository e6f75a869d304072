"""Concurrent operations on one client, each on its own connection."""

import pytest
from django.contrib.messages import get_messages
from django.db import transaction
from django.urls import reverse
from django.utils import timezone

from clients.exceptions import AlreadyClaimed, EmailTaken
from clients.models import AppUser, Client, ClientChange, Status
from conftest import post_while
from support import bridge
from support.models import LogEntry, LogKind


def confirm(client: Client, by, name: str):
    user = client.user
    Client.objects.get(pk=client.pk).confirm_contact(
        by=by, name=name, phone=user.phone, email=user.email, address=user.address
    )
    return by


def test_only_one_of_two_managers_claims_a_client(make, anna, boris, race):
    """Exactly one wins, and nothing of the other is saved. In the older system both claimed the client."""
    client = make.client()

    outcomes = race(
        lambda: confirm(client, anna, "Имя от Анны"), lambda: confirm(client, boris, "Имя от Бориса"), at=client.user
    )

    (winner,) = [outcome for outcome in outcomes if outcome in (anna, boris)]
    (refused,) = [outcome for outcome in outcomes if isinstance(outcome, AlreadyClaimed)]
    client = make.fresh(client)
    assert client.manager == refused.client.manager == winner
    assert client.status == Status.IN_VERIFICATION
    assert client.user.name == ("Имя от Анны" if winner == anna else "Имя от Бориса")
    assert ClientChange.objects.get().by == winner


def test_repeated_confirmation_claims_once(make, anna, race):
    client = make.client()

    outcomes = race(*[lambda: confirm(client, anna, "Иванов")] * 2, at=client.user)

    assert outcomes == [anna, anna]
    assert ClientChange.objects.count() == 1


def test_only_one_of_a_manager_and_an_admin_claims(make, anna, gleb, race):
    client = make.client()

    outcomes = race(lambda: confirm(client, anna, "Иванов"), lambda: confirm(client, gleb, "Иванов"), at=client.user)

    claimer = ClientChange.objects.get().by
    assert make.fresh(client).manager == claimer
    # The second confirmation succeeds for an admin, as a correction, and is refused for a manager.
    assert outcomes[1] == gleb
    assert outcomes[0] == anna if claimer == anna else isinstance(outcomes[0], AlreadyClaimed)


def test_search_finds_a_name_confirmed_while_a_device_is_added(make, anna, race):
    client = make.awaiting_contract(anna)

    def add():
        with transaction.atomic():
            return make.device(make.fresh(client).lock(), anna)

    race(add, lambda: confirm(client, anna, "Новикова"), at=client)

    assert "новикова" in make.fresh(client).search


def test_only_one_of_two_clients_gets_an_email_that_differs_in_case(make, anna, boris, race):
    one, another = make.client(), make.client()

    def set_email(client, by, email):
        user = client.user
        client.confirm_contact(by=by, name=user.name, phone=user.phone, email=email, address="г. Орёл")

    outcomes = race(
        lambda: set_email(one, anna, "new@mail.example"),
        lambda: set_email(another, boris, "New@mail.example"),
        at=AppUser,
    )

    assert sorted(map(type, outcomes), key=str) == sorted([type(None), EmailTaken], key=str)
    assert AppUser.objects.filter(email__iexact="new@mail.example").count() == 1


@pytest.mark.django_db(transaction=True)
def test_bulk_reassign_skips_a_concurrently_erased_client(make, anna, boris, gleb):
    erased, reassigned = make.verified(anna), make.verified(anna)
    data = {"action": "reassign", "manager": boris.pk, "_selected_action": [erased.pk, reassigned.pk]}

    def erase():
        erased.change_status(Status.ERASED, by=gleb, now=timezone.now(), allowed_from=(Status.IN_VERIFICATION,))

    response = post_while(erase, gleb, reverse("admin:clients_client_changelist"), data)

    assert response.status_code == 302
    shown_messages = [str(message) for message in get_messages(response.wsgi_request)]
    assert shown_messages == [
        "Передано клиентов: 1. Менеджер — Борис Кузнецов.",
        "Не передано клиентов: 1. Их данные только что удалены.",
    ]
    assert (make.fresh(reassigned).manager, make.fresh(erased).manager) == (boris, anna)


FORMS = {  # forms about one client, by URL, with data that would be saved
    "/clients/{pk}/devices/add/": {"title": "Плита", "type": 1, "purchased_on": "2024-05"},
    "/clients/{pk}/notes/": {"body": "Позвонить вечером"},
    "/clients/{pk}/contract/": {},
    "/clients/{pk}/contact/": {"name": "Иванов", "phone": "9031112233", "email": "", "address": "г. Орёл"},
}


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("route", FORMS)
def test_form_of_the_previous_manager_saves_nothing_after_reassignment(make, anna, boris, gleb, route):
    """Access was checked before the reassignment, and the lock was acquired after it."""
    client = make.awaiting_contract(anna)
    data = FORMS[route] | ({"type": make.type().pk} if "type" in FORMS[route] else {})

    response = post_while(
        lambda: make.fresh(client).reassign(to=boris, by=gleb), anna, route.format(pk=client.pk), data
    )

    assert response.status_code in (404, 409)
    fresh = make.fresh(client)
    assert (fresh.manager, fresh.user.name) == (boris, client.user.name)
    assert (fresh.devices.count(), fresh.contracts.count()) == (1, 0)
    assert not LogEntry.objects.filter(kind=LogKind.NOTE).exists()


@pytest.mark.django_db(transaction=True)
def test_note_is_saved_while_the_same_manager_claims_in_another_tab(make, anna):
    client = make.client()

    response = post_while(
        lambda: confirm(client, anna, "Иванов"), anna, f"/clients/{client.pk}/notes/", {"body": "Позвонить вечером"}
    )

    assert response.status_code == 302
    assert LogEntry.objects.filter(kind=LogKind.NOTE, author=anna).exists()


@pytest.mark.django_db(transaction=True)
def test_support_answer_is_sent_while_the_client_is_reassigned(make, anna, boris, gleb, vera):
    """Support has no clients, so a change of the manager does not matter."""
    client = make.verified(anna)
    with transaction.atomic():
        ticket = bridge.contract_ticket(client, now=timezone.now())

    url = f"/support/{ticket.pk}/answer/"
    response = post_while(lambda: make.fresh(client).reassign(to=boris, by=gleb), vera, url, {"body": "Здравствуйте"})

    assert response.status_code == 302
    assert ticket.messages.filter(body="Здравствуйте").exists()
