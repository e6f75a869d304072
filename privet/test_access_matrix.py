"""Every URL of test_access.py for every user, with the user's own, other managers' and unclaimed clients."""

from collections.abc import Callable
from operator import attrgetter
from pathlib import Path

import pytest
from django.db import connection
from django.test import Client as Browser
from django.urls import reverse

from clients.models import Client
from conftest import authenticator_of, browser_for
from privet.test_access import FIELD, METHODS, PAGES, SIGN_IN, SUPPORT, URL_ARGUMENTS, Scenario

pytestmark = pytest.mark.django_db

CAST = ("anna", "boris", "vera", "gleb")
CODE = "/second-factor/"
# Pages for users who have entered only their password.
BEFORE_SECOND_FACTOR = ("managers:second_factor", "managers:authenticator")
# Pages of data that an unclaimed client does not have.
NO_DATA_YET = ("passport:number", "passport:photo")
ALLOWED = [(name, user) for name, page in PAGES.items() for user in page.allowed]


@pytest.fixture
def scenario(make, anna) -> Scenario:
    return Scenario(make, anna)


@pytest.fixture
def browsers(anna, boris, vera, gleb) -> dict[str, Browser]:
    return {user: browser_for(manager) for user, manager in zip(CAST, (anna, boris, vera, gleb), strict=True)}


@pytest.fixture
def state(settings) -> Callable[[], dict]:
    """Function that returns all rows and files, except sessions and attempt counts."""
    files = Path(settings.STORAGES["default"]["OPTIONS"]["location"])

    def read() -> dict:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT schemaname, tablename FROM pg_tables WHERE schemaname IN ('public', 'privet')"
                " AND tablename NOT IN ('manager_sessions', 'manager_attempts', 'manager_spending') ORDER BY tablename"
            )
            tables = [table if schema == "privet" else f"{schema}.{table}" for schema, table in cursor.fetchall()]
            rows = {}
            for table in tables:
                cursor.execute(f"SELECT t::text FROM {table} t ORDER BY 1")  # noqa: S608  a name from the catalogue
                rows[table] = [row[0] for row in cursor.fetchall()]
        return rows | {"files": sorted(str(file) for file in files.rglob("*") if file.is_file())}

    return read


def _changed_tables(before: dict, after: dict) -> set[str]:
    return {table for table in before if before[table] != after[table]}


def page_url(name: str, scenario: Scenario) -> str:
    return reverse(name, args=PAGES[name].args(scenario))


def request(browser: Browser, method: str, url: str, data: dict | None = None, **headers):
    send = getattr(browser, method.lower())
    return send(url, data, headers=headers) if method in ("GET", "POST") and data else send(url, headers=headers)


@pytest.mark.parametrize("name", PAGES)
def test_other_users_are_denied_and_change_nothing(name, scenario, browsers, state):
    page, url = PAGES[name], page_url(name, scenario)
    data, before = page.data(scenario), state()

    for user in set(CAST) - set(page.allowed or CAST):
        for method in METHODS:
            expected = page.denied if method in page.methods else 405
            response = request(browsers[user], method, url, data if method == "POST" else None)
            assert response.status_code == expected, (user, method)

    assert state() == before


@pytest.mark.parametrize("name", [name for name, page in PAGES.items() if page.allowed])
def test_signed_out_browsers_are_redirected_and_change_nothing(name, scenario, signed_out, state):
    page, url = PAGES[name], page_url(name, scenario)
    data, before = page.data(scenario), state()

    for method in METHODS:
        response = request(signed_out, method, url, data if method == "POST" else None)
        assert (response.status_code, response.url.partition("?")[0]) == (302, SIGN_IN), method
    for method in ("POST", "PUT", "PATCH", "DELETE"):
        response = request(signed_out, method, url, data if method == "POST" else None, HX_Request="true")
        assert (response.status_code, response.headers["HX-Retarget"]) == (401, "#dialog"), method
    response = request(signed_out, "GET", url, HX_Request="true")
    assert response.headers["HX-Redirect"].startswith(SIGN_IN)

    assert state() == before


@pytest.mark.parametrize("name", [name for name, page in PAGES.items() if not page.allowed])
@pytest.mark.parametrize("method", METHODS)
def test_public_pages_need_no_sign_in(name, method, scenario, signed_out):
    page = PAGES[name]
    expected = {"GET": page.get, "POST": page.post}[method] if method in page.methods else 405

    response = request(signed_out, method, page_url(name, scenario), page.data(scenario) if method == "POST" else None)

    assert response.status_code == expected


@pytest.mark.parametrize("user", CAST)
@pytest.mark.parametrize("name", [name for name in PAGES if name.startswith(("client_page:", "copies:"))])
def test_staff_open_no_page_of_a_client(name, user, scenario, browsers, state):
    page, url = PAGES[name], page_url(name, scenario)
    before = state()

    for method in page.methods:
        expected = 403 if name == "client_page:open" or name.startswith("copies:") else 404
        assert request(browsers[user], method, url, {"code": "123456"}).status_code == expected, method

    assert state() == before


@pytest.mark.parametrize(("name", "user"), ALLOWED)
def test_allowed_users_can_use_the_methods_of_the_page(name, user, scenario, browsers, state):
    page, url = PAGES[name], page_url(name, scenario)
    data, before = page.data(scenario), state()

    for method in ("PUT", "PATCH", "DELETE", *({"GET", "POST"} - set(page.methods))):
        assert request(browsers[user], method, url).status_code == 405, method
    if "GET" in page.methods:
        assert request(browsers[user], "GET", url).status_code == page.get
    assert _changed_tables(before, state()) == ({"manager_disclosures"} if page.disclosed else set())
    before = state()
    if "POST" in page.methods:
        assert request(browsers[user], "POST", url, data).status_code == page.post
        assert (state() != before) == page.writes


@pytest.fixture
def unverified(anna, boris, vera, gleb) -> dict[str, Browser]:
    """Browsers of users who have an authenticator and have entered only their password."""
    cast = dict(zip(CAST, (anna, boris, vera, gleb), strict=True))
    for manager in cast.values():
        authenticator_of(manager)
    return {user: browser_for(manager, verified=False) for user, manager in cast.items()}


@pytest.mark.parametrize(
    "name", [name for name, page in PAGES.items() if page.allowed and name not in BEFORE_SECOND_FACTOR]
)
def test_second_factor_is_required_and_nothing_changes_without_it(name, scenario, unverified, state):
    page, url = PAGES[name], page_url(name, scenario)
    data, before = page.data(scenario), state()

    for user, browser in unverified.items():
        for method in METHODS:
            response = request(browser, method, url, data if method == "POST" else None)
            assert (response.status_code, response.url.partition("?")[0]) == (302, CODE), (user, method)
        response = request(browser, "POST", url, data, HX_Request="true")
        assert (response.status_code, response.headers["HX-Retarget"]) == (401, "#dialog"), user

    assert state() == before


@pytest.mark.parametrize("name", [name for name, page in PAGES.items() if page.target])
def test_unclaimed_client_is_open_to_managers_and_not_to_support(name, scenario, make, browsers, signed_out, state):
    page = PAGES[name]
    if not isinstance(attrgetter(page.target)(scenario), Client):
        return  # by a database constraint only new clients, which have no data yet, can be unclaimed
    statuses = {}
    for user, browser in browsers.items():
        url = reverse(name, args=[make.client().pk])
        before = state()
        for method in METHODS:
            statuses[user, method] = request(browser, method, url).status_code
        assert user in (*FIELD, *page.allowed) or state() == before

    for (user, method), status in statuses.items():
        allowed = user in (SUPPORT if page.allowed == SUPPORT else FIELD)
        if method not in page.methods:
            assert status == 405, (user, method)
        elif allowed:
            assert status in (200, 302, 409, 422) or name in NO_DATA_YET, (user, method)
        else:
            assert status == page.denied, (user, method)


# URLs of the admin site. Unnamed ones redirect to these.
ADMIN_ARGUMENTS = {"object_id": "1", "app_label": "managers", "content_type_id": "1"}
ADMIN_NAMES = [name for name in URL_ARGUMENTS if name.startswith("admin:") and not set(name) & set("^<(")]


@pytest.mark.parametrize("name", ADMIN_NAMES)
def test_admin_site_is_for_admins_only(name, browsers, unverified, signed_out, state):
    url = reverse(name, kwargs={argument: ADMIN_ARGUMENTS[argument] for argument in URL_ARGUMENTS[name]})
    before = state()

    for user in ("anna", "boris", "vera"):
        for method in ("GET", "POST"):
            assert request(browsers[user], method, url, {"action": "delete_selected"}).status_code in (302, 404), (
                user,
                method,
            )
    for method in ("GET", "POST"):
        response = request(signed_out, method, url)
        assert (response.status_code, response.url.partition("?")[0]) == (302, SIGN_IN), method
        response = request(unverified["gleb"], method, url)
        target = SIGN_IN if name == "admin:login" else CODE
        assert (response.status_code, response.url.partition("?")[0]) == (302, target), method

    assert state() == before


def test_admin_can_open_every_admin_list(browsers):
    for name in ADMIN_NAMES:
        if name.endswith("_changelist"):
            assert browsers["gleb"].get(reverse(name)).status_code == 200, name
