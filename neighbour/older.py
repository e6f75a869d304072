"""What the older manager system leaves in its tables, for rows to take over. Run by the app's role, which owns them.

Its own statements matter less than the app's: nothing runs them any more. So the functions only insert what it would.
"""

import hashlib
import hmac
import json
from datetime import date, timedelta
from decimal import Decimal
from uuid import UUID, uuid4

from psycopg import Connection, sql

# The first is bcrypt, as the older system writes; of its password nothing but the hash is known here.
PASSWORD_HASH = "$2b$12$Xy3rQm0c5bT2oQnJd8LwUe6vG1hZk9sPq4aWtE7iRfYxMn5BvCzS2"
SIGNATURE_SECRET = "the older system's secret"


def add_manager(app: Connection, email: str, **fields) -> UUID:
    """`fields`: password_hash, name (may be NULL), is_active, is_super_admin."""
    return _insert(app, "manager_users", **{"email": email, "password_hash": PASSWORD_HASH} | fields)


def assign(app: Connection, user_id: UUID, manager_id: UUID | None, status: str) -> UUID:
    """Give the client of an account a status and a manager; return the client's id. A client in work may have none."""
    changed = "UPDATE manager_clients SET assigned_manager_id = %s, status = %s WHERE user_id = %s RETURNING id"
    return app.execute(changed, [manager_id, status, user_id]).fetchone()[0]


def add_passport(app: Connection, client_id: UUID, **fields) -> UUID:
    """Any field may be missing; series and number are plain text, and several clients may have the same."""
    return _insert(app, "users_passports", client_id=client_id, **fields)


def add_device(app: Connection, user_id: UUID, client_id: UUID, manager_id: UUID, **fields) -> UUID:
    """Add a device with a photo, and its mirror among the app's devices with the serial number `mgr-<id>`."""
    values = {"device_type": "Холодильник", "title": "Бирюса", "specs": json.dumps({"Цвет": "белый"}), **fields}
    device_id = _insert(app, "user_devices", client_id=client_id, **values)
    file_key = f"managers/{manager_id}/uploads/{uuid4()}.jpg"
    _insert(app, "user_device_photos", device_id=device_id, file_key=file_key)
    mirror_id = _insert(
        app, "devices", user_id=user_id, title=values["title"], brand=values["device_type"], model=values["title"],
        serial_number=f"mgr-{device_id}", created_at="now", updated_at="now",
    )  # fmt: skip
    # The address expired after a week.
    address = f"https://storage.example/privet-bucket/{file_key}?X-Amz-Expires=604800&X-Amz-Signature=none"
    _insert(app, "device_photos", device_id=mirror_id, file_url=address, created_at="now")
    return device_id


def add_tariff(app: Connection, name: str, base_fee: Decimal, extra_per_device: Decimal) -> UUID:
    return _insert(app, "manager_tariffs", name=name, base_fee=base_fee, extra_per_device=extra_per_device)


def choose_tariff(app: Connection, client_id: UUID, tariff_id: UUID | None, total: Decimal = Decimal(0)) -> UUID:
    return _insert(app, "user_tariffs", client_id=client_id, tariff_id=tariff_id, total_extra_fee=total)


def sign(app: Connection, client_id: UUID, number: str, pdf: bytes) -> UUID:
    """Add the signed contract of a client; the PDF's place is `contracts/<client>/<number>.pdf`."""
    digest = hashlib.sha256(pdf).hexdigest()
    seal = hmac.new(SIGNATURE_SECRET.encode(), digest.encode(), hashlib.sha256).hexdigest()
    empty = json.dumps({})
    return _insert(
        app, "user_contracts", client_id=client_id, contract_number=number, tariff_snapshot=empty,
        passport_snapshot=empty, device_snapshot=json.dumps([]), signature_hash=digest, signature_hmac=seal,
        signed_at="now", pep_agreed_at="now", contract_url=f"contracts/{client_id}/{number}.pdf", signed_ip="10.0.0.1",
    )  # fmt: skip


def bill(app: Connection, user_id: UUID, number: str, amount: Decimal, *, due_in: int = 3) -> UUID:
    """Add an unpaid invoice that is due in this many days."""
    due_date = date.today() + timedelta(days=due_in)
    text = f"Оплата по договору {number}"
    return _insert(
        app, "user_invoices", client_id=user_id, amount=amount, description=text, contract_number=number,
        due_date=due_date, status="pending",
    )  # fmt: skip


def log(app: Connection, client_id: UUID, title: str, *lines: str) -> UUID:
    """Add a conversation about a client, which only managers read."""
    thread_id = _insert(app, "manager_support_threads", client_id=client_id, title=title)
    for line in lines:
        _insert(app, "manager_support_messages", thread_id=thread_id, sender="system", content=line)
    return thread_id


def _insert(app: Connection, table: str, **values) -> UUID:
    values = {"id": uuid4(), **values}
    columns = sql.SQL(", ").join(map(sql.Identifier, values))
    placeholders = sql.SQL(", ").join(map(sql.Placeholder, values))
    statement = sql.SQL("INSERT INTO {} ({}) VALUES ({})").format(sql.Identifier(table), columns, placeholders)
    app.execute(statement, values)
    return values["id"]
