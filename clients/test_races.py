"""Managers who do the same at the same time, each on a connection of their own."""

from concurrent.futures import ThreadPoolExecutor
from time import monotonic, sleep

import pytest
from django.contrib.messages import get_messages
from django.db import connection, transaction
from django.urls import reverse
from django.utils import timezone

from clients.exceptions import EmailTaken
from clients.models import AppUser, ClaimedByAnother, Client, ClientChange, Status
from conftest import browser_of, waiting_for_locks
from support import bridge
from support.models import LogEntry, LogKind


def confirm(client: Client, by, name: str):
    user = client.user
    Client.objects.get(pk=client.pk).confirm_contact(
        by=by, name=name, phone=user.phone, email=user.email, address=user.address
    )
    return by


def test_two_managers_both_believe_that_they_own_the_client(make, anna, boris, race):
    """Fault of the older system: both claimed. Of two at once exactly one wins, and nothing of the other is written."""
    client = make.client()

    outcomes = race(
        lambda: confirm(client, anna, "Имя от Анны"), lambda: confirm(client, boris, "Имя от Бориса"), at=client.user
    )

    (winner,) = [outcome for outcome in outcomes if outcome in (anna, boris)]
    (refused,) = [outcome for outcome in outcomes if isinstance(outcome, ClaimedByAnother)]
    client = make.fresh(client)
    assert client.manager == refused.client.manager == winner
    assert client.status == Status.IN_VERIFICATION
    assert client.user.name == ("Имя от Анны" if winner == anna else "Имя от Бориса")
    assert ClientChange.objects.get().by == winner


def test_the_page_tells_the_loser_who_won(make, anna, boris, race):
    client = make.client()
    data = {"name": "Иванов", "phone": client.user.phone, "email": "", "address": "г. Орёл"}

    def post(manager):
        return browser_of(manager).post(f"/clients/{client.pk}/contact/", data)

    outcomes = race(lambda: post(anna), lambda: post(boris), at=client.user)

    won, lost = sorted(outcomes, key=lambda response: response.status_code)
    assert (won.status_code, lost.status_code) == (302, 409)
    assert Client.objects.select_related("manager").get().manager.name in lost.text
    assert LogEntry.objects.count() == 1


def test_one_manager_who_confirms_twice_claims_once(make, anna, race):
    client = make.client()

    outcomes = race(*[lambda: confirm(client, anna, "Иванов")] * 2, at=client.user)

    assert outcomes == [anna, anna]
    assert ClientChange.objects.count() == 1


def test_of_a_manager_and_an_admin_at_once_one_claims(make, anna, gleb, race):
    client = make.client()

    outcomes = race(lambda: confirm(client, anna, "Иванов"), lambda: confirm(client, gleb, "Иванов"), at=client.user)

    claimer = ClientChange.objects.get().by
    assert make.fresh(client).manager == claimer
    # An admin who is late corrects; a manager who is late is refused.
    assert outcomes[1] == gleb
    assert outcomes[0] == anna if claimer == anna else isinstance(outcomes[0], ClaimedByAnother)


def test_search_finds_what_step_1_writes_while_a_device_is_added(make, anna, race):
    client = make.awaiting_contract(anna)

    def add():
        with transaction.atomic():
            return make.device(make.fresh(client).locked(), anna)

    race(add, lambda: confirm(client, anna, "Новикова"), at=client)

    assert "новикова" in make.fresh(client).search


def post_while(write, manager, address: str, data: dict):
    """The answer to a form sent while `write` has written, but not committed yet."""

    def post():
        try:
            return browser_of(manager).post(address, data)
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            write()
            response = pool.submit(post)
            deadline = monotonic() + 20
            while not waiting_for_locks():
                assert monotonic() < deadline, "the form never met what is written"
                sleep(0.01)
        return response.result(timeout=20)


DATA = {"name": "Иванов", "phone": "9031112233", "email": "new@mail.example", "address": "г. Орёл"}


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("field", ["phone", "email"])
def test_an_account_that_appears_while_the_form_is_sent_is_an_error_of_the_field(make, anna, field):
    """The check of the form sees nothing yet; the unique index does, and the answer is the same."""
    response = post_while(lambda: make.user(**{field: DATA[field]}), anna, "/clients/add/", DATA)

    assert response.status_code == 422
    assert response.context["form"].errors.keys() == {field}
    assert AppUser.objects.count() == Client.objects.count() == 1


def test_of_two_clients_with_one_email_in_different_cases_one_is_added(anna, boris, race):
    """To the app they are two e-mails, so no index refuses the second."""

    def post(manager, **fields):
        return browser_of(manager).post("/clients/add/", DATA | fields)

    outcomes = race(
        lambda: post(anna, phone="9031112233", email="new@mail.example"),
        lambda: post(boris, phone="9031112244", email="New@mail.example"),
        at=AppUser,
    )

    added, refused = sorted(outcomes, key=lambda response: response.status_code)
    assert (added.status_code, refused.status_code) == (302, 422)
    assert refused.context["form"].errors.keys() == {"email"}
    assert AppUser.objects.count() == 1


def test_of_two_clients_one_is_given_an_email_that_differs_in_case_only(make, anna, boris, race):
    one, another = make.client(), make.client()

    def give(client, by, email):
        user = client.user
        client.confirm_contact(by=by, name=user.name, phone=user.phone, email=email, address="г. Орёл")

    outcomes = race(
        lambda: give(one, anna, "new@mail.example"), lambda: give(another, boris, "New@mail.example"), at=AppUser
    )

    assert sorted(map(type, outcomes), key=str) == sorted([type(None), EmailTaken], key=str)
    assert AppUser.objects.filter(email__iexact="new@mail.example").count() == 1


@pytest.mark.django_db(transaction=True)
def test_a_phone_taken_while_step_1_is_sent_claims_nobody(make, anna):
    client = make.client()

    address = f"/clients/{client.pk}/contact/"
    response = post_while(lambda: make.user(phone=DATA["phone"]), anna, address, DATA)

    assert response.status_code == 422
    assert "Этот телефон уже у клиента" in response.text
    fresh = make.fresh(client)
    assert (fresh.status, fresh.manager, fresh.user.name) == (Status.NEW, None, client.user.name)
    assert not ClientChange.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_giving_clients_to_a_manager_goes_past_one_who_is_erased_meanwhile(make, anna, boris, gleb):
    erased, moved = make.verified(anna), make.verified(anna)
    data = {"action": "reassign", "manager": boris.pk, "_selected_action": [erased.pk, moved.pk]}

    def erase():
        erased.move(Status.ERASED, by=gleb, now=timezone.now(), start=(Status.IN_VERIFICATION,))

    response = post_while(erase, gleb, reverse("admin:clients_client_changelist"), data)

    assert response.status_code == 302
    said = [str(message) for message in get_messages(response.wsgi_request)]
    assert said == [
        "Передано клиентов: 1. Менеджер — Борис Кузнецов.",
        "Не передано клиентов: 1. Их данные только что удалены.",
    ]
    assert (make.fresh(moved).manager, make.fresh(erased).manager) == (boris, anna)


@pytest.mark.django_db(transaction=True)
def test_what_the_client_corrects_in_the_app_while_step_1_is_sent_is_not_overwritten(make, anna):
    client = make.client()
    correct = AppUser.objects.filter(pk=client.user_id).update

    address = f"/clients/{client.pk}/contact/"
    response = post_while(lambda: correct(address="г. Псков"), anna, address, DATA)

    assert response.status_code == 409
    assert "Теперь в учётной записи: г. Псков." in response.text
    fresh = make.fresh(client)
    assert (fresh.status, fresh.manager, fresh.user.address) == (Status.NEW, None, "г. Псков")
    assert not ClientChange.objects.exists()


FORMS = {  # what a manager may send about a client of theirs, and what would be written
    "/clients/{pk}/devices/add/": {"title": "Плита", "type": 1, "purchased_on": "2024-05"},
    "/clients/{pk}/notes/": {"body": "Позвонить вечером"},
    "/clients/{pk}/contract/": {},
    "/clients/{pk}/contact/": DATA,
}


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("address", FORMS)
def test_a_form_that_waits_while_the_client_is_reassigned_writes_nothing(make, anna, boris, gleb, address):
    """It was let in as the old manager's; when its turn comes, the client is another's."""
    client = make.awaiting_contract(anna)
    data = FORMS[address] | ({"type": make.type().pk} if "type" in FORMS[address] else {})

    response = post_while(
        lambda: make.fresh(client).reassign(to=boris, by=gleb), anna, address.format(pk=client.pk), data
    )

    assert response.status_code in (404, 409)
    fresh = make.fresh(client)
    assert (fresh.manager, fresh.user.name) == (boris, client.user.name)
    assert (fresh.devices.count(), fresh.contracts.count()) == (1, 0)
    assert not LogEntry.objects.filter(kind=LogKind.NOTE).exists()


@pytest.mark.django_db(transaction=True)
def test_a_note_that_waits_while_its_manager_claims_the_client_in_another_tab_is_kept(make, anna):
    client = make.client()

    response = post_while(
        lambda: confirm(client, anna, "Иванов"), anna, f"/clients/{client.pk}/notes/", {"body": "Позвонить вечером"}
    )

    assert response.status_code == 302
    assert LogEntry.objects.filter(kind=LogKind.NOTE, author=anna).exists()


@pytest.mark.django_db(transaction=True)
def test_an_answer_of_support_that_waits_while_the_client_is_reassigned_is_sent(make, anna, boris, gleb, vera):
    """Support has no client of its own: who manages them does not matter."""
    client = make.verified(anna)
    with transaction.atomic():
        ticket = bridge.open_ticket(client, now=timezone.now())

    address = f"/support/{ticket.pk}/answer/"
    response = post_while(
        lambda: make.fresh(client).reassign(to=boris, by=gleb), vera, address, {"body": "Здравствуйте"}
    )

    assert response.status_code == 302
    assert ticket.messages.filter(body="Здравствуйте").exists()
