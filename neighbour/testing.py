"""Fixtures with databases of the app on both PostgreSQL versions. The root conftest loads this plugin."""

from collections.abc import Iterator

import psycopg
import pytest

from neighbour.installations import Installation, Kind, installation
from neighbour.servers import NoServer, Server, configured_server, oldest_programs, oldest_server

SERVERS = ("configured", "oldest")


def pytest_report_header() -> str:
    """Print the versions that tests run on."""
    try:
        oldest = oldest_programs().parent.name
    except NoServer as error:
        oldest = str(error)
    return f"PostgreSQL: configured {configured_server().version}, oldest {oldest}"


@pytest.fixture(scope="session")
def oldest_postgresql() -> Iterator[Server]:
    """A server of the oldest supported version among Debian's packages, for this test process only."""
    with oldest_server() as server:
        yield server


@pytest.fixture(params=SERVERS)
def postgresql(request) -> Server:
    """Run the test on both servers: that of `DATABASE_URL` (the embedded one, unless set) and the oldest."""
    if request.param == "oldest":
        return request.getfixturevalue("oldest_postgresql")
    return configured_server()


@pytest.fixture(params=[Kind.APP, Kind.APP_AND_OLDER], ids=lambda kind: kind.name.lower())
def app_installation(request, postgresql) -> Iterator[Installation]:
    """Run the test on the app's tables alone and with those of the older manager system, on both servers."""
    with installation(postgresql, request.param) as created:
        yield created


@pytest.fixture
def app(app_installation) -> Iterator[psycopg.Connection]:
    """A connection of the app to `app_installation`."""
    with app_installation.app() as connection:
        yield connection
