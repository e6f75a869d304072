"""What «Привет Супер» does in the database, statement by statement.

Each function is one request to the app's server and one transaction on a connection with the app's role. Names of
tables carry no schema, as in the app: its role finds them by its `search_path`. Parameters are bound as the app binds
them; in the raw statements of sign-up, UUIDs are text.

A request that the app refuses raises `AppError` with the status of its response. An error of the database passes
through: the app answers with 500 to it, so no installation of Privet may cause one.
"""

import secrets
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import psycopg
from psycopg import Connection, sql
from psycopg.errors import UniqueViolation
from psycopg.rows import dict_row

from neighbour import passwords

MASKED = "del_"  # prefix of the phone and the e-mail of a closed account
INVOICE_LABELS = {"new", "pending", "paid", "canceled"}
TICKET_LABELS = {"open", "pending", "closed", "rejected"}
AUTHOR_LABELS = {"user", "support"}


class AppError(Exception):
    """The app answers with `status` instead of doing what was asked."""

    def __init__(self, status: int, message: str):
        super().__init__(f"{status}: {message}")
        self.status = status


def connect(url: str) -> Connection:
    """A connection for these functions with a role that may find other tables first, such as the owner of ours."""
    return psycopg.connect(url.replace("+psycopg:", ":", 1), autocommit=True, options="-c search_path=public")


def sign_up(
    app: Connection, *, phone: str, name: str, password: str = "secret123",
    email: str | None = None, address: str | None = None,
) -> UUID:  # fmt: skip
    """Create an account and return its id. 409 if the phone (ten digits) or the e-mail is in use.

    On a database without `manager_clients` this is an error of the database.
    """
    with _conflict("The phone or the e-mail is in use."), app.transaction():
        user_id = _insert_account(app, phone, name, password, email, address)
        _ensure_manager_client(app, str(user_id))
    return user_id


def sign_up_in_older_version(
    app: Connection, *, phone: str, name: str, password: str = "secret123",
    email: str | None = None, address: str | None = None,
) -> UUID:  # fmt: skip
    """The same in a version of the app that knows no `manager_clients`."""
    with _conflict("The phone or the e-mail is in use."), app.transaction():
        return _insert_account(app, phone, name, password, email, address)


def _insert_account(
    app: Connection, phone: str, name: str, password: str, email: str | None, address: str | None
) -> UUID:
    user_id = uuid4()
    if _rows(app, "SELECT id FROM users WHERE phone = %s OR email = %s", phone, email):
        raise AppError(409, "The phone or the e-mail is in use.")
    app.execute(
        "INSERT INTO users (id, phone, email, password_hash, name, address, status, has_subscription, deleted_at,"
        " created_at, updated_at) VALUES (%s, %s, %s, %s, %s, %s, %s, false, NULL, %s, %s)",
        [user_id, phone, email, passwords.make(password), name, address, "active", _now(), _now()],
    )
    return user_id


def _ensure_manager_client(app: Connection, user_id: str) -> None:
    """The older manager system's client of a new account: raw statements in the transaction of the sign-up."""
    if _rows(app, "SELECT id FROM manager_clients WHERE user_id = %s", user_id):
        app.execute("UPDATE manager_clients SET updated_at = NOW() WHERE user_id = %s", [user_id])
    else:
        values = [str(uuid4()), user_id, "new"]
        app.execute("INSERT INTO manager_clients (id, user_id, status) VALUES (%s, %s, %s)", values)


def log_in(app: Connection, *, phone: str, password: str = "secret123") -> UUID:
    """Return the id of the account. 401 if there is none, it is closed or blocked, or the password is wrong.

    500 if the stored hash is none that the app's library can read.
    """
    rows = _rows(app, "SELECT id, password_hash, status::text FROM users WHERE phone = %s", phone)
    if not rows or rows[0]["status"] in ("deleted", "blocked"):
        raise AppError(401, "Invalid credentials.")
    try:
        if passwords.verify(password, rows[0]["password_hash"]):
            return rows[0]["id"]
    except passwords.MalformedHash as error:
        raise AppError(500, str(error)) from error
    raise AppError(401, "Invalid credentials.")


def edit_profile(app: Connection, user_id: UUID, **changes: str) -> None:
    """Change `name`, `email` or `address`; the phone can't be changed. 409 if the e-mail is in use."""
    if unknown := changes.keys() - {"name", "email", "address"}:
        raise AppError(422, f"The app can't change {unknown}.")
    changed = [sql.SQL("{} = %s").format(sql.Identifier(column)) for column in (*changes, "updated_at")]
    statement = sql.SQL("UPDATE users SET {} WHERE id = %s").format(sql.SQL(", ").join(changed))
    with _conflict("The e-mail is in use."), app.transaction():
        app.execute(statement, [*changes.values(), _now(), user_id])


def close_account(app: Connection, user_id: UUID) -> None:
    """Detach the devices, mask phone and e-mail, so that they can sign up again, and mark the account as deleted.

    Nothing in the app reopens a closed account.
    """
    prefix = f"{MASKED}{datetime.now(UTC):%Y%m%d%H%M%S}_{user_id.hex[:12]}_"
    with app.transaction():
        app.execute("UPDATE devices SET user_id = NULL WHERE user_id = %s", [user_id])
        user = _account(app, user_id)
        phone, email = (_masked(prefix, user[column]) for column in ("phone", "email"))
        app.execute(
            "UPDATE users SET phone = %s, email = %s, status = %s, deleted_at = %s, updated_at = %s WHERE id = %s",
            [phone, email, "deleted", _now(), _now(), user_id],
        )


def _masked(prefix: str, value: str | None) -> str | None:
    return prefix + value if value and not value.startswith(MASKED) else value


def delete_account(app: Connection, user_id: UUID) -> None:
    """Delete the account with its devices and invoices. No page of the app does: an administrator does, with SQL."""
    devices = "SELECT id FROM devices WHERE user_id = %s"
    with app.transaction():
        app.execute("DELETE FROM tickets WHERE user_id = %s", [user_id])
        app.execute(f"DELETE FROM device_photos WHERE device_id IN ({devices})", [user_id])
        app.execute("DELETE FROM devices WHERE user_id = %s", [user_id])
        app.execute("DELETE FROM users WHERE id = %s", [user_id])


def request_password_reset(app: Connection, *, email: str) -> str | None:
    """Return the token that the app sends by e-mail, or None if no account has this e-mail."""
    with app.transaction():
        rows = _rows(app, "SELECT id FROM users WHERE lower(email) = lower(%s)", email)
        if not rows:
            return None
        token = secrets.token_urlsafe(32)
        app.execute(
            "INSERT INTO password_reset_tokens (id, user_id, token, expires_at, used_at, created_at, updated_at)"
            " VALUES (%s, %s, %s, %s, NULL, %s, %s)",
            [uuid4(), rows[0]["id"], token, _now() + timedelta(minutes=30), _now(), _now()],
        )
    return token


def reset_password(app: Connection, *, token: str, password: str) -> None:
    """Set a new password. 400 if the token is unknown, used or expired."""
    with app.transaction():
        rows = _rows(app, "SELECT user_id, used_at, expires_at FROM password_reset_tokens WHERE token = %s", token)
        if not rows or rows[0]["used_at"] or rows[0]["expires_at"] < _now():
            raise AppError(400, "The link is not valid any more.")
        values = [passwords.make(password), _now(), rows[0]["user_id"]]
        app.execute("UPDATE users SET password_hash = %s, updated_at = %s WHERE id = %s", values)
        app.execute("UPDATE password_reset_tokens SET used_at = %s WHERE token = %s", [_now(), token])


def open_invoices(app: Connection, user_id: UUID) -> list[dict]:
    """The invoices on the page «Счета»: unpaid, with a due date in the future or none."""
    invoices = _rows(
        app,
        "SELECT id, client_id, amount, description, contract_number, due_date, status, created_at, updated_at"
        " FROM user_invoices WHERE client_id = %s AND (due_date IS NULL OR due_date >= %s) AND status <> %s"
        " ORDER BY due_date ASC NULLS LAST, created_at DESC",
        user_id, _now(), "paid",
    )  # fmt: skip
    return _readable(invoices, "status", INVOICE_LABELS)


def pay(app: Connection, user_id: UUID, invoice_ids: Iterable[UUID]) -> list[UUID]:
    """Mark invoices as paid and return those that were not. The app asks for no proof and checks no due date."""
    with app.transaction():
        found = "SELECT id, amount, status FROM user_invoices WHERE client_id = %s AND id = ANY(%s)"
        invoices = _readable(_rows(app, found, user_id, list(invoice_ids)), "status", INVOICE_LABELS)
        unpaid = [invoice for invoice in invoices if invoice["status"] != "paid"]
        for invoice in unpaid:
            values = ["paid", _now(), invoice["id"]]
            app.execute("UPDATE user_invoices SET status = %s, updated_at = %s WHERE id = %s", values)
            app.execute(
                "INSERT INTO user_invoice_payments (id, invoice_id, client_id, amount, status, paid_at, created_at,"
                " updated_at) VALUES (%s, %s, %s, %s, %s, %s, %s, %s)",
                [uuid4(), invoice["id"], user_id, invoice["amount"], "success", _now(), _now(), _now()],
            )
    return [invoice["id"] for invoice in unpaid]


def open_ticket(app: Connection, user_id: UUID, subject: str) -> UUID:
    """Start a conversation and return its id. It has no message yet."""
    ticket_id = uuid4()
    with app.transaction():
        app.execute(
            "INSERT INTO support_tickets (id, user_id, subject, status, created_at, updated_at)"
            " VALUES (%s, %s, %s, %s, %s, %s)",
            [ticket_id, user_id, subject, "open", _now().replace(tzinfo=None), _now()],
        )
    return ticket_id


def tickets(app: Connection, user_id: UUID) -> list[dict]:
    """The client's conversations, newest first."""
    columns = "id, user_id, subject, status, created_at, updated_at"
    found = f"SELECT {columns} FROM support_tickets WHERE user_id = %s ORDER BY created_at DESC"
    return _readable(_rows(app, found, user_id), "status", TICKET_LABELS)


def write(app: Connection, user_id: UUID, ticket_id: UUID, body: str = "", file_key: str | None = None) -> UUID:
    """Add the client's message, also to a closed conversation, and return its id. The conversation stays as it is.

    400 without text and attachment, 404 if the conversation is not the client's.
    """
    if not body and not file_key:
        raise AppError(400, "The message is empty.")
    _own_ticket(app, user_id, ticket_id)
    values = {"id": uuid4(), "ticket_id": ticket_id, "author": "user", "body": body}
    values |= {"created_at": _now().replace(tzinfo=None), "updated_at": _now()}
    if file_key or has_attachments(app):
        values["file_key"] = file_key
    names = sql.SQL(", ").join(map(sql.Identifier, values))
    placeholders = sql.SQL(", ").join(map(sql.Placeholder, values))
    with app.transaction():
        app.execute(sql.SQL("INSERT INTO support_messages ({}) VALUES ({})").format(names, placeholders), values)
    return values["id"]


def attach(app: Connection, user_id: UUID, ticket_id: UUID, file_key: str) -> UUID:
    """Add a message that is only an attachment: `file_key` is an object in the app's bucket, put there before."""
    return write(app, user_id, ticket_id, file_key=file_key)


def messages(app: Connection, user_id: UUID, ticket_id: UUID) -> list[dict]:
    """What the client reads in a conversation, oldest first."""
    _own_ticket(app, user_id, ticket_id)
    columns = "id, author, body, created_at" + (", file_key" if has_attachments(app) else "")
    found = f"SELECT {columns} FROM support_messages WHERE ticket_id = %s ORDER BY created_at ASC"
    return _readable(_rows(app, found, ticket_id), "author", AUTHOR_LABELS)


def devices(app: Connection, user_id: UUID) -> list[dict]:
    """The client's devices with the addresses of their photos in `photos`."""
    columns = "id, title, brand, model, serial_number, purchase_date, warranty_until"
    found = _rows(app, f"SELECT {columns} FROM devices WHERE user_id = %s", user_id)
    photos = _rows(
        app, "SELECT device_id, file_url FROM device_photos WHERE device_id = ANY(%s)", [one["id"] for one in found]
    )
    return [
        device | {"photos": [photo["file_url"] for photo in photos if photo["device_id"] == device["id"]]}
        for device in found
    ]


def has_attachments(app: Connection) -> bool:
    """Whether this version of the app's tables has `support_messages.file_key`."""
    named = "SELECT 1 FROM pg_attribute WHERE attrelid = 'support_messages'::regclass AND attname = 'file_key'"
    return bool(_rows(app, f"{named} AND NOT attisdropped"))


def find_account(app: Connection, *, phone: str) -> UUID:
    """The id of the account with this phone. 404 if there is none."""
    rows = _rows(app, "SELECT id FROM users WHERE phone = %s", phone)
    if not rows:
        raise AppError(404, "No account has this phone.")
    return rows[0]["id"]


@contextmanager
def _conflict(message: str) -> Iterator[None]:
    """Another request was first: the unique rules of `users` are those that the app expects to break."""
    try:
        yield
    except UniqueViolation as error:
        if error.diag.table_name != "users":
            raise
        raise AppError(409, message) from error


def _account(app: Connection, user_id: UUID) -> dict:
    rows = _rows(app, "SELECT id, phone, email, name, address, status::text FROM users WHERE id = %s", user_id)
    if not rows:
        raise AppError(401, "The account does not exist.")
    return rows[0]


def _own_ticket(app: Connection, user_id: UUID, ticket_id: UUID) -> None:
    if not _rows(app, "SELECT 1 FROM support_tickets WHERE id = %s AND user_id = %s", ticket_id, user_id):
        raise AppError(404, "The client has no such conversation.")


def _readable(rows: list[dict], column: str, labels: set[str]) -> list[dict]:
    """The rows, unless one has a label that the app's code does not know: that is an error of its whole page."""
    if unknown := {row[column] for row in rows} - labels:
        raise AppError(500, f"The app does not know {unknown}.")
    return rows


def _rows(app: Connection, query: str, *values) -> list[dict]:
    with app.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(query, values).fetchall()


def _now() -> datetime:
    return datetime.now(UTC)
