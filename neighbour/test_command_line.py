"""bin/neighbour: the way of a client at the command line."""

import subprocess

import pytest

from neighbour.__main__ import main
from neighbour.installations import ROOT, Kind, installation


@pytest.fixture
def run(postgresql, capsys):
    """Run a subcommand on a database with the older system's tables; return its status, output and errors."""
    with installation(postgresql, Kind.APP_AND_OLDER) as both:

        def command(*arguments: str) -> tuple[int, str, str]:
            return main(["--database-url", both.app_url, *arguments]), *capsys.readouterr()

        yield command, both


def test_a_client_from_sign_up_to_the_closed_account(run):
    command, both = run
    phone = ("--phone", "9101234567")
    status, printed, _ = command("sign-up", *phone, "--name", "Анна Новая", "--email", "anna@mail.example")
    assert (status, printed) == (0, "Signed up Анна Новая, 9101234567.\n")
    assert command("log-in", *phone)[0] == 0
    assert command("edit", *phone, "--address", "г. Тверь")[1] == "Saved: address.\n"
    assert command("reset-password", "--email", "anna@mail.example", "--password", "new")[0] == 0
    assert command("log-in", *phone)[2] == "AppError: 401: Invalid credentials.\n"

    assert command("write", *phone, "Привет")[2] == "AppError: 404: There is no conversation yet: use --subject.\n"
    command("write", *phone, "--subject", "Вопрос", "Не морозит")
    command("write", *phone, "--attach", "support/photo.jpg")
    printed = command("messages", *phone)[1]
    assert "Вопрос (open)" in printed
    assert "user: Не морозит\n" in printed
    assert "user:  [support/photo.jpg]\n" in printed

    both.execute(
        "INSERT INTO user_invoices (id, client_id, amount, description, contract_number, due_date)"
        " SELECT gen_random_uuid(), id, 300.50, 'Доплата', '', current_date + 3 FROM users"
    )
    printed = command("invoices", *phone)[1]
    assert "300.50 ₽" in printed
    assert printed.endswith("Open invoices: 1.\n")
    assert command("pay", *phone)[1] == "Marked as paid: 1.\n"
    assert command("pay", *phone)[1] == "Marked as paid: 0.\n"

    assert command("devices", *phone)[:2] == (0, "")
    assert command("close", *phone)[0] == 0
    assert command("close", *phone)[2] == "AppError: 404: No account has this phone.\n"


def test_database_error_is_one_line(run):
    command, both = run
    both.execute("REVOKE ALL ON users FROM PUBLIC; ALTER TABLE users RENAME TO people")
    status, _, printed = command("sign-up", "--phone", "9101234567", "--name", "Анна")
    assert status == 1
    assert printed.startswith('UndefinedTable: relation "users" does not exist')


def test_program_starts_with_another_database(postgresql):
    with installation(postgresql, Kind.APP_AND_OLDER) as both:
        command = ["bin/neighbour", "--database-url", both.app_url, "invoices", "--phone", "9101234567"]
        result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert (result.returncode, result.stderr) == (1, "AppError: 404: No account has this phone.\n")
