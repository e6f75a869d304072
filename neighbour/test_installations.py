"""Databases and servers for tests: versions, the rights of the app's role, what is left behind."""

import os
from pathlib import Path

import psycopg
import pytest

from neighbour import servers
from neighbour.installations import CommandFailed, Kind, copy_of, installation


def test_versions(postgresql, request):
    if "oldest" in request.node.name:
        assert postgresql.version == int(servers.oldest_programs().parent.name)
    assert 15 <= postgresql.version <= 18


def test_lowest_supported_version_is_chosen(tmp_path, monkeypatch):
    for version in (9, 14, 18, 16):
        (tmp_path / f"{version}/bin").mkdir(parents=True)
        (tmp_path / f"{version}/bin/initdb").touch()
    monkeypatch.setattr(servers, "DEBIAN", tmp_path)
    assert servers.oldest_programs() == tmp_path / "16/bin"
    monkeypatch.setattr(servers, "DEBIAN", tmp_path / "14")
    with pytest.raises(servers.NoServer, match="apt-get install postgresql"):
        servers.oldest_programs()


def test_server_and_its_files_are_gone_afterwards():
    with servers.oldest_server() as server:
        url = server.url
        folder = Path(url.partition("host=")[2].replace("%2F", "/"))
        assert folder.is_dir()
    assert not folder.exists()
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(url)


def test_app_owns_its_tables_and_is_no_superuser(app_installation):
    role = app_installation.app_role
    owners = app_installation.execute("SELECT DISTINCT tableowner FROM pg_tables WHERE schemaname = 'public'")
    assert owners == [(role,)]
    rights = app_installation.execute(
        f"SELECT rolsuper, rolcreaterole, rolcreatedb, rolbypassrls FROM pg_roles WHERE rolname = '{role}'"
    )
    assert rights == [(False, False, False, False)]
    app_installation.execute("CREATE TABLE public.found (); CREATE TEMP TABLE also ()", role=role)


def test_database_and_roles_are_dropped(postgresql):
    with installation(postgresql, Kind.NOTHING) as empty:
        assert empty.execute("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'") == [(0,)]
        empty.execute(f"CREATE ROLE {empty.database}_web LOGIN; CREATE TABLE ours ()")
        empty.execute(f"GRANT SELECT ON ours TO {empty.database}_web")
        connection = psycopg.connect(empty.url_of(f"{empty.database}_web"))
    with pytest.raises(psycopg.OperationalError):
        connection.execute("SELECT 1")
    with psycopg.connect(postgresql.url) as superuser:
        left = "SELECT count(*) FROM pg_roles WHERE starts_with(rolname, %s)"
        assert superuser.execute(left, [empty.database]).fetchone() == (0,)


def test_copy_has_the_rows_settings_and_rights_of_the_original(postgresql):
    with installation(postgresql, Kind.APP) as original:
        role = f"{original.database}_web"
        original.execute(f"""
            CREATE ROLE {role} LOGIN;
            ALTER ROLE {role} IN DATABASE {original.database} SET search_path = "$user", privet;
            ALTER ROLE {role} IN DATABASE {original.database} SET row_security = off;
            ALTER DATABASE {original.database} SET lock_timeout = '3s';
            REVOKE CONNECT ON DATABASE {original.database} FROM PUBLIC;
            GRANT CONNECT ON DATABASE {original.database} TO {role};
            INSERT INTO alembic_version VALUES ('copied');
        """)
        with copy_of(original) as copy:
            settings = (
                "SELECT current_setting(name) FROM unnest(ARRAY['search_path', 'row_security', 'lock_timeout']) name"
            )
            assert copy.execute(settings, role=role) == [('"$user", privet',), ("off",), ("3s",)]
            assert copy.execute("SELECT has_database_privilege('public', current_database(), 'CONNECT')") == [(False,)]
            assert copy.execute("SELECT count(*) FROM alembic_version", role=copy.app_role) == [(2,)]
            copy.execute("DELETE FROM alembic_version")
        assert original.execute("SELECT count(*) FROM alembic_version") == [(2,)]


def test_commands_and_pages_of_privet_use_the_database(oldest_postgresql):
    """On the oldest supported version."""
    from urllib.request import urlopen

    with installation(oldest_postgresql, Kind.NOTHING) as empty:
        empty.manage("migrate", "--verbosity", "0")
        count = "from clients.models import Client; print(Client.objects.count())"
        assert empty.manage("shell", "--verbosity", "0", "--command", count).stdout.strip() == "0"
        with pytest.raises(CommandFailed, match="Unknown command"):
            empty.manage("no_such_command")
        with empty.serve() as site, urlopen(f"{site}/sign-in/", timeout=20) as page:
            assert "Пароль" in page.read().decode()


def test_report_names_both_versions():
    from neighbour.testing import pytest_report_header

    assert pytest_report_header() == (
        f"PostgreSQL: configured {servers.Server(os.environ['DATABASE_URL']).version},"
        f" oldest {servers.oldest_programs().parent.name}"
    )
