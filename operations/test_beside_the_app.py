"""One client's way through Privet and the app: on the newest server; on the oldest beside the older system's tables."""

import json

import pytest

from neighbour import app as client_app
from neighbour.installations import Installation, Kind, copy_of, installation
from neighbour.servers import configured_server
from operations.conftest import install, role_urls

# A client added in Privet, with a signed contract and an open invoice.
ADD_CLIENT = """
from demo import load
from demo.load import SIGNED
load.SCENARIOS = [(SIGNED, 1)]
load.load_demo_data(print)
"""
PAGES = """
import json
from django.test import Client as Browser
from clients.models import Client
from contracts.models import PaymentClaim
from managers.models import Manager, Role
from support.models import TicketActivity

def get(role, url):
    browser = Browser()
    browser.force_login(Manager.objects.filter(role=role).order_by("email").first())
    return browser.get(url, SERVER_NAME="localhost").text

client = Client.objects.get()
print(json.dumps({
    "card": get(Role.ADMIN, f"/clients/{client.pk}/card/"),
    "list": get(Role.ADMIN, "/clients/?tab=work"),
    "tickets": get(Role.SUPPORT, "/support/"),
    "claims": PaymentClaim.objects.count(),
    "states": sorted(TicketActivity.objects.values_list("state", flat=True)),
}))
"""


@pytest.fixture(scope="module", params=["configured", "oldest"])
def signed_client(request, tmp_path_factory):
    """An installation with one client who has signed."""
    is_oldest = request.param == "oldest"
    server = request.getfixturevalue("oldest_postgresql") if is_oldest else configured_server()
    with installation(server, Kind.APP_AND_OLDER if is_oldest else Kind.APP) as created:
        install(created)
        folder = str(tmp_path_factory.mktemp("data"))
        created.manage("shell", "-v0", "-c", ADD_CLIENT, **role_urls(created) | {"PRIVET_DATA_DIR": folder})
        yield created


@pytest.fixture
def beside(signed_client):
    with copy_of(signed_client) as copy:
        yield copy


def pages(created: Installation) -> dict:
    created.manage("worker", "--once", **role_urls(created))
    output = created.manage("shell", "-v0", "-c", PAGES, **role_urls(created)).stdout
    return json.loads(output.splitlines()[-1])


def user_of(created: Installation):
    ((user_id,),) = created.execute("SELECT user_id FROM privet.manager_clients")
    return user_id


def test_client_of_privet_is_refused_a_wrong_password_and_can_set_one(beside):
    user_id = user_of(beside)
    ((phone, email),) = beside.execute(f"SELECT phone, email FROM public.users WHERE id = '{user_id}'")  # noqa: S608
    with beside.app() as app:
        with pytest.raises(client_app.AppError) as refused:
            client_app.log_in(app, phone=phone, password="wrong")
        assert refused.value.status == 401

        token = client_app.request_password_reset(app, email=email)
        client_app.reset_password(app, token=token, password="secret456")
        assert client_app.log_in(app, phone=phone, password="secret456") == user_id


def test_app_shows_devices_messages_and_the_invoice(beside):
    user_id = user_of(beside)
    with beside.app() as app:
        (device, *_) = client_app.devices(app, user_id)
        assert device["model"]
        assert all(url.startswith("http") for url in device["photos"])
        (ticket,) = client_app.tickets(app, user_id)
        assert ticket["subject"] == "Оформление договора"
        assert any("подписан" in message["body"] for message in client_app.messages(app, user_id, ticket["id"]))
        (invoice,) = client_app.open_invoices(app, user_id)
        assert invoice["contract_number"]
        assert invoice["amount"] > 0


def test_payment_in_the_app_is_a_claim(beside):
    user_id = user_of(beside)
    with beside.app() as app:
        (invoice,) = client_app.open_invoices(app, user_id)
        client_app.pay(app, user_id, [invoice["id"]])
        assert client_app.open_invoices(app, user_id) == []

    shown = pages(beside)
    assert shown["claims"] == 1
    assert "Оплачен в приложении" in shown["card"]
    assert "Оплачен в приложении" in shown["list"]
    assert beside.execute("SELECT status FROM privet.manager_invoices") == [("pending",)]


def test_message_in_a_closed_ticket_waits_for_an_answer(beside):
    user_id = user_of(beside)
    with beside.app() as app:
        ticket = client_app.open_ticket(app, user_id, "Не морозит")
        client_app.write(app, user_id, ticket, "Помогите")
        app.execute("UPDATE support_tickets SET status = 'closed', updated_at = now() WHERE id = %s", [ticket])
        client_app.write(app, user_id, ticket, "Всё ещё не морозит")

    shown = pages(beside)
    assert "Всё ещё не морозит" in shown["tickets"]
    assert "waiting" in shown["states"]


def test_closed_account_is_shown_and_its_invoice_stays(beside):
    user_id = user_of(beside)
    with beside.app() as app:
        client_app.edit_profile(app, user_id, name="Другое Имя")
        client_app.close_account(app, user_id)

    shown = pages(beside)
    assert "закрыл" in shown["card"] or "удал" in shown["card"]
    assert "del_" not in shown["card"]
    assert beside.execute("SELECT count(*) FROM privet.manager_invoices WHERE status = 'pending'") == [(1,)]
    history = "SELECT name FROM privet.manager_contact_history ORDER BY pgh_id DESC LIMIT 1"
    assert beside.execute(history) == [("Другое Имя",)]
