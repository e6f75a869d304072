"""The simulator's statements without Privet: on both servers, with and without the older system's tables."""

import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from uuid import uuid4

import psycopg
import pytest
from psycopg.errors import InvalidTextRepresentation, UndefinedTable

from neighbour import app as client_app
from neighbour import older, rows
from neighbour.app import AppError
from neighbour.installations import Kind, installation

# The least that the app's statements need, for databases without the older system.
MANAGER_CLIENTS = """
    CREATE TABLE IF NOT EXISTS manager_clients (
        id uuid PRIMARY KEY, user_id uuid NOT NULL UNIQUE, status varchar(32) NOT NULL,
        updated_at timestamptz NOT NULL DEFAULT '2026-01-01'
    )
"""


@pytest.fixture
def anya(app):
    """An account whose sign-up needed no `manager_clients`."""
    return client_app.sign_up_in_older_version(app, phone="9100000001", name="Аня", email="Anya@mail.example")


def refusal(function, *arguments, **keywords) -> int:
    """Return the status with which the app refuses."""
    with pytest.raises(AppError) as refused:
        function(*arguments, **keywords)
    return refused.value.status


def scalar(app, query, *values):
    return app.execute(query, values).fetchone()[0]


def test_sign_up_needs_the_table_of_the_older_system(oldest_postgresql):
    with installation(oldest_postgresql, Kind.APP) as alone, alone.app() as app:
        with pytest.raises(UndefinedTable):
            client_app.sign_up(app, phone="9100000001", name="Аня")
        assert scalar(app, "SELECT count(*) FROM users") == 0


def test_sign_up_inserts_the_account_and_a_new_client(app):
    app.execute(MANAGER_CLIENTS)
    user_id = client_app.sign_up(app, phone="9100000001", name="Аня")

    assert client_app.log_in(app, phone="9100000001") == user_id
    found = app.execute("SELECT user_id, status::text FROM manager_clients").fetchall()
    assert found == [(user_id, "new")]


def test_sign_up_touches_a_client_that_is_there_already(app):
    """Something of ours may be faster than the app's INSERT: here, a trigger on `users`."""
    app.execute(MANAGER_CLIENTS)
    app.execute("""
        CREATE FUNCTION add_client() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
            INSERT INTO manager_clients (id, user_id, status, updated_at)
            VALUES (gen_random_uuid(), NEW.id, 'new', '2026-01-01');
            RETURN NULL;
        END $$;
        CREATE TRIGGER add_client AFTER INSERT ON users FOR EACH ROW EXECUTE FUNCTION add_client();
    """)
    client_app.sign_up(app, phone="9100000001", name="Аня")

    assert scalar(app, "SELECT count(*) FROM manager_clients WHERE updated_at > '2026-06-01'") == 1


def test_sign_up_with_a_phone_or_email_in_use_is_refused(app, anya):
    app.execute(MANAGER_CLIENTS)
    assert refusal(client_app.sign_up, app, phone="9100000001", name="Другая") == 409
    assert refusal(client_app.sign_up, app, phone="9100000002", name="Другая", email="Anya@mail.example") == 409
    assert scalar(app, "SELECT count(*) FROM users") == 1


@pytest.mark.parametrize(
    ("password_hash", "status"),
    [("!", 500), ("", 500), ("argon2$argon2id$v=19$m=8,t=1,p=1$c2FsdA$aaaa", 500), (older.PASSWORD_HASH, 401)],
)
def test_log_in_is_an_error_if_the_hash_is_malformed(app, anya, password_hash, status):
    app.execute("UPDATE users SET password_hash = %s", [password_hash])
    assert refusal(client_app.log_in, app, phone="9100000001") == status


def test_log_in_is_refused_with_a_wrong_password_and_to_closed_accounts(app, anya):
    assert refusal(client_app.log_in, app, phone="9100000001", password="wrong") == 401
    assert refusal(client_app.log_in, app, phone="9100000009") == 401
    app.execute("UPDATE users SET status = 'blocked'")
    assert refusal(client_app.log_in, app, phone="9100000001") == 401


def test_password_is_reset_by_email_once(app, anya):
    assert client_app.request_password_reset(app, email="nobody@mail.example") is None
    token = client_app.request_password_reset(app, email="anya@MAIL.example")
    client_app.reset_password(app, token=token, password="new secret")

    assert client_app.log_in(app, phone="9100000001", password="new secret") == anya
    assert refusal(client_app.reset_password, app, token=token, password="again") == 400


def test_profile_is_edited_except_the_phone(app, anya):
    client_app.edit_profile(app, anya, name="Анна", address="г. Тверь")
    assert app.execute("SELECT name, email, address FROM users").fetchall() == [
        ("Анна", "Anya@mail.example", "г. Тверь")
    ]

    assert refusal(client_app.edit_profile, app, anya, phone="9100000002") == 422
    client_app.sign_up_in_older_version(app, phone="9100000002", name="Вера", email="vera@mail.example")
    assert refusal(client_app.edit_profile, app, anya, email="vera@mail.example") == 409


def test_closed_account_frees_phone_and_email_and_keeps_no_devices(app, anya):
    app.execute(
        "INSERT INTO devices (id, user_id, title, brand, model, serial_number, created_at, updated_at)"
        " VALUES (gen_random_uuid(), %s, '', '', '', 'mgr-1', now(), now())", [anya]
    )  # fmt: skip
    client_app.close_account(app, anya)
    client_app.close_account(app, anya)

    phone, email, status, closed = app.execute("SELECT phone, email, status::text, deleted_at FROM users").fetchone()
    prefix = rf"del_\d{{14}}_{anya.hex[:12]}_"
    assert re.fullmatch(prefix + "9100000001", phone)
    assert re.fullmatch(prefix + "Anya@mail.example", email)
    assert (status, closed.date()) == ("deleted", datetime.now(UTC).date())
    assert client_app.devices(app, anya) == []
    assert refusal(client_app.log_in, app, phone=phone) == 401
    again = client_app.sign_up_in_older_version(app, phone="9100000001", name="Аня", email="Anya@mail.example")
    assert client_app.find_account(app, phone="9100000001") == again != anya


def test_deleted_account_takes_its_invoices_and_leaves_its_conversations(app, anya):
    ticket = client_app.open_ticket(app, anya, "Вопрос")
    client_app.write(app, anya, ticket, "Здравствуйте!")
    invoice(app, anya, 300)
    client_app.delete_account(app, anya)

    assert scalar(app, "SELECT count(*) FROM users") == scalar(app, "SELECT count(*) FROM user_invoices") == 0
    assert scalar(app, "SELECT count(*) FROM support_messages") == 1


def invoice(app, user_id, amount, due=timedelta(days=3), **changed):
    """Insert an invoice into either shape of the table; return its id."""
    invoice_id, due_date = uuid4(), datetime.now(UTC) + due
    app.execute(
        "INSERT INTO user_invoices (id, client_id, amount, description, contract_number, due_date)"
        " VALUES (%s, %s, %s, '', '', %s)", [invoice_id, user_id, amount, due_date]
    )  # fmt: skip
    for column, value in changed.items():
        app.execute(f"UPDATE user_invoices SET {column} = %s", [value])
    return invoice_id


def test_overdue_and_paid_invoices_are_not_shown(app, anya):
    shown, paid = invoice(app, anya, 300), invoice(app, anya, 200)
    invoice(app, anya, 100, due=-timedelta(days=2))
    assert client_app.pay(app, anya, [paid]) == [paid]

    assert [(found["id"], found["amount"]) for found in client_app.open_invoices(app, anya)] == [(shown, 300)]


def test_payment_needs_no_proof_and_is_recorded_once(app, anya):
    overdue = invoice(app, anya, 300, due=-timedelta(days=2))
    stranger = client_app.sign_up_in_older_version(app, phone="9100000002", name="Вера")

    assert client_app.pay(app, stranger, [overdue]) == []
    assert client_app.pay(app, anya, [overdue, uuid4()]) == [overdue]
    assert client_app.pay(app, anya, [overdue]) == []
    payments = app.execute("SELECT invoice_id, client_id, amount, status FROM user_invoice_payments").fetchall()
    assert payments == [(overdue, anya, 300, "success")]
    assert scalar(app, "SELECT status::text FROM user_invoices") == "paid"


def test_label_that_the_app_does_not_know_breaks_its_page(app, anya):
    ticket = client_app.open_ticket(app, anya, "Вопрос")
    app.execute("UPDATE support_tickets SET status = 'resolved' WHERE id = %s", [ticket])
    assert refusal(client_app.tickets, app, anya) == 500
    try:
        invoice(app, anya, 300, status="cancelled")
    except InvalidTextRepresentation:
        return  # the older system's shape has no such label
    assert refusal(client_app.open_invoices, app, anya) == 500


def test_message_leaves_the_conversation_as_it_is(app, anya):
    ticket = client_app.open_ticket(app, anya, "Вопрос")
    app.execute("UPDATE support_tickets SET status = 'closed', updated_at = '2026-01-01'")
    client_app.write(app, anya, ticket, "Первое")
    client_app.write(app, anya, ticket, "Второе")

    assert [(one["author"], one["body"]) for one in client_app.messages(app, anya, ticket)] == [
        ("user", "Первое"),
        ("user", "Второе"),
    ]
    assert [(one["subject"], one["status"], one["updated_at"].year) for one in client_app.tickets(app, anya)] == [
        ("Вопрос", "closed", 2026)
    ]
    assert scalar(app, "SELECT updated_at < '2026-01-02' FROM support_tickets")


def test_attachment_has_no_text_and_needs_the_column(app, app_installation, anya):
    ticket = client_app.open_ticket(app, anya, "Фото")
    if client_app.has_attachments(app):
        client_app.attach(app, anya, ticket, "support/fridge.jpg")
        (message,) = client_app.messages(app, anya, ticket)
        assert (message["body"], message["file_key"]) == ("", "support/fridge.jpg")
    else:
        with pytest.raises(psycopg.errors.UndefinedColumn):
            client_app.attach(app, anya, ticket, "support/fridge.jpg")


def test_messages_are_the_clients_own_and_not_empty(app, anya):
    ticket = client_app.open_ticket(app, anya, "Вопрос")
    assert refusal(client_app.write, app, anya, ticket, "") == 400
    assert refusal(client_app.write, app, uuid4(), ticket, "Чужое") == 404
    assert refusal(client_app.messages, app, uuid4(), ticket) == 404


def test_made_up_clients_of_the_app(app):
    accounts = rows.add_app_clients(app, client_app.sign_up_in_older_version)
    assert dict(app.execute("SELECT name, status::text FROM users").fetchall()) == {
        "Аня Новая": "active", "Борис Пишущий": "active", "Вера Новикова": "active", "Глеб Закрытый": "deleted",
    }  # fmt: skip
    assert len(client_app.tickets(app, accounts["writer"])) == 1


def test_made_up_clients_of_the_older_system(postgresql):
    with installation(postgresql, Kind.APP_AND_OLDER) as both, both.app() as app:
        accounts = rows.add_app_clients(app) | rows.add_older_clients(app)

        counted = dict(app.execute("SELECT status::text, count(*) FROM manager_clients GROUP BY 1").fetchall())
        assert counted == {"new": 4} | dict.fromkeys(
            ("in_verification", "awaiting_contract", "awaiting_payment", "processed"), 1
        )
        (unpaid,) = client_app.open_invoices(app, accounts["awaiting_payment"])
        assert unpaid["amount"] == Decimal("300.00")
        assert client_app.open_invoices(app, accounts["processed"]) == []
        (device,) = client_app.devices(app, accounts["processed"])
        assert device["serial_number"].startswith("mgr-")
        assert len(device["photos"]) == 1
