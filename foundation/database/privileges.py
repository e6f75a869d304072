"""Create the database roles and give them what they need outside our own schema. Idempotent.

What the roles may do with our own tables follows from the models: operations/grants.py.
"""

from collections.abc import Callable, Iterable, Iterator

import psycopg
from psycopg import sql

from foundation.database.configuration import SESSION_SETTINGS
from foundation.database.roles import RoleNames

# The tables of «Привет Супер» that we read and write.
SHARED_TABLES = (
    "users", "devices", "device_photos", "support_tickets", "support_messages",
    "user_invoices", "user_invoice_payments",
)  # fmt: skip
# Tables of the app with secrets, and the columns that we read: who has signed in, not the tokens of the sessions.
TABLES_WITH_SECRETS = {"sessions": ("user_id",)}
SCHEMAS = ("privet", "privet_inbox")
LIMITS = "NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS"


class Administrator:
    """Executes statements on a connection, and reports what changed."""

    def __init__(self, connection: psycopg.Connection, report: Callable[[str], None]):
        self.connection, self.report = connection, report

    def value(self, query: str, *parameters):
        return self.connection.execute(query, parameters).fetchone()[0]

    def run(self, statement: str, *names: str, **literals: str | None) -> None:
        """Execute a statement with names for `{}` and literals for `{name}`."""
        values = {name: sql.Literal(value) for name, value in literals.items()}
        self.connection.execute(sql.SQL(statement).format(*map(sql.Identifier, names), **values))


def create_roles(
    connection: psycopg.Connection, names: RoleNames, passwords: dict[str, str], report: Callable[[str], None]
) -> None:
    """Create or correct the roles, the schemas and the rights in this database. Needs a superuser.

    `passwords` by role; a role without one can't sign in by password. Call it in a transaction.
    """
    admin = Administrator(connection, report)
    # Roles belong to the whole server: two databases may be set up at once. Advisory locks are those of one database.
    connection.execute("LOCK TABLE pg_authid IN SHARE ROW EXCLUSIVE MODE")
    for role in (names.owner, names.web, names.maintenance):
        _create_role(admin, role, f"LOGIN {LIMITS}", passwords.get(role))
    _create_role(admin, names.bridge, f"NOLOGIN {LIMITS}", None)
    # So that `migrate` can create privet.write_shared as the owner and then give it to the bridge.
    admin.run("GRANT {} TO {}", names.bridge, names.owner)
    # A backup contains the whole database, also tables that an update of the app adds later. With a right on each
    # table, backups would fail until this runs again. This one applies in all databases to which the owner may connect.
    admin.run("GRANT pg_read_all_data TO {}", names.owner)
    _create_schemas(admin, names)
    _configure_sessions(admin, names)
    _move_trigram_extension(admin, names)
    _take_over_objects(admin, names)
    grant_shared_tables(connection, names, existing_tables(connection))


def _create_role(admin: Administrator, role: str, attributes: str, password: str | None) -> None:
    if admin.value("SELECT NOT EXISTS (SELECT FROM pg_roles WHERE rolname = %s)", role):
        admin.run(f"CREATE ROLE {{}} {attributes}", role)
        admin.report(f"Created the role {role}.")
    elif admin.value(
        "SELECT rolsuper OR rolcreatedb OR rolcreaterole OR rolreplication OR rolbypassrls FROM pg_roles"
        " WHERE rolname = %s",
        role,
    ):
        admin.run(f"ALTER ROLE {{}} {attributes}", role)
        admin.report(f"Took attributes from the role {role} that it does not need.")
    if password:
        admin.run("ALTER ROLE {} PASSWORD {password}", role, password=password)


def _create_schemas(admin: Administrator, names: RoleNames) -> None:
    database = admin.value("SELECT current_database()")
    admin.run("GRANT CONNECT, CREATE ON DATABASE {} TO {}", database, names.owner)
    admin.run("GRANT CONNECT ON DATABASE {} TO {}, {}", database, names.web, names.maintenance)
    # For the placeholder table manager_clients (clients/sql/inbox.sql), and the app's tables where there is no app.
    admin.run("GRANT USAGE, CREATE ON SCHEMA public TO {}", names.owner)
    admin.run("GRANT USAGE ON SCHEMA public TO {}, {}, {}", names.bridge, names.web, names.maintenance)
    for schema in SCHEMAS:
        if admin.value("SELECT to_regnamespace(%s) IS NULL", schema):
            admin.run("CREATE SCHEMA {} AUTHORIZATION {}", schema, names.owner)
            admin.report(f"Created the schema {schema}.")


def session_settings(role: str, database: str) -> Iterator[sql.Composed]:
    """Yield the statements that set SESSION_SETTINGS for the sessions of a role in a database."""
    for name, value in SESSION_SETTINGS.items():
        # A list of schemas is several values, not one.
        values = value.split(",") if name == "search_path" else [value]
        yield sql.SQL("ALTER ROLE {} IN DATABASE {} SET {} = {}").format(
            sql.Identifier(role),
            sql.Identifier(database),
            sql.Identifier(name),
            sql.SQL(", ").join(map(sql.Literal, values)),
        )


def _configure_sessions(admin: Administrator, names: RoleNames) -> None:
    database = admin.value("SELECT current_database()")
    for role in (names.owner, names.web, names.maintenance):
        for statement in session_settings(role, database):
            admin.connection.execute(statement)


def _move_trigram_extension(admin: Administrator, names: RoleNames) -> None:
    """Put pg_trgm where we and the app may use it: an index on a table of the app needs it."""
    schema = admin.connection.execute(
        "SELECT nspname FROM pg_extension JOIN pg_namespace ON pg_namespace.oid = extnamespace"
        " WHERE extname = 'pg_trgm'"
    ).fetchone()
    if schema is None:
        admin.run("CREATE EXTENSION pg_trgm SCHEMA privet_inbox")
        admin.report("Created the extension pg_trgm.")
    elif schema[0] != "privet_inbox":
        admin.run("ALTER EXTENSION pg_trgm SET SCHEMA privet_inbox")
        admin.report("Moved the extension pg_trgm to the schema privet_inbox.")


def _take_over_objects(admin: Administrator, names: RoleNames) -> None:
    """Give the owner what another role made in our schemas, before there were separate roles."""
    rows = admin.connection.execute(
        """
        SELECT CASE relkind WHEN 'S' THEN 'SEQUENCE' ELSE 'TABLE' END, format('%%I.%%I', nspname, relname)
        FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
        WHERE nspname = ANY (%(schemas)s) AND relkind IN ('r', 'S') AND relowner <> %(owner)s::regrole
            AND NOT EXISTS (  -- sequences of columns follow their tables
                SELECT FROM pg_depend WHERE objid = pg_class.oid AND relkind = 'S' AND deptype IN ('a', 'i')
            )
        UNION ALL
        SELECT CASE prokind WHEN 'p' THEN 'PROCEDURE' ELSE 'FUNCTION' END, pg_proc.oid::regprocedure::text
        FROM pg_proc JOIN pg_namespace ON pg_namespace.oid = pronamespace
        WHERE nspname = ANY (%(schemas)s) AND proowner NOT IN (%(owner)s::regrole, %(bridge)s::regrole)
            AND NOT EXISTS (SELECT FROM pg_depend WHERE objid = pg_proc.oid AND deptype = 'e')
        """,
        {"schemas": list(SCHEMAS), "owner": names.owner, "bridge": names.bridge},
    ).fetchall()
    for kind, name in rows:
        admin.connection.execute(
            sql.SQL("ALTER {} {} OWNER TO {}").format(sql.SQL(kind), sql.SQL(name), sql.Identifier(names.owner))
        )
    for schema in SCHEMAS:
        admin.run("ALTER SCHEMA {} OWNER TO {}", schema, names.owner)
    if rows:
        admin.report(f"Gave {names.owner} {len(rows)} tables and functions.")


def existing_tables(connection: psycopg.Connection) -> list[str]:
    """Return the tables of the app that we use and that exist in this database."""
    return [
        table
        for table in (*SHARED_TABLES, *TABLES_WITH_SECRETS)
        if connection.execute("SELECT to_regclass(%s) IS NOT NULL", [f"public.{table}"]).fetchone()[0]
    ]


def grant_shared_tables(connection: psycopg.Connection, names: RoleNames, tables: Iterable[str]) -> None:
    """Let our roles read these shared tables, and the bridge write them. Needs the right to grant on each of them.

    Of tables with secrets, our roles read a few columns.
    """
    admin = Administrator(connection, print)
    for table in tables:
        if table in TABLES_WITH_SECRETS:
            _grant_columns(admin, names, table)
            continue
        admin.run("GRANT SELECT ON TABLE public.{} TO {}, {}, {}", table, names.owner, names.web, names.maintenance)
        admin.run("GRANT SELECT, INSERT, UPDATE, DELETE ON TABLE public.{} TO {}", table, names.bridge)
        # SELECT … FOR UPDATE needs the right to update a column. Our code updates it only through the bridge.
        if admin.value(
            "SELECT EXISTS (SELECT FROM pg_attribute WHERE attrelid = to_regclass(%s) AND attname = 'updated_at')",
            f"public.{table}",
        ):
            admin.run("GRANT UPDATE (updated_at) ON TABLE public.{} TO {}, {}", table, names.web, names.maintenance)
    if "users" in tables:
        admin.run("GRANT TRIGGER ON TABLE public.users TO {}", names.owner)


def _grant_columns(admin: Administrator, names: RoleNames, table: str) -> None:
    columns = TABLES_WITH_SECRETS[table]
    if not admin.value(
        "SELECT count(*) = cardinality(%s::text[]) FROM pg_attribute"
        " WHERE attrelid = to_regclass(%s) AND attname = ANY (%s::text[])",
        list(columns), f"public.{table}", list(columns),
    ):  # fmt: skip
        return
    for role in (names.web, names.maintenance, names.bridge):
        admin.run("REVOKE ALL ON TABLE public.{} FROM {}", table, role)
    for column in columns:
        admin.run("GRANT SELECT ({}) ON TABLE public.{} TO {}, {}", column, table, names.web, names.maintenance)
