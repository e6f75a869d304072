"""The owner makes a backup and restores it; afterwards each role has its rights again."""

from collections.abc import Iterator
from contextlib import contextmanager

from neighbour import app as client_app
from neighbour.installations import Installation, copy_of
from operations.backup.test_backup import key_pair
from operations.conftest import role_urls
from operations.test_installation_orders import new_clients


@contextmanager
def empty_database(original: Installation) -> Iterator[Installation]:
    """Another database of the same server, for the same roles."""
    created = Installation(original.server, f"{original.database}_restored", original.app_role)
    original.execute(f"CREATE DATABASE {created.database} TEMPLATE template0 ENCODING 'UTF8' LOCALE 'C.UTF-8'")
    try:
        yield created
    finally:
        original.execute(f"DROP DATABASE {created.database} WITH (FORCE)")


def test_restored_backup_works_with_separate_roles(installed, tmp_path):
    recipient, identity = key_pair(tmp_path)
    with copy_of(installed) as copy:
        with copy.app() as app:
            client_app.sign_up(app, phone="9100000001", name="Аня")
        # Made by an update of the app: no role of ours has rights on it.
        copy.execute("CREATE TABLE push_tokens AS SELECT 'a' AS token", role=copy.app_role)
        data = {"PRIVET_DATA_DIR": str(tmp_path / "data")}
        copy.manage("backup", str(tmp_path), "--recipient", recipient, **role_urls(copy), **data)

    (backup,) = tmp_path.glob("privet-*")
    with empty_database(installed) as restored:
        data = {"PRIVET_DATA_DIR": str(tmp_path / "other_data")}
        restored.manage("create_roles", **role_urls(restored))
        restored.manage("restore", str(backup), "--identity", str(identity), **role_urls(restored), **data)

        assert restored.execute("SELECT token FROM push_tokens") == [("a",)]
        assert new_clients(restored) == {"status": 200, "names": ["Аня"], "tables": True}
