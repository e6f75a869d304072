"""A handful of made-up clients, created by the statements of the app and of the older manager system."""

from collections.abc import Callable
from decimal import Decimal
from uuid import UUID

from psycopg import Connection

from neighbour import app as client_app
from neighbour import older

PDF = b"%PDF-1.4 made up"


def add_app_clients(app: Connection, sign_up: Callable = client_app.sign_up) -> dict[str, UUID]:
    """Add four accounts: a new one, one that wrote and sent a photo, one with an edited profile, a closed one.

    `sign_up` is `sign_up_in_older_version` for databases without `manager_clients`.
    """
    accounts = {
        name: sign_up(app, phone=f"91000000{number}", name=full_name, email=email, address=address)
        for number, (name, full_name, email, address) in enumerate(
            [
                ("new", "Аня Новая", None, "г. Тверь"),
                ("writer", "Борис Пишущий", "boris@mail.example", "г. Москва, Мира 1"),
                ("edited", "Вера", None, None),
                ("closed", "Глеб Закрытый", "gleb@mail.example", None),
            ],
            start=11,
        )
    }
    ticket = client_app.open_ticket(app, accounts["writer"], "Не морозит")
    client_app.write(app, accounts["writer"], ticket, "Здравствуйте!\nХолодильник не морозит.")
    if client_app.has_attachments(app):
        client_app.attach(app, accounts["writer"], ticket, "support/uploads/fridge.jpg")
    client_app.edit_profile(app, accounts["edited"], name="Вера Новикова", email="vera@mail.example")
    client_app.close_account(app, accounts["closed"])
    return accounts


def add_older_clients(app: Connection) -> dict[str, UUID]:
    """Add a manager of the older system and accounts in each of its statuses; return the accounts by status."""
    manager = older.add_manager(app, "old.manager@mail.example", name="Главный мастер", is_super_admin=True)
    older.add_manager(app, "nameless@mail.example", is_active=False)
    tariff = older.add_tariff(app, "Стандарт", Decimal(500), Decimal(300))
    statuses = ("in_verification", "awaiting_contract", "awaiting_payment", "processed")
    accounts = {
        status: client_app.sign_up(app, phone=f"91000000{number}", name=f"Клиент {status}")
        for number, status in enumerate(statuses, start=21)
    }
    clients = {status: older.assign(app, user, manager, status) for status, user in accounts.items()}
    older.add_passport(app, clients["in_verification"], last_name="Неполный")
    for status in statuses[1:]:
        _take_to_contract(app, accounts[status], clients[status], manager, tariff)
    for number, status in enumerate(statuses[2:], start=1):
        older.sign(app, clients[status], f"ДО-261130-{number:02}", PDF)
        older.log(app, clients[status], "Подписание договора", "Договор подписан")
        older.bill(app, accounts[status], f"ОП-261130-{number:02}", Decimal(300))
    invoices = [invoice["id"] for invoice in client_app.open_invoices(app, accounts["processed"])]
    client_app.pay(app, accounts["processed"], invoices)
    return accounts


def _take_to_contract(app: Connection, user_id: UUID, client_id: UUID, manager_id: UUID, tariff_id: UUID) -> None:
    """A passport (the same for all), a device and the tariff."""
    older.add_passport(
        app, client_id, last_name="Иванов", first_name="Пётр", series="4613", number="123456",
        issued_by="ГУ МВД России по г. Москве", issue_code="770-001", issue_date="2015-03-20",
        registration_address="г. Москва, ул. Садовая, д. 1",
    )  # fmt: skip
    older.add_device(app, user_id, client_id, manager_id)
    older.choose_tariff(app, client_id, tariff_id, Decimal(300))
