"""The walk itself: every address of test_access.py as everybody, with own clients, another's and nobody's."""

from collections.abc import Callable
from operator import attrgetter
from pathlib import Path

import pytest
from django.db import connection
from django.test import Client as Browser
from django.urls import reverse

from clients.models import Client
from conftest import authenticator_of, browser_for
from privet.test_access import ADDRESSES, FIELD, METHODS, PAGES, SIGN_IN, SUPPORT, Scenario

pytestmark = pytest.mark.django_db

CAST = ("anna", "boris", "vera", "gleb")
CODE = "/second-factor/"
# What somebody is shown who gave a password and no code yet.
BEFORE_SECOND_FACTOR = ("managers:second_factor", "managers:authenticator")
# What an unclaimed client does not have.
NOTHING_YET = ("passport:number", "passport:photo")
INSIDERS = [(name, who) for name, page in PAGES.items() for who in page.who]


@pytest.fixture
def world(make, anna) -> Scenario:
    return Scenario(make, anna)


@pytest.fixture
def browsers(anna, boris, vera, gleb) -> dict[str, Browser]:
    return {who: browser_for(manager) for who, manager in zip(CAST, (anna, boris, vera, gleb), strict=True)}


@pytest.fixture
def state(settings) -> Callable[[], dict]:
    """All that the database and the storage hold, but for sessions and counted tries."""
    files = Path(settings.STORAGES["default"]["OPTIONS"]["location"])

    def read() -> dict:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"
                " AND tablename NOT IN ('manager_sessions', 'manager_attempts', 'manager_spending') ORDER BY tablename"
            )
            tables = [row[0] for row in cursor.fetchall()]
            rows = {}
            for table in tables:
                cursor.execute(f'SELECT t::text FROM "{table}" t ORDER BY 1')  # noqa: S608  a name from the catalogue
                rows[table] = [row[0] for row in cursor.fetchall()]
        return rows | {"files": sorted(str(file) for file in files.rglob("*") if file.is_file())}

    return read


def _changed(before: dict, after: dict) -> set[str]:
    return {table for table in before if before[table] != after[table]}


def address(name: str, world: Scenario) -> str:
    return reverse(name, args=PAGES[name].args(world))


def ask(browser: Browser, method: str, url: str, data: dict | None = None, **headers):
    send = getattr(browser, method.lower())
    return send(url, data, headers=headers) if method in ("GET", "POST") and data else send(url, headers=headers)


@pytest.mark.parametrize("name", PAGES)
def test_outsiders_get_nothing_and_change_nothing(name, world, browsers, state):
    page, url = PAGES[name], address(name, world)
    data, before = page.data(world), state()

    for who in set(CAST) - set(page.who or CAST):
        for method in METHODS:
            expected = page.refused if method in page.methods else 405
            answer = ask(browsers[who], method, url, data if method == "POST" else None)
            assert answer.status_code == expected, (who, method)

    assert state() == before


@pytest.mark.parametrize("name", [name for name, page in PAGES.items() if page.who])
def test_the_signed_out_are_sent_to_sign_in_and_change_nothing(name, world, signed_out, state):
    page, url = PAGES[name], address(name, world)
    data, before = page.data(world), state()

    for method in METHODS:
        answer = ask(signed_out, method, url, data if method == "POST" else None)
        assert (answer.status_code, answer.url.partition("?")[0]) == (302, SIGN_IN), method
    for method in ("POST", "PUT", "PATCH", "DELETE"):
        answer = ask(signed_out, method, url, data if method == "POST" else None, HX_Request="true")
        assert (answer.status_code, answer.headers["HX-Retarget"]) == (401, "#dialog"), method
    answer = ask(signed_out, "GET", url, HX_Request="true")
    assert answer.headers["HX-Redirect"].startswith(SIGN_IN)

    assert state() == before


@pytest.mark.parametrize("name", [name for name, page in PAGES.items() if not page.who])
@pytest.mark.parametrize("method", METHODS)
def test_open_pages_answer_everybody(name, method, world, signed_out):
    page = PAGES[name]
    expected = {"GET": page.get, "POST": page.post}[method] if method in page.methods else 405

    answer = ask(signed_out, method, address(name, world), page.data(world) if method == "POST" else None)

    assert answer.status_code == expected


@pytest.mark.parametrize(("name", "who"), INSIDERS)
def test_those_who_may_get_the_page_by_its_methods(name, who, world, browsers, state):
    page, url = PAGES[name], address(name, world)
    data, before = page.data(world), state()

    for method in ("PUT", "PATCH", "DELETE", *({"GET", "POST"} - set(page.methods))):
        assert ask(browsers[who], method, url).status_code == 405, method
    if "GET" in page.methods:
        assert ask(browsers[who], "GET", url).status_code == page.get
    assert _changed(before, state()) == ({"manager_disclosures"} if page.disclosed else set())
    before = state()
    if "POST" in page.methods:
        assert ask(browsers[who], "POST", url, data).status_code == page.post
        assert (state() != before) == page.writes


@pytest.fixture
def unverified(anna, boris, vera, gleb) -> dict[str, Browser]:
    """Those who have a second factor, and gave the password only."""
    cast = dict(zip(CAST, (anna, boris, vera, gleb), strict=True))
    for manager in cast.values():
        authenticator_of(manager)
    return {who: browser_for(manager, verified=False) for who, manager in cast.items()}


@pytest.mark.parametrize(
    "name", [name for name, page in PAGES.items() if page.who and name not in BEFORE_SECOND_FACTOR]
)
def test_without_the_second_factor_everybody_is_sent_for_it_and_changes_nothing(name, world, unverified, state):
    page, url = PAGES[name], address(name, world)
    data, before = page.data(world), state()

    for who, browser in unverified.items():
        for method in METHODS:
            answer = ask(browser, method, url, data if method == "POST" else None)
            assert (answer.status_code, answer.url.partition("?")[0]) == (302, CODE), (who, method)
        answer = ask(browser, "POST", url, data, HX_Request="true")
        assert (answer.status_code, answer.headers["HX-Retarget"]) == (401, "#dialog"), who

    assert state() == before


@pytest.mark.parametrize("name", [name for name, page in PAGES.items() if page.of])
def test_an_unclaimed_client_is_open_to_every_manager_and_not_to_support(
    name, world, make, browsers, signed_out, state
):
    page = PAGES[name]
    if not isinstance(attrgetter(page.of)(world), Client):
        return  # the database refuses that anything but a new client, who has nothing yet, is nobody's
    statuses = {}
    for who, browser in browsers.items():
        url = reverse(name, args=[make.client().pk])
        before = state()
        for method in METHODS:
            statuses[who, method] = ask(browser, method, url).status_code
        assert who in (*FIELD, *page.who) or state() == before

    for (who, method), status in statuses.items():
        may = who in (SUPPORT if page.who == SUPPORT else FIELD)
        if method not in page.methods:
            assert status == 405, (who, method)
        elif may:
            assert status in (200, 302, 409, 422) or name in NOTHING_YET, (who, method)
        else:
            assert status == page.refused, (who, method)


# The admin site's own addresses. Those without a name lead to these.
ADMIN_ARGUMENTS = {"object_id": "1", "app_label": "managers", "content_type_id": "1"}
ADMIN_NAMES = [name for name in ADDRESSES if name.startswith("admin:") and not set(name) & set("^<(")]


@pytest.mark.parametrize("name", ADMIN_NAMES)
def test_the_admin_site_is_for_admins_only(name, browsers, unverified, signed_out, state):
    url = reverse(name, kwargs={argument: ADMIN_ARGUMENTS[argument] for argument in ADDRESSES[name]})
    before = state()

    for who in ("anna", "boris", "vera"):
        for method in ("GET", "POST"):
            assert ask(browsers[who], method, url, {"action": "delete_selected"}).status_code in (302, 404), (
                who,
                method,
            )
    for method in ("GET", "POST"):
        answer = ask(signed_out, method, url)
        assert (answer.status_code, answer.url.partition("?")[0]) == (302, SIGN_IN), method
        answer = ask(unverified["gleb"], method, url)
        where = SIGN_IN if name == "admin:login" else CODE
        assert (answer.status_code, answer.url.partition("?")[0]) == (302, where), method

    assert state() == before


def test_an_admin_opens_every_list_of_the_admin_site(browsers):
    for name in ADMIN_NAMES:
        if name.endswith("_changelist"):
            assert browsers["gleb"].get(reverse(name)).status_code == 200, name
