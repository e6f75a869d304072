"""What `migrate` does before and after Django's migrations: schemas, functions, triggers, rights.

`prepare` and `finish` are idempotent and run as the owner. Earlier versions had our tables in `public`, next to those
of the app; `prepare` moves them.
"""

from django.core.management.base import CommandError
from django.db import DatabaseError, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.migrations.executor import MigrationExecutor
from psycopg import sql

from clients import sql as clients_sql
from foundation.database.privileges import SCHEMAS, existing_tables, grant_shared_tables
from foundation.database.roles import RoleNames
from foundation.env import BASE_DIR
from operations.grants import grant_statements, own_models

WRITE_SHARED = BASE_DIR / "foundation" / "database" / "sql" / "write_shared.sql"
WRITE_SHARED_SIGNATURE = "privet.write_shared(text, text, uuid[], jsonb)"
MOVE_TRIGRAMS_HINT = (
    "Run manage.py create_roles, or as a superuser: CREATE SCHEMA privet_inbox AUTHORIZATION <the role of migrate>;"
    " ALTER EXTENSION pg_trgm SET SCHEMA privet_inbox;"
)
# Names of the functions that earlier versions created in `public`.
OLD_FUNCTIONS = r"^(pgtrigger_|_pgtrigger_should_ignore$|privet_)"


def prepare(connection: BaseDatabaseWrapper) -> bool:
    """Create our schemas, and move an installation out of `public` into them, in one transaction.

    Return whether there was one to move.
    """
    with transaction.atomic(using=connection.alias), connection.cursor() as cursor:
        for schema in SCHEMAS:
            cursor.execute(f"SELECT to_regnamespace('{schema}') IS NULL")
            if cursor.fetchone()[0]:
                cursor.execute(f"CREATE SCHEMA {schema}")
        _move_trigram_extension(cursor)
        moves = is_in_public(cursor)
        if moves:
            _move_tables(cursor)
            _move_functions(cursor)
            _create_functions(cursor)
            # The trigger function of earlier versions, which ran with our rights. Its trigger has been replaced.
            cursor.execute("DROP FUNCTION IF EXISTS privet.privet_user_changed()")
    return moves


def _move_trigram_extension(cursor) -> None:
    """Put pg_trgm where we and the app may use it: an index on a table of the app needs it."""
    cursor.execute("SELECT extnamespace::regnamespace::text FROM pg_extension WHERE extname = 'pg_trgm'")
    schema = cursor.fetchone()
    if schema is None:
        cursor.execute("CREATE EXTENSION pg_trgm SCHEMA privet_inbox")
    elif schema[0] != "privet_inbox":
        try:
            cursor.execute("ALTER EXTENSION pg_trgm SET SCHEMA privet_inbox")
        except DatabaseError as error:
            raise CommandError(f"Only a superuser may move pg_trgm out of {schema[0]}. {MOVE_TRIGRAMS_HINT}") from error


def is_in_public(cursor) -> bool:
    """Whether the tables of an earlier version of Privet are in `public`, and have not been moved."""
    cursor.execute("SELECT to_regclass('privet.django_migrations'), to_regclass('public.django_migrations')")
    ours, public = cursor.fetchone()
    if ours or not public:
        return False
    cursor.execute(
        "SELECT EXISTS (SELECT FROM public.django_migrations WHERE app = 'clients' AND name = '0001_initial')"
    )
    return cursor.fetchone()[0]


def _move_tables(cursor) -> None:
    """Move our tables; their indexes, constraints, triggers and sequences follow."""
    for table in _tables_in_public(cursor):
        cursor.execute(f"ALTER TABLE public.{table} SET SCHEMA privet")


def _tables_in_public(cursor) -> list[str]:
    tables = {model._meta.db_table for model in own_models()} | {"django_migrations"}
    cursor.execute("SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'")
    return sorted(tables & {name for (name,) in cursor.fetchall()})


def _functions_in_public(cursor) -> list[tuple[str, str]]:
    """Return the signatures and definitions of our functions in `public`."""
    cursor.execute(
        "SELECT oid::regprocedure::text, pg_get_functiondef(oid) FROM pg_proc"
        " WHERE pronamespace = 'public'::regnamespace AND prokind = 'f' AND proname ~ %s",
        [OLD_FUNCTIONS],
    )
    return cursor.fetchall()


def _move_functions(cursor) -> None:
    """Move our functions, and replace the name of the schema in their bodies, which PostgreSQL does not change."""
    functions = _functions_in_public(cursor)
    for signature, _ in functions:
        cursor.execute(f"ALTER FUNCTION {signature} SET SCHEMA privet")
    cursor.execute("SET LOCAL check_function_bodies = off")
    for _, definition in functions:
        moved = definition.replace('"public"._pgtrigger', '"privet"._pgtrigger').replace(
            "FUNCTION public.", "FUNCTION privet."
        )
        cursor.execute(moved.replace("SET search_path TO 'public'", "SET search_path TO 'privet', 'pg_temp'"))
    cursor.execute("SET LOCAL check_function_bodies = on")


def finish(connection: BaseDatabaseWrapper, *, sync: bool) -> None:
    """Create our functions and triggers, and give the roles their rights, in one transaction.

    With `sync`, and when the trigger on the app's accounts is new, also bring our clients up to date with all accounts.
    Does nothing until all migrations are applied: the functions and rights refer to the tables of this version.
    """
    executor = MigrationExecutor(connection)
    if executor.migration_plan(executor.loader.graph.leaf_nodes()):
        return
    names = RoleNames.from_environment()
    with transaction.atomic(using=connection.alias), connection.cursor() as cursor:
        is_new = not _watches_accounts(cursor)
        _create_functions(cursor)
        if is_new or sync:
            for statement in clients_sql.statements("sync"):
                cursor.execute(statement)
        _protect_history(cursor)
        if names:
            _ignore_settings_of_web(cursor, names)
            _give_to_bridge(cursor, names)
            _grant(cursor, names)


def give_public_tables(cursor, owner: str) -> None:
    """Make `owner` the owner of an installation in `public`, so that its `migrate` can move it. Needs a superuser."""
    if not is_in_public(cursor):
        return
    for table in _tables_in_public(cursor):
        _execute(
            cursor, sql.SQL("ALTER TABLE public.{} OWNER TO {}").format(sql.Identifier(table), sql.Identifier(owner))
        )
    for signature, _ in _functions_in_public(cursor):
        _execute(cursor, sql.SQL("ALTER FUNCTION {} OWNER TO {}").format(sql.SQL(signature), sql.Identifier(owner)))


def _watches_accounts(cursor) -> bool:
    """Whether a trigger of this or an earlier version is on the app's table of accounts."""
    cursor.execute("SELECT EXISTS (SELECT FROM pg_trigger WHERE tgname = 'privet_user_changed')")
    return cursor.fetchone()[0]


def _create_functions(cursor) -> None:
    for text in (WRITE_SHARED.read_text(), *map(clients_sql.read, ("inbox", "accounts", "search_text"))):
        # With parameters, because wrappers of django-pghistory and django-pgtrigger may add some.
        cursor.execute(text.replace("%", "%%"), [])


def _protect_history(cursor) -> None:
    """Let the triggers that write history run as the owner, so that no other role needs the right to insert into one.

    Django's migrations replace these functions and lose this property.
    """
    cursor.execute(
        "SELECT oid::regprocedure::text FROM pg_proc WHERE pronamespace = 'privet'::regnamespace"
        r" AND proname ~ '^pgtrigger_(insert_insert|update_update|delete_delete)_'"
        r" AND prosrc ~ 'INSERT INTO \"\w+_history\"'"
    )
    for (signature,) in cursor.fetchall():
        cursor.execute(f"ALTER FUNCTION {signature} SECURITY DEFINER SET search_path = privet, pg_temp")


def _ignore_settings_of_web(cursor, names: RoleNames) -> None:
    """Replace the function that django-pgtrigger's triggers ask whether to do nothing: never for the web role."""
    _execute(
        cursor,
        sql.SQL("""
            CREATE OR REPLACE FUNCTION privet._pgtrigger_should_ignore(trigger_name name) RETURNS boolean
            LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
                -- Triggers that write history run as the owner, so current_user does not tell who changed the row.
                SELECT coalesce(nullif(current_setting('role'), 'none'), session_user) <> {}
                    AND trigger_name = ANY (
                        coalesce(nullif(current_setting('pgtrigger.ignore', true), ''), '{{}}')::text[]
                    )
            $$
        """).format(sql.Literal(names.web)),
    )


def _give_to_bridge(cursor, names: RoleNames) -> None:
    """Make the bridge the owner of the function through which all writes to shared tables go."""
    bridge = sql.Identifier(names.bridge)
    for statement in (
        "GRANT CREATE ON SCHEMA privet TO {}",
        f"ALTER FUNCTION {WRITE_SHARED_SIGNATURE} OWNER TO {{}}",
        # Code of the app may run as the bridge. Without a right to the schema it can't name the function to change it.
        "REVOKE ALL ON SCHEMA privet FROM {}",
    ):
        _execute(cursor, sql.SQL(statement).format(bridge))


def _grant(cursor, names: RoleNames) -> None:
    """Grant all rights on our own tables, and those on shared tables that this role owns: where there is no app."""
    raw = cursor.connection
    grant_shared_tables(raw, names, [table for table in existing_tables(raw) if _owns(cursor, table)])
    for statement in grant_statements(names):
        _execute(cursor, statement)


def _owns(cursor, table: str) -> bool:
    cursor.execute(
        "SELECT pg_has_role(relowner, 'USAGE') FROM pg_class WHERE oid = to_regclass(%s)", [f"public.{table}"]
    )
    return cursor.fetchone()[0]


def _execute(cursor, statement: sql.Composed) -> None:
    # As text, because the wrappers that add the history context expect strings.
    cursor.execute(statement.as_string(cursor.connection))
