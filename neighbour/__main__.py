"""The command line of the simulated app; `bin/neighbour` starts it."""

import argparse
import os
import sys
from collections.abc import Callable
from uuid import UUID

import psycopg
from psycopg import Connection

from neighbour import app as client_app
from neighbour.app import AppError


def sign_up(app: Connection, options) -> None:
    client_app.sign_up(app, phone=options.phone, name=options.name, email=options.email, address=options.address)
    print(f"Signed up {options.name}, {options.phone}.")


def log_in(app: Connection, options) -> None:
    client_app.log_in(app, phone=options.phone, password=options.password)
    print("Signed in.")


def reset_password(app: Connection, options) -> None:
    token = client_app.request_password_reset(app, email=options.email)
    if token is None:
        raise AppError(204, "No account has this e-mail; the app tells nobody.")
    client_app.reset_password(app, token=token, password=options.password)
    print("The link from the e-mail was opened and the new password saved.")


def edit(app: Connection, options) -> None:
    given = {name: getattr(options, name) for name in ("name", "email", "address")}
    changes = {name: value for name, value in given.items() if value is not None}
    client_app.edit_profile(app, account(app, options), **changes)
    print(f"Saved: {', '.join(changes) or 'nothing'}.")


def close(app: Connection, options) -> None:
    client_app.close_account(app, account(app, options))
    print("Closed the account.")


def delete(app: Connection, options) -> None:
    client_app.delete_account(app, account(app, options))
    print("Deleted the account.")


def invoices(app: Connection, options) -> None:
    found = client_app.open_invoices(app, account(app, options))
    for invoice in found:
        print(f"{invoice['id']}  {invoice['amount']} ₽  until {invoice['due_date']}  {invoice['description']}")
    print(f"Open invoices: {len(found)}.")


def pay(app: Connection, options) -> None:
    """Pay the given invoices, or all open ones."""
    user_id = account(app, options)
    wanted = options.invoices or [invoice["id"] for invoice in client_app.open_invoices(app, user_id)]
    print(f"Marked as paid: {len(client_app.pay(app, user_id, wanted))}.")


def messages(app: Connection, options) -> None:
    user_id = account(app, options)
    for ticket in client_app.tickets(app, user_id):
        print(f"{ticket['id']}  {ticket['subject']} ({ticket['status']})")
        for message in client_app.messages(app, user_id, ticket["id"]):
            attached = f" [{message['file_key']}]" if message.get("file_key") else ""
            print(f"    {message['created_at']:%Y-%m-%d %H:%M} {message['author']}: {message['body']}{attached}")


def write(app: Connection, options) -> None:
    """Write to the given conversation, to the newest one, or to a new one with `--subject`."""
    user_id = account(app, options)
    if options.subject:
        ticket_id = client_app.open_ticket(app, user_id, options.subject)
    elif not (ticket_id := options.ticket):
        found = client_app.tickets(app, user_id)
        if not found:
            raise AppError(404, "There is no conversation yet: use --subject.")
        ticket_id = found[0]["id"]
    client_app.write(app, user_id, ticket_id, options.text, options.attach)
    print(f"Wrote to {ticket_id}.")


def devices(app: Connection, options) -> None:
    for device in client_app.devices(app, account(app, options)):
        print(f"{device['title']}  {device['brand']} {device['model']}  {device['serial_number']}")
        print(*(f"    {photo}" for photo in device["photos"]), sep="\n")


def account(app: Connection, options) -> UUID:
    return client_app.find_account(app, phone=options.phone)


def parser() -> argparse.ArgumentParser:
    """The subcommands and their options. Every subcommand but `reset-password` names the account by its phone."""
    root = argparse.ArgumentParser(
        prog="bin/neighbour", description="Does what the client's app «Привет Супер» does in the database."
    )
    root.add_argument("--database-url", default=os.environ.get("DATABASE_URL"), help="default: that of bin/dev")
    commands = root.add_subparsers(required=True, metavar="COMMAND")

    def add(function: Callable, about: str, *, phone: bool = True) -> Callable:
        command = commands.add_parser(function.__name__.replace("_", "-"), help=about, description=about)
        command.set_defaults(function=function)
        if phone:
            command.add_argument("--phone", required=True, help="ten digits, such as 9101234567")
        return command.add_argument

    option = add(sign_up, "create an account")
    option("--name", required=True)
    option("--email")
    option("--address")
    option = add(log_in, "check a password")
    option("--password", default="secret123")
    option = add(reset_password, "set a new password by e-mail", phone=False)
    option("--email", required=True)
    option("--password", default="secret123")
    option = add(edit, "change the profile")
    option("--name")
    option("--email")
    option("--address")
    add(close, "close the account")
    add(delete, "delete the account, as an administrator of the app")
    add(invoices, "list the open invoices")
    option = add(pay, "mark invoices as paid: all open ones, unless ids are given")
    option("invoices", nargs="*", type=UUID, metavar="INVOICE")
    add(messages, "show all conversations")
    option = add(write, "write a message, to the newest conversation unless one is given")
    option("text", nargs="?", default="")
    option("--ticket", type=UUID)
    option("--subject", help="open a new conversation")
    option("--attach", metavar="KEY", help="key of an object in the app's bucket")
    add(devices, "list the devices with the addresses of their photos")
    return root


def main(arguments: list[str]) -> int:
    """Return 0, or 1 if the app or the database refused."""
    options = parser().parse_args(arguments)
    if not options.database_url:
        print("Set DATABASE_URL or use --database-url.", file=sys.stderr)
        return 2
    try:
        with client_app.connect(options.database_url) as app:
            options.function(app, options)
    except (AppError, psycopg.Error) as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
