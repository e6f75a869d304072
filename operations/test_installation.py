"""`migrate` moves an installation out of `public`, and works beside the tables of the older manager system."""

import gzip
import json
from pathlib import Path

import psycopg
import pytest

from neighbour import app as client_app
from neighbour.installations import CommandFailed, Kind, installation
from operations.conftest import install, role_urls

# A dump of a demo installation of the last version whose tables were in `public`: six clients at different steps.
DUMP = Path(__file__).parent / "testdata" / "installation_in_public.sql.gz"
OLDER_TABLES = """
    CREATE TABLE public.user_contracts (id uuid PRIMARY KEY, contract_number varchar(64));
    CREATE TABLE public.user_devices (id uuid PRIMARY KEY, title varchar(128));
    INSERT INTO public.user_contracts VALUES (gen_random_uuid(), 'DOG-1');
"""
PEOPLE = """
import json
from clients.models import Client
from contracts.models import Contract, Invoice
print(json.dumps({
    "clients": sorted(f"{client}: {client.status}" for client in Client.objects.select_related("user")),
    "contracts": [contract.snapshot.contents.person.full_name for contract in Contract.objects.filter(erased_at=None)],
    "found": Client.objects.search("щербакова").count(),
    "paid": [invoice.method_label for invoice in Invoice.objects.with_payment().filter(status="paid")],
}))
"""


@pytest.fixture
def old_installation(postgresql):
    with installation(postgresql, Kind.NOTHING) as created:
        created.execute(gzip.decompress(DUMP.read_bytes()).decode(), role=created.app_role)
        created.execute(OLDER_TABLES, role=created.app_role)
        yield created


def tables_of(created, schema: str) -> dict[str, str]:
    """Return a digest of the rows of each table in the schema."""
    with psycopg.connect(created.superuser_url, autocommit=True) as connection:
        names = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = %s", [schema]).fetchall()
        return {name: digest(connection, schema, name) for (name,) in names}


def digest(connection, schema: str, table: str) -> str:
    rows = f"SELECT md5(coalesce(string_agg(t::text, '|' ORDER BY t::text), '')) FROM {schema}.{table} t"  # noqa: S608
    return connection.execute(rows).fetchone()[0]


def functions_in_public(created) -> list[tuple]:
    return created.execute(
        "SELECT proname FROM pg_proc WHERE pronamespace = 'public'::regnamespace AND proname ~ 'privet|pgtrigger'"
    )


def manage(created, *arguments: str) -> str:
    return created.manage(*arguments, **role_urls(created)).stdout


SHARED = {"users", "devices", "device_photos", "support_tickets", "support_messages", "user_contracts", "user_devices"}


def test_installation_moves_with_its_data(old_installation):
    before = tables_of(old_installation, "public")

    install(old_installation)

    public, own = tables_of(old_installation, "public"), tables_of(old_installation, "privet")
    assert set(public) >= SHARED
    assert set(public) & set(own) == {"manager_clients"}  # in public: the table that the app writes to at a sign-up
    unchanged = set(before) - SHARED - {"django_migrations", "manager_users", "django_content_type", "auth_permission"}
    assert len(unchanged) > 30
    assert {name for name in unchanged if own[name] != before[name]} <= CHANGED_BY_LATER_MIGRATIONS
    assert {name: public[name] for name in ("user_contracts", "user_devices")} == {
        name: before[name] for name in ("user_contracts", "user_devices")
    }
    assert functions_in_public(old_installation) == []
    manage(old_installation, "verify_audit")  # fails if a contract or an event differs from its HMAC


# Tables to which later migrations add columns, or whose rows they correct.
CHANGED_BY_LATER_MIGRATIONS = {
    "manager_agreements",
    "manager_clients",
    "manager_contracts",
    "manager_devices",
    "manager_erasures",
    "manager_signing_codes",
    "manager_tariffs",
    "manager_tariffs_history",
    "manager_contact_history",
    "auth_group_permissions",
}


def test_moved_installation_works(old_installation):
    install(old_installation)

    people = json.loads(manage(old_installation, "shell", "-v0", "-c", PEOPLE))
    assert len(people["clients"]) == 6
    assert people["found"] == 1
    assert len(people["contracts"]) >= 2
    assert set(people["paid"]) == {"Способ не указан"}
    with old_installation.app() as app:
        client_app.sign_up(app, phone="9100000001", name="Аня Новая")
    manage(old_installation, "worker", "--once")
    assert len(json.loads(manage(old_installation, "shell", "-v0", "-c", PEOPLE))["clients"]) == 7


def test_second_migrate_changes_nothing(old_installation):
    install(old_installation)
    before = tables_of(old_installation, "privet"), tables_of(old_installation, "public")

    install(old_installation)

    assert (tables_of(old_installation, "privet"), tables_of(old_installation, "public")) == before


def test_move_that_fails_midway_changes_nothing(old_installation):
    before = tables_of(old_installation, "public")
    old_installation.execute("CREATE SCHEMA privet; CREATE TABLE privet.manager_sessions ()")

    with pytest.raises(CommandFailed, match="manager_sessions"):
        install(old_installation)
    assert tables_of(old_installation, "public") == before
    assert set(tables_of(old_installation, "privet")) == {"manager_sessions"}

    old_installation.execute("DROP TABLE privet.manager_sessions")
    install(old_installation)
    assert len(tables_of(old_installation, "privet")) > 40


def test_old_role_reads_until_the_move_and_can_be_dropped(old_installation):
    """docs/deployment.md, "From an earlier version with one database role"."""
    old, owner = old_installation.app_role, old_installation.app_role.removesuffix("app") + "owner"
    manage(old_installation, "create_roles")
    old_installation.execute(f"GRANT {owner} TO {old}")
    assert old_installation.execute("SELECT count(*) FROM manager_contracts", role=old)

    manage(old_installation, "migrate", "-v0")
    old_installation.execute(f"REASSIGN OWNED BY {old} TO {owner}; DROP OWNED BY {old}; DROP ROLE {old}")

    assert len(json.loads(manage(old_installation, "shell", "-v0", "-c", PEOPLE))["clients"]) == 6
    manage(old_installation, "worker", "--once")
    manage(old_installation, "migrate", "-v0")


def test_installation_with_one_role_moves_too(old_installation):
    role = old_installation.app_role
    with pytest.raises(CommandFailed, match="Only a superuser may move pg_trgm"):
        old_installation.manage("migrate", "-v0", role=role)
    old_installation.execute(
        f"CREATE SCHEMA privet_inbox AUTHORIZATION {role}; ALTER EXTENSION pg_trgm SET SCHEMA privet_inbox"
    )

    old_installation.manage("migrate", "-v0", role=role)

    assert len(tables_of(old_installation, "privet")) > 40
    assert functions_in_public(old_installation) == []
