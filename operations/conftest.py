"""Databases of the app in which Privet is installed, with its roles."""

from collections.abc import Iterator

import pytest

from neighbour.installations import Installation, Kind, installation
from neighbour.servers import configured_server
from neighbour.testing import SERVERS

STAFF = """
from managers.models import Manager, Role
Manager.objects.create_user("anna@privet.example", "x", name="Анна")
Manager.objects.create_user("vera@privet.example", "x", name="Вера", role=Role.SUPPORT)
"""


def role_urls(created: Installation) -> dict[str, str]:
    """Return the environment variables with the URLs of our roles. Their names begin like that of the app's role."""
    prefix = created.app_role.removesuffix("app")
    names = {"DATABASE_URL": "web", "DATABASE_OWNER_URL": "owner", "DATABASE_MAINTENANCE_URL": "maintenance"}
    urls = {variable: created.url_of(prefix + name) for variable, name in names.items()}
    return urls | {"DATABASE_ADMIN_URL": created.superuser_url}


def install(created: Installation) -> None:
    """Install Privet with separate roles, as docs/deployment.md says."""
    created.manage("create_roles", **role_urls(created))
    created.manage("migrate", "-v0", **role_urls(created))


@pytest.fixture(scope="session", params=SERVERS)
def installed(request) -> Iterator[Installation]:
    """An installation of Privet beside the app, on both servers. Tests use copies of it."""
    is_oldest = request.param == "oldest"
    server = request.getfixturevalue("oldest_postgresql") if is_oldest else configured_server()
    with installation(server, Kind.APP) as created:
        install(created)
        created.manage("shell", "-c", STAFF, **role_urls(created))
        yield created
