"""Installs Privet in databases that others use already, with the commands of docs/deployment.md.

The first installation of the machine is that in an empty database.
"""

from pathlib import Path

from deploy.rehearsal import instructions
from deploy.rehearsal.debian import RehearsalError
from deploy.rehearsal.machine import Machine
from deploy.rehearsal.report import report

# By the name of the database: the files of neighbour/sql, and what `privet database_state` has to say.
STARTING_POINTS = {
    "app_first": (["app"], "user_invoices as the app creates it"),
    "older_first": (["app", "older", "older_invoices"], "The older manager system: installed"),
}
APP = "postgresql://app:made-up@127.0.0.1"
CURRENT = "/opt/privet/current"
ROLE = "CREATE ROLE app LOGIN PASSWORD 'made-up'"
PREPARE = """
    runuser -u postgres -- createdb --owner=app --template=template0 --encoding=UTF8 --locale=C.UTF-8 {name}
    for tables in {tables}; do
        psql --quiet --set ON_ERROR_STOP=1 --file {current}/neighbour/sql/$tables.sql {app}/{name}
    done
"""
# The three URLs, with the name of this database.
URLS = r"""
    export $(sed -n 's#^\(DATABASE_[A-Z_]*URL=.*\)/privet$#\1/{name}#p' /etc/privet/*.env)
"""
# The app signs somebody up with its own role.
USE = """
    cd {current}
    .venv/bin/python -m neighbour --database-url {app}/{name} sign-up --phone 9100000001 --name Аня
    privet worker --once
    test "$(runuser -u postgres -- psql -qtA {name} -c 'SELECT count(*) FROM privet.manager_clients')" = 1
    privet check --deploy --database default --fail-level WARNING
    test "$(runuser -u postgres -- psql -qtA {name} -c 'SELECT count(*) FROM public.manager_clients')" = 1
"""


def follow(project: Path, machine: Machine) -> None:
    """Raises RehearsalError if a command fails or `database_state` says something else."""
    machine.run("runuser -u postgres -- psql --quiet", stdin=ROLE)
    install = instructions.block(project / "docs/deployment.md", "privet create_roles")
    for name, (tables, state) in STARTING_POINTS.items():
        values = {"name": name, "tables": " ".join(tables), "app": APP, "current": CURRENT}
        machine.run(PREPARE.format(**values))
        output = machine.run(URLS.format(**values) + install + USE.format(**values))
        if state not in output:
            raise RehearsalError(f"database_state of {name} did not say {state!r}:\n{output}")
        report(f"{name}: installed, a sign-up of the app became a client")
