"""Each trap catches a careless role, on both servers. Otherwise it would prove nothing about Privet."""

import psycopg
import pytest

from neighbour import app as client_app
from neighbour import hostile
from neighbour.installations import Kind, installation

# Tables as ours would be without any precaution, and a role that finds them, and the app's, by its search_path.
OURS = """
    CREATE ROLE {role} LOGIN;
    CREATE SCHEMA privet AUTHORIZATION {role};
    CREATE TABLE privet.users_passports (number text);
    CREATE TABLE privet.statuses (status text);
    CREATE FUNCTION privet.fold(words text) RETURNS text LANGUAGE sql AS 'SELECT lower(words)';
    ALTER TABLE privet.users_passports OWNER TO {role};
    ALTER TABLE privet.statuses OWNER TO {role};
    GRANT ALL ON ALL TABLES IN SCHEMA public TO {role};
    ALTER ROLE {role} IN DATABASE {database} SET search_path = {path};
"""
READ = "SELECT name FROM users WHERE phone = '9100000001'::varchar"
WRITE = "UPDATE users SET name = 'Анна' WHERE phone = '9100000001'"
# What the careless role does, and the search_path with which that is careless.
CARELESS = {
    "relations_in_public": ("SELECT * FROM users_passports", "public"),
    "functions_and_operators": (READ, "privet, public"),
    "copies_of_our_functions": ("SELECT fold('Ё')", "public, privet"),
    "casts": ("SELECT status::text FROM public.users", "privet"),
    "row_triggers": (WRITE, "public"),
    "deferred_triggers": (WRITE, "public"),
    "views": (READ, "public"),
    "rules": (WRITE, "public"),
    "policies": (READ, "public"),
    "defaults_and_checks": (WRITE, "public"),
    "generated_columns": (WRITE, "public"),
    "domains": (WRITE, "public"),
    "retyped_columns": ("SELECT status::text FROM users", "public"),
    "search_path_of_the_database": ("SELECT * FROM users_passports", ""),
}


@pytest.fixture
def attacked(postgresql):
    """A database with an account of the app and tables of a careless role."""
    with installation(postgresql, Kind.APP) as created, created.app() as app:
        client_app.sign_up_in_older_version(app, phone="9100000001", name="Аня")
        yield created, app


def add_careless_role(created, path: str) -> str:
    role = f"{created.database}_careless"
    created.execute(OURS.format(role=role, database=created.database, path=path or "DEFAULT"))
    return role


@pytest.mark.parametrize("trap", CARELESS)
def test_trap_runs_with_the_rights_of_a_careless_role(attacked, trap):
    created, app = attacked
    statement, path = CARELESS[trap]
    role = add_careless_role(created, path)
    hostile.prepare(app, forge="INSERT INTO privet.statuses VALUES ('processed')")
    hostile.TRAPS[trap](app)

    with psycopg.connect(created.url_of(role)) as careless:
        careless.execute(statement)
    (run,) = hostile.runs_by_others(app)
    assert (run.trap, run.role, run.session_role) == (trap, role, role)
    assert {"SELECT privet.users_passports", "DELETE privet.users_passports", "use privet", "forge"} <= set(
        run.succeeded
    )
    assert "become superuser" not in run.succeeded
    assert created.execute("SELECT status FROM privet.statuses") == [("processed",)]
    assert hostile.count_runs_by_others(app) == 1


def test_every_trap_is_tested():
    assert set(hostile.TRAPS) == set(CARELESS) | {"temporary_relations", "parameters"}


def test_temporary_relations_catch_a_definer_function_in_the_session_of_the_app(attacked):
    created, app = attacked
    role = add_careless_role(created, "privet")
    created.execute(f"""
        CREATE FUNCTION privet.read() RETURNS bigint SECURITY DEFINER SET search_path = privet LANGUAGE sql
            BEGIN ATOMIC SELECT 1; END;
        CREATE OR REPLACE FUNCTION privet.read() RETURNS bigint SECURITY DEFINER SET search_path = privet
            LANGUAGE plpgsql AS 'BEGIN RETURN (SELECT count(*) FROM users_passports); END';
        ALTER FUNCTION privet.read OWNER TO {role};
        GRANT USAGE ON SCHEMA privet TO PUBLIC;
    """)
    hostile.prepare(app)
    hostile.temporary_relations(app)
    app.execute("SELECT privet.read()")

    (run,) = hostile.runs_by_others(app)
    assert (run.role, run.session_role) == (role, created.app_role)
    assert "SELECT privet.users_passports" in run.succeeded


def test_parameters_outlive_a_definer_function_that_sets_its_own(attacked):
    created, app = attacked
    role = add_careless_role(created, "privet")
    created.execute(f"""
        CREATE FUNCTION privet.rename() RETURNS void SECURITY DEFINER SET search_path = pg_catalog LANGUAGE plpgsql
            AS 'BEGIN UPDATE public.users SET name = ''Анна''; END';
        ALTER FUNCTION privet.rename OWNER TO {role};
    """)
    hostile.prepare(app)
    hostile.relations_in_public(app)
    hostile.parameters(app)
    with psycopg.connect(created.url_of(role), autocommit=True) as careless:
        careless.execute("SELECT privet.rename()")
        set_by_the_trap = careless.execute(
            "SELECT current_setting('search_path'), current_setting('pghistory.context_metadata')::json ->> 'user'"
        ).fetchone()
        careless.execute("SELECT * FROM users_passports")
    assert set_by_the_trap == ("public", "forged")
    assert [run.trap for run in hostile.runs_by_others(app)] == ["relations_in_public"]


@pytest.mark.parametrize("trap", ["row_triggers", "defaults_and_checks"])
def test_runs_are_counted_although_the_transaction_is_rolled_back(attacked, trap):
    created, app = attacked
    role = add_careless_role(created, "public")
    hostile.prepare(app)
    hostile.TRAPS[trap](app)
    with psycopg.connect(created.url_of(role)) as careless:
        careless.execute(WRITE)
        careless.rollback()
    assert hostile.runs_by_others(app) == []
    assert hostile.count_runs_by_others(app) == 1


@pytest.mark.parametrize("trap", hostile.TRAPS)
def test_app_works_beside_its_own_traps(attacked, trap):
    created, app = attacked
    add_careless_role(created, "public")
    hostile.prepare(app)
    hostile.TRAPS[trap](app)
    user_id = client_app.find_account(app, phone="9100000001")
    client_app.write(app, user_id, client_app.open_ticket(app, user_id, "Вопрос"), "Текст")
    client_app.edit_profile(app, user_id, name="Анна")
    client_app.close_account(app, user_id)
    assert hostile.runs_by_others(app) == []
