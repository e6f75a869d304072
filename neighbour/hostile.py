"""Traps that the app's role can set for other roles: it owns the shared tables, but is no superuser.

Each function sets one trap on a connection of the app (`Installation.app`). When another role runs the trap's code, it
tries everything in `trap_attempts` (read and write tables of Privet, become superuser, …) with that role's rights, and
logs in `trap_log` who ran it and what succeeded. Runs by the app itself are logged too.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from psycopg import Connection, sql

# Each table with a column of text that Privet writes.
SHARED_TABLES = {
    "users": "name",
    "devices": "title",
    "device_photos": "file_url",
    "support_tickets": "subject",
    "support_messages": "body",
    "user_invoices": "description",
    "user_invoice_payments": "status",
}
_PREPARATION = (Path(__file__).parent / "sql" / "traps.sql").read_text()


@dataclass(frozen=True)
class Run:
    """A trap whose code ran as `role`, in a session of `session_role`; `succeeded` names the attempts."""

    trap: str
    role: str
    session_role: str
    succeeded: list[str]


def prepare(app: Connection, **attempts: str) -> None:
    """Create what all traps need. `attempts` are more statements to try, by name. Call it after Privet is installed."""
    app.execute(_PREPARATION)
    for name, statement in attempts.items():
        app.execute("INSERT INTO public.trap_attempts VALUES (%s, %s)", [name, statement])


def runs_by_others(app: Connection) -> list[Run]:
    """The logged runs by other roles than the app's. Those in rolled back transactions are only counted."""
    found = app.execute(
        "SELECT trap, role, session_role, succeeded FROM public.trap_log WHERE role <> current_user ORDER BY id"
    )
    return [Run(*row) for row in found]


def count_runs_by_others(app: Connection) -> int:
    """How often other roles ran a trap, also in transactions that were rolled back."""
    counted = "SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM public.trap_runs_by_others"
    return app.execute(counted).fetchone()[0]


def temporary_relations(app: Connection) -> None:
    """Temporary relations with the names of our tables: a trap for code of ours that the app's own session runs."""
    app.execute("CREATE TEMPORARY TABLE any_name_creates_the_schema ()")
    app.execute(
        "SELECT public.set_decoys(nspname, 'temporary_relations') FROM pg_namespace WHERE oid = pg_my_temp_schema()"
    )


def relations_in_public(app: Connection) -> None:
    """The same in `public`, for a `search_path` that contains it."""
    app.execute("SELECT public.set_decoys('public', 'relations_in_public')")


def functions_and_operators(app: Connection) -> None:
    """Functions and operators that match types of the shared columns better than those of `pg_catalog`."""
    app.execute("""
        CREATE FUNCTION public.lower(varchar) RETURNS text LANGUAGE plpgsql AS $$
            BEGIN PERFORM public.run_trap('functions_and_operators'); RETURN pg_catalog.lower($1::text); END $$;
        CREATE FUNCTION public.now() RETURNS timestamptz LANGUAGE plpgsql AS $$
            BEGIN PERFORM public.run_trap('functions_and_operators'); RETURN pg_catalog.now(); END $$;
        CREATE FUNCTION public.trapped_equal(varchar, varchar) RETURNS boolean LANGUAGE plpgsql AS $$
            BEGIN PERFORM public.run_trap('functions_and_operators');
            RETURN $1::text OPERATOR(pg_catalog.=) $2::text; END $$;
        CREATE FUNCTION public.trapped_equal(varchar, text) RETURNS boolean LANGUAGE plpgsql AS $$
            BEGIN PERFORM public.run_trap('functions_and_operators');
            RETURN $1::text OPERATOR(pg_catalog.=) $2; END $$;
        CREATE OPERATOR public.= (LEFTARG = varchar, RIGHTARG = varchar, FUNCTION = public.trapped_equal);
        CREATE OPERATOR public.= (LEFTARG = varchar, RIGHTARG = text, FUNCTION = public.trapped_equal);
    """)


def copies_of_our_functions(app: Connection) -> None:
    """Functions in `public` with the names and arguments of ours, for calls without a schema.

    Also `_pgtrigger_should_ignore`, which django-pgtrigger creates in `public` unless it is told otherwise: whoever
    replaces a function of the app leaves it to the app.
    """
    app.execute("""
        DO $do$ DECLARE copy record; BEGIN
            FOR copy IN
                SELECT proname AS name, pg_get_function_identity_arguments(pg_proc.oid) AS arguments,
                    prorettype::regtype AS result FROM pg_proc
                JOIN pg_namespace ON pg_namespace.oid = pronamespace AND nspname ~ '^privet'
                WHERE prokind = 'f' AND prorettype <> 'trigger'::regtype
                UNION SELECT '_pgtrigger_should_ignore', 'trigger_name name', 'boolean'::regtype
            LOOP
                BEGIN
                    EXECUTE format('CREATE FUNCTION public.%I(%s) RETURNS %s LANGUAGE plpgsql AS $$ BEGIN'
                        ' PERFORM public.run_trap(''copies_of_our_functions''); RETURN NULL; END $$',
                        copy.name, copy.arguments, copy.result);
                EXCEPTION WHEN duplicate_function OR insufficient_privilege OR datatype_mismatch
                    OR feature_not_supported THEN NULL;
                END;
            END LOOP;
        END $do$
    """)


def casts(app: Connection) -> None:
    """Casts between text and the enum types of the shared columns, which whoever owns the type may create."""
    for enum in ("user_status_t", "messageauthor", "supportcasestatus"):
        for text in ("text", "varchar"):
            app.execute(f"""
                CREATE FUNCTION public.trapped_{text}({enum}) RETURNS {text} LANGUAGE plpgsql AS $$
                    BEGIN PERFORM public.run_trap('casts'); RETURN pg_catalog.enum_out($1)::text; END $$;
                CREATE CAST ({enum} AS {text}) WITH FUNCTION public.trapped_{text}({enum}) AS IMPLICIT;
                CREATE FUNCTION public.trapped_{enum}({text}) RETURNS {enum} LANGUAGE plpgsql AS $$
                    BEGIN PERFORM public.run_trap('casts');
                    RETURN pg_catalog.enum_in($1::pg_catalog.cstring, '{enum}'::regtype); END $$;
                CREATE CAST ({text} AS {enum}) WITH FUNCTION public.trapped_{enum}({text}) AS IMPLICIT;
            """)


def row_triggers(app: Connection) -> None:
    """Triggers before and after every change of a shared row. They run as whoever changes it."""
    for table in SHARED_TABLES:
        for when in ("BEFORE", "AFTER"):
            app.execute(f"CREATE TRIGGER trap_{when} {when} INSERT OR UPDATE OR DELETE ON public.{table} FOR EACH ROW"
                        " EXECUTE FUNCTION public.run_trap_row('row_triggers')")  # fmt: skip


def deferred_triggers(app: Connection) -> None:
    """They run at COMMIT, after a function with other rights has returned."""
    for table in SHARED_TABLES:
        app.execute(f"CREATE CONSTRAINT TRIGGER trap_deferred AFTER INSERT OR UPDATE OR DELETE ON public.{table}"
                    " DEFERRABLE INITIALLY DEFERRED FOR EACH ROW"
                    " EXECUTE FUNCTION public.run_trap_row('deferred_triggers')")  # fmt: skip


def parameters(app: Connection) -> None:
    """Triggers that set parameters of the session which writes: `SET` in a function's definition does not undo that.

    Afterwards names are looked for in `public`, where `relations_in_public` may be; our triggers are named as ignored,
    and history rows get a false author.
    """
    app.execute("""
        CREATE FUNCTION public.set_parameters() RETURNS trigger LANGUAGE plpgsql AS $$
        DECLARE triggers text := (SELECT array_agg(tgname)::text FROM pg_catalog.pg_trigger WHERE NOT tgisinternal);
        BEGIN
            PERFORM set_config(name, value, false) FROM (VALUES
                ('search_path', 'public'), ('row_security', 'on'), ('restrict_nonsystem_relation_kind', ''),
                ('pgtrigger.ignore', triggers), ('pghistory.context_id', gen_random_uuid()::text),
                ('pghistory.context_metadata', '{"user": "forged", "ip": "forged"}')
            ) parameters (name, value)
            WHERE name ~ '[.]' OR EXISTS (SELECT FROM pg_catalog.pg_settings known WHERE known.name = parameters.name);
            RETURN NULL;
        END $$
    """)
    for table in SHARED_TABLES:
        app.execute(f"CREATE TRIGGER trap_parameters AFTER INSERT OR UPDATE OR DELETE ON public.{table} FOR EACH ROW"
                    " EXECUTE FUNCTION public.set_parameters()")  # fmt: skip


def views(app: Connection) -> None:
    """A view in place of each shared table. Its functions run with the rights of whoever reads it."""
    for table in SHARED_TABLES:
        app.execute(f"""
            ALTER TABLE public.{table} RENAME TO {table}_kept;
            CREATE VIEW public.{table} AS SELECT * FROM public.{table}_kept WHERE public.run_trap('views');
            GRANT ALL ON public.{table} TO PUBLIC
        """)


def rules(app: Connection) -> None:
    """Statements that PostgreSQL adds to every change. Their functions run as whoever changes a row."""
    app.execute("CREATE TABLE public.trap_sink (result boolean)")
    for table in SHARED_TABLES:
        for event in ("INSERT", "UPDATE", "DELETE"):
            app.execute(f"CREATE RULE trap_{event} AS ON {event} TO public.{table}"
                        " DO ALSO INSERT INTO public.trap_sink SELECT public.run_trap('rules')")  # fmt: skip


def policies(app: Connection) -> None:
    """Row-level security: the policy's function runs as whoever reads the table."""
    for table in SHARED_TABLES:
        app.execute(f"""
            ALTER TABLE public.{table} ENABLE ROW LEVEL SECURITY;
            CREATE POLICY trap ON public.{table} USING (public.run_trap('policies'))
        """)


def defaults_and_checks(app: Connection) -> None:
    """A column with a function as default, a check constraint and an expression in an index."""
    for table in SHARED_TABLES:
        app.execute(f"""
            ALTER TABLE public.{table} ADD COLUMN trapped text DEFAULT public.run_trap('defaults_and_checks')::text,
                ADD CONSTRAINT trap CHECK (public.run_trap('defaults_and_checks') OR id IS NULL) NOT VALID;
            CREATE INDEX ON public.{table} (public.run_trap('defaults_and_checks', trapped))
        """)


def generated_columns(app: Connection) -> None:
    """A column that is computed from one that Privet writes."""
    for table, column in SHARED_TABLES.items():
        app.execute(
            f"ALTER TABLE public.{table} ADD COLUMN trap_generated text GENERATED ALWAYS AS"
            f" (public.run_trap('generated_columns', {column}::text)) STORED"
        )


def domains(app: Connection) -> None:
    """Text columns retyped to a domain, whose check runs when somebody writes a value."""
    app.execute("CREATE DOMAIN public.trapped_text AS text CHECK (public.run_trap('domains') OR VALUE IS NULL)")
    for table, column in SHARED_TABLES.items():
        app.execute(f"ALTER TABLE public.{table} ALTER COLUMN {column} TYPE public.trapped_text")


def retyped_columns(app: Connection) -> None:
    """The status of accounts retyped to a type that brings its own comparison and cast."""
    app.execute("""
        CREATE TYPE public.trapped_status AS ENUM ('ghost', 'active', 'blocked', 'deleted');
        ALTER TABLE public.users ALTER COLUMN status DROP DEFAULT,
            ALTER COLUMN status TYPE public.trapped_status USING status::text::public.trapped_status,
            ALTER COLUMN status SET DEFAULT 'active';
        CREATE FUNCTION public.trapped_status_text(public.trapped_status) RETURNS text LANGUAGE plpgsql AS $$
            BEGIN PERFORM public.run_trap('retyped_columns'); RETURN pg_catalog.enum_out($1)::text; END $$;
        CREATE CAST (public.trapped_status AS text) WITH FUNCTION public.trapped_status_text AS IMPLICIT;
        CREATE FUNCTION public.trapped_status_equal(public.trapped_status, public.trapped_status)
            RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN PERFORM public.run_trap('retyped_columns');
            RETURN pg_catalog.enum_eq($1, $2); END $$;
        CREATE OPERATOR public.= (LEFTARG = public.trapped_status, RIGHTARG = public.trapped_status,
            FUNCTION = public.trapped_status_equal);
    """)


def search_path_of_the_database(app: Connection) -> None:
    """What only the database's owner may do: a `search_path` for all roles, and a schema named like each of them.

    New sessions look there first, unless their role has a `search_path` of its own.
    """
    others = "SELECT rolname FROM pg_roles WHERE rolcanlogin AND rolname <> current_user"
    for (role,) in app.execute(others).fetchall():
        app.execute(sql.SQL("CREATE SCHEMA IF NOT EXISTS {0}; GRANT USAGE ON SCHEMA {0} TO PUBLIC").format(
            sql.Identifier(role)))  # fmt: skip
        app.execute("SELECT public.set_decoys(%s, 'search_path_of_the_database')", [role])
    database = sql.Identifier(app.info.dbname)
    app.execute(sql.SQL('ALTER DATABASE {} SET search_path = "$user", public').format(database))


TRAPS: dict[str, Callable[[Connection], None]] = {
    trap.__name__: trap
    for trap in (
        temporary_relations, relations_in_public, functions_and_operators, copies_of_our_functions, casts, row_triggers,
        deferred_triggers, parameters, views, rules, policies, defaults_and_checks, generated_columns, domains,
        retyped_columns, search_path_of_the_database,
    )
}  # fmt: skip
