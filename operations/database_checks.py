"""Checks of the database that we share with the app: what it must contain, and what it must not.

They run with `check --database default`; those marked `deploy` only with `--deploy`.
"""

from collections.abc import Iterable, Iterator
from contextlib import suppress

from django.apps import apps
from django.core.checks import Error, Tags, Warning, register
from django.core.exceptions import ImproperlyConfigured
from django.db import DatabaseError, connections
from django.db.backends.utils import CursorWrapper

from clients import app_sessions
from clients.fields import LabelField
from contracts import mirror
from foundation.database import shared
from foundation.database.configuration import ISOLATION
from foundation.database.roles import Role, RoleNames, url_of
from operations import shared_indexes
from operations.grants import own_models, web_columns, web_rights

CREATE_ROLES_HINT = "Run manage.py create_roles; docs/deployment.md tells how."

# What could run code of the app with our rights when we read its tables: the error message, and a query for its names.
TRAPS = {
    "{} is not a table.": "SELECT name FROM tables WHERE relkind NOT IN ('r', 'p')",
    "{} has row-level security.": "SELECT name FROM tables WHERE relrowsecurity",
    "{} has rules.": "SELECT name FROM tables WHERE relhasrules AND relkind = 'r'",
    "{} has a type that is not built in.": """
        SELECT name || '.' || attname FROM tables JOIN pg_attribute ON attrelid = tables.oid AND attnum > 0
            AND NOT attisdropped
        JOIN pg_type ON pg_type.oid = atttypid
        WHERE typnamespace <> 'pg_catalog'::regnamespace
            AND NOT (typtype = 'e' AND relname || '.' || attname = ANY (%(labels)s))
    """,
    "{} has a cast.": """
        SELECT DISTINCT 'The type ' || typname FROM pg_cast JOIN pg_type ON pg_type.oid IN (castsource, casttarget)
        WHERE typnamespace = 'public'::regnamespace AND castfunc <> 0
    """,
}
TABLES = """
    WITH tables AS (
        SELECT *, 'public.' || relname AS name FROM pg_class
        WHERE relnamespace = 'public'::regnamespace AND relname = ANY (%(names)s)
    )
"""


def shared_models() -> list[type[shared.SharedModel]]:
    """Return the models of the shared tables."""
    return [model for model in apps.get_models() if issubclass(model, shared.SharedModel)]


def missing_columns(cursor: CursorWrapper) -> list[str]:
    """Return the columns of shared tables that our pages read and that the app's version does not have."""
    needed = {
        (shared.table_name(model), field.column)
        for model in shared_models()
        if not model.optional
        for field in model._meta.concrete_fields
    }
    cursor.execute(
        "SELECT relname, attname FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid"
        " WHERE relnamespace = 'public'::regnamespace AND relname = ANY (%s) AND attnum > 0 AND NOT attisdropped",
        [sorted({table for table, _ in needed})],
    )
    return [f"public.{table}.{column}" for table, column in sorted(needed - set(cursor.fetchall()))]


@register(Tags.database)
def check_shared_columns(app_configs, databases=None, **kwargs) -> list[Error]:
    hint = "Does the app run on this database, in a version that Privet supports? Pages that need it fail."
    return [
        Error(f"The app's column {column} is missing.", hint=hint, id="privet.E030", obj=alias)
        for alias, cursor in _reachable_databases(databases)
        if _is_installed(cursor)
        for column in missing_columns(cursor)
    ]


@register(Tags.database)
def check_shared_tables_trusted(app_configs, databases=None, **kwargs) -> list[Error]:
    hint = "It could run code with the rights of Privet. Whoever made it may be an attacker: see docs/security.md."
    # Enums are compared as text (clients/fields.py), so a column of labels may have any.
    labels = [
        f"{shared.table_name(model)}.{field.column}"
        for model in shared_models()
        for field in model._meta.concrete_fields
        if isinstance(field, LabelField)
    ]
    names, messages = sorted({shared.table_name(model) for model in shared_models()}), []
    for alias, cursor in _reachable_databases(databases):
        for message, query in TRAPS.items():
            cursor.execute(TABLES + query, {"names": names, "labels": labels})
            found = [name for (name,) in cursor.fetchall()]
            messages += [Error(message.format(name), hint=hint, id="privet.E031", obj=alias) for name in found]
    return messages


@register(Tags.database)
def check_invoices_mirrored(app_configs, databases=None, **kwargs) -> list[Warning]:
    hint = "Update the app or Privet. Meanwhile clients don't see their invoices in the app; nothing is lost."
    return [
        Warning(f"Invoices can't be shown in the app: {problem}.", hint=hint, id="privet.W033", obj=alias)
        for alias, cursor in _reachable_databases(databases)
        if _is_installed(cursor) and (problem := mirror.problem())
    ]


@register(Tags.database)
def check_app_sessions_readable(app_configs, databases=None, **kwargs) -> list[Warning]:
    hint = f"Contacts of clients who have no password but use the app can be changed freely. {CREATE_ROLES_HINT}"
    return [
        Warning("We can't read who has signed in to the app.", hint=hint, id="privet.W034", obj=alias)
        for alias, cursor in _reachable_databases(databases)
        if _is_installed(cursor) and app_sessions.exists(cursor) and not app_sessions.is_readable(cursor)
    ]


@register(Tags.database)
def check_session_isolation(app_configs, databases=None, **kwargs) -> list[Error]:
    messages = []
    for alias, cursor in _reachable_databases(databases):
        cursor.execute(
            "SELECT name, replace(setting, ' ', '') FROM pg_settings WHERE name = ANY (%s)", [list(ISOLATION)]
        )
        settings = dict(cursor.fetchall())
        for name, value in ISOLATION.items():
            if name not in settings:
                message, hint = f"This PostgreSQL has no setting {name}.", "Update it to the newest minor version."
            elif settings[name] != value:
                message, hint = f"The session's {name} is {settings[name]}, not {value}.", CREATE_ROLES_HINT
            else:
                continue
            messages.append(Error(message, hint=hint, id="privet.E032", obj=alias))
    return messages


@register(Tags.security, deploy=True)
def check_separate_roles(app_configs, **kwargs) -> list[Warning]:
    if RoleNames.from_environment() or not url_of(Role.WEB):
        return []
    message = "One database role does everything: an error in a page can rewrite history and evidence."
    hint = f"Set DATABASE_OWNER_URL and DATABASE_MAINTENANCE_URL to roles of their own. {CREATE_ROLES_HINT}"
    return [Warning(message, hint=hint, id="privet.W030")]


@register(Tags.database, deploy=True)
def check_role_rights(app_configs, databases=None, **kwargs) -> list[Warning]:
    hint = f"Take the right away. {CREATE_ROLES_HINT}"
    return [
        Warning(f"The role {role} can do more than it needs: {right}.", hint=hint, id="privet.W031", obj=alias)
        for alias, cursor in _reachable_databases(databases)
        for role, right in _excess_rights(cursor)
    ]


@register(Tags.database, deploy=True)
def check_shared_indexes(app_configs, databases=None, **kwargs) -> list[Warning]:
    return [
        Warning(f"The index {name} is missing: pages are slow.", hint=f"{statement};", id="privet.W032", obj=alias)
        for alias, _ in _reachable_databases(databases)
        for name, statement in shared_indexes.missing_indexes(connections[alias]).items()
    ]


def _is_installed(cursor: CursorWrapper) -> bool:
    """Whether our tables exist. Before, `migrate` may still have to create the app's."""
    # to_regclass() fails without a right to the schema.
    cursor.execute(
        "SELECT EXISTS (SELECT FROM pg_tables WHERE (schemaname, tablename) = ('privet', 'manager_clients'))"
    )
    return cursor.fetchone()[0]


def _excess_rights(cursor: CursorWrapper) -> Iterator[tuple[str, str]]:
    """Yield each role that can do more than it needs, with the right."""
    names = RoleNames.from_environment()
    cursor.execute("SELECT current_user")
    (current,) = cursor.fetchone()
    roles = [names.owner, names.web, names.maintenance, names.bridge] if names else [current]
    cursor.execute(
        "SELECT rolname, unnest(array_remove(ARRAY[CASE WHEN rolsuper THEN 'superuser' END,"
        " CASE WHEN rolcreaterole THEN 'create roles' END, CASE WHEN rolcreatedb THEN 'create databases' END,"
        " CASE WHEN rolbypassrls THEN 'bypass row-level security' END,"
        " CASE WHEN rolreplication THEN 'replicate' END], NULL)) FROM pg_roles WHERE rolname = ANY (%s)",
        [roles],
    )
    yield from cursor.fetchall()
    if names:
        yield from _excess_table_rights(cursor, names)
        for role in (names.web, names.maintenance, names.bridge):
            cursor.execute(
                "SELECT nspname FROM pg_namespace WHERE nspname IN ('privet', 'privet_inbox')"
                " AND has_schema_privilege(%s, oid, 'CREATE')",
                [role],
            )
            yield from ((role, f"create in the schema {schema}") for (schema,) in cursor.fetchall())


def _excess_table_rights(cursor: CursorWrapper, names: RoleNames) -> Iterator[tuple[str, str]]:
    rights = ("INSERT", "UPDATE", "DELETE", "TRUNCATE", "TRIGGER")
    needed = {model._meta.db_table: set(web_rights(model)) for model in own_models()}
    cursor.execute(
        "SELECT relname, right_name FROM pg_class, unnest(%s::text[]) right_name"
        " WHERE relnamespace = 'privet'::regnamespace AND relkind = 'r'"
        " AND has_table_privilege(%s, pg_class.oid, right_name)",
        [list(rights), names.web],
    )
    for table, right in cursor.fetchall():
        if right not in needed.get(table, {"SELECT"}):
            yield names.web, f"{right} on {table}"
    for model in own_models():
        if columns := web_columns(model):
            cursor.execute(
                "SELECT attname FROM pg_attribute WHERE attrelid = to_regclass(%s) AND attnum > 0 AND NOT attisdropped"
                " AND has_column_privilege(%s, attrelid, attnum, 'UPDATE') AND attname <> ALL (%s)",
                [f"privet.{model._meta.db_table}", names.web, columns],
            )
            yield from ((names.web, f"UPDATE of {model._meta.db_table}.{name}") for (name,) in cursor.fetchall())


def _reachable_databases(databases: Iterable[str] | None) -> Iterator[tuple[str, CursorWrapper]]:
    """Yield alias and cursor of the databases that answer; others are reported by privet/checks.py."""
    for alias in databases or ():
        with suppress(ImproperlyConfigured, DatabaseError), connections[alias].cursor() as cursor:
            yield alias, cursor
