"""Databases of the app in which Privet is installed, with its roles."""

from collections.abc import Callable, Iterator

import pytest

from neighbour.installations import Installation, Kind, installation
from neighbour.servers import Server


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


@pytest.fixture(scope="session")
def installed_template() -> Iterator[Callable[[Server], Installation]]:
    """Return a function that installs Privet beside the app once per server."""
    created: dict[str, tuple] = {}

    def get(server: Server) -> Installation:
        if server.url not in created:
            context = installation(server, Kind.APP)
            template = context.__enter__()
            created[server.url] = (template, context)
            install(template)
        return created[server.url][0]

    yield get
    for _, context in created.values():
        context.__exit__(None, None, None)
