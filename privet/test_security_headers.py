"""Security headers of every response with production settings.

The rules are named after the tests of MDN's HTTP Observatory (github.com/mdn/mdn-http-observatory, src/analyzer/tests);
rules that it does not have come last.
"""

import json
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest
from django.contrib.staticfiles.finders import get_finders
from django.http import HttpResponse
from django.test import Client as Browser
from django.urls import reverse

from conftest import browser_for
from foundation.web.security_headers import DENIED_FEATURES
from privet.test_access import PAGES, URL_ARGUMENTS, Scenario
from privet.test_access_matrix import ADMIN_NAMES, page_url

HOST = "privet.example"
CLIENT_APP_URLS = ("devices:public_photo", "stored_object")
HTTPS_SETTINGS = re.compile(
    r"SECURE_|SESSION_COOKIE_|CSRF_COOKIE_|COOKIE_PREFIX|HTTPS|TRUSTED_PROXIES|ALLOWED_HOSTS|X_FRAME"
)


@pytest.fixture(scope="session")
def production_settings() -> dict:
    """The settings that depend on HTTPS, computed from the production environment."""
    script = (
        "import json, privet.settings as s;"
        "print(json.dumps({n: v for n, v in vars(s).items() if n.isupper() and n not in ('DATABASES',)}, default=str))"
    )
    environment = {"PATH": "", "PRIVET_ENV_FILE": ".ci/production.env"}
    root = Path(__file__).parent.parent
    result = subprocess.run([sys.executable, "-c", script], cwd=root, env=environment, capture_output=True, check=True)
    return {name: value for name, value in json.loads(result.stdout).items() if HTTPS_SETTINGS.match(name)}


@pytest.fixture
def production(settings, production_settings):
    for name, value in production_settings.items():
        setattr(settings, name, value)
    settings.SECURE_PROXY_SSL_HEADER = tuple(settings.SECURE_PROXY_SSL_HEADER)
    settings.WHITENOISE_USE_FINDERS = settings.WHITENOISE_AUTOREFRESH = True
    return settings


def over_https(browser: Browser, method: str, path: str, data: dict | None = None, **headers) -> HttpResponse:
    return getattr(browser, method)(path, data, secure=True, headers={"Host": HOST} | headers)


def content_security_policy(response) -> bool:
    policy = {
        name: sources.split()
        for name, _, sources in (part.strip().partition(" ") for part in response["Content-Security-Policy"].split(";"))
    }
    all_sources = " ".join(source for sources in policy.values() for source in sources)
    return (
        policy["default-src"] == ["'none'"]
        and policy["script-src"] == policy["style-src"] == policy["form-action"] == ["'self'"]
        and policy["object-src"] == policy["base-uri"] == ["'none'"]
        and not re.search(r"unsafe|\*|http:|(^| )https:( |$)", all_sources)
        and "upgrade-insecure-requests" in policy
    )


def cookies(response) -> bool:
    return all(
        name.startswith("__Host-")
        and cookie["secure"]
        and cookie["httponly"]
        and cookie["samesite"] in ("Lax", "Strict")
        and (cookie["path"], cookie["domain"]) == ("/", "")
        for name, cookie in response.cookies.items()
    )


def cross_origin_resource_sharing(response) -> bool:
    return not [name for name in response.headers if name.lower().startswith("access-control-")]


def referrer_policy(response) -> bool:
    # The URL of the first page of a link has a token.
    return response["Referrer-Policy"] in ("same-origin", "no-referrer")


def strict_transport_security(response) -> bool:
    return response["Strict-Transport-Security"] == f"max-age={365 * 24 * 3600}; includeSubDomains; preload"


class _ForeignResources(HTMLParser):
    """Collect in `found` inline scripts and styles, and resources of other origins."""

    def __init__(self, text: str):
        super().__init__()
        self.found = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        attributes = dict(attrs)
        source = attributes.get("src") if tag == "script" else None
        if tag == "link" and attributes["rel"] != "icon":
            source = attributes["href"]
        inline = tag == "style" or (tag == "script" and not source and attributes.get("type") != "application/json")
        if inline or "style" in attributes or any(name.startswith("on") for name in attributes):
            self.found.append((tag, attrs))
        if source and not re.match(r"/(?!/)", source):
            self.found.append((tag, source))


def subresource_integrity(response) -> bool:
    """No integrity hashes are needed, because there are no inline resources and none of other origins."""
    if not response["Content-Type"].startswith("text/html"):
        return True
    return _ForeignResources(response.text).found == []


def x_content_type_options(response) -> bool:
    return response["X-Content-Type-Options"] == "nosniff"


def x_frame_options(response) -> bool:
    return response["X-Frame-Options"] == "DENY" and "frame-ancestors 'none'" in response["Content-Security-Policy"]


def cross_origin_resource_policy(response) -> bool:
    return response["Cross-Origin-Resource-Policy"] == "same-origin"


def cross_origin_opener_policy(response) -> bool:
    return response["Cross-Origin-Opener-Policy"] == "same-origin"


def cross_origin_embedder_policy(response) -> bool:
    return response["Cross-Origin-Embedder-Policy"] == "credentialless"


def permissions_policy(response) -> bool:
    """All device features are denied, also to injected content."""
    return response["Permissions-Policy"].split(", ") == [f"{feature}=()" for feature in DENIED_FEATURES]


def no_server_software_header(response) -> bool:
    return not {"server", "x-powered-by", "via"} & {name.lower() for name in response.headers}


def pages_are_not_cached(response) -> bool:
    is_page = response["Content-Type"].startswith("text/html")
    return not is_page or "no-store" in response["Cache-Control"]


RULES = [
    content_security_policy,
    cookies,
    cross_origin_resource_sharing,
    referrer_policy,
    strict_transport_security,
    subresource_integrity,
    x_content_type_options,
    x_frame_options,
    cross_origin_resource_policy,
    cross_origin_opener_policy,
    cross_origin_embedder_policy,
    permissions_policy,
    no_server_software_header,
    pages_are_not_cached,
]


def broken_rules(response, *, ignored=()) -> list[str]:
    headers = {"Content-Type", "Cache-Control", "Content-Security-Policy", "X-Frame-Options"}
    for name in headers - set(response.headers):
        response.headers[name] = ""
    return [rule.__name__ for rule in RULES if rule not in ignored and not _holds(rule, response)]


def _holds(rule, response) -> bool:
    try:
        return rule(response)
    except KeyError:  # the header is missing
        return False


@pytest.mark.django_db
@pytest.mark.parametrize("name", PAGES)
def test_every_page_sends_security_headers(name, make, anna, gleb, production):
    scenario, page = Scenario(make, anna), PAGES[name]
    url = page_url(name, scenario)
    ignored = [cross_origin_resource_policy] if name in CLIENT_APP_URLS else []

    for browser in (Browser(), browser_for(gleb) if "gleb" in page.allowed else Browser()):
        for method in ("get", "post"):
            response = over_https(browser, method, url, page.data(scenario) if method == "post" else None)
            assert broken_rules(response, ignored=ignored if response.status_code in (200, 302) else ()) == [], (
                method,
                response.status_code,
            )
            fragment = over_https(browser, method, url, **{"HX-Request": "true"})
            assert broken_rules(fragment, ignored=ignored if fragment.status_code in (200, 302) else ()) == [], method


@pytest.mark.django_db
@pytest.mark.parametrize("name", [name for name in ADMIN_NAMES if not URL_ARGUMENTS[name]])
def test_admin_site_sends_security_headers(name, gleb, production):
    response = over_https(browser_for(gleb), "get", reverse(name))

    assert broken_rules(response) == []


@pytest.mark.django_db
def test_other_origins_may_embed_only_the_photos_of_the_client_app(make, anna, production):
    for name in CLIENT_APP_URLS:
        url = page_url(name, Scenario(make, anna))
        assert over_https(Browser(), "get", url)["Cross-Origin-Resource-Policy"] == "cross-origin"


STATIC = sorted(path for finder in get_finders() for path, _ in finder.list([]))


def test_static_files_send_security_headers(production):
    browser = Browser()
    kinds = {Path(path).suffix: path for path in STATIC}
    assert {".css", ".js", ".svg"} <= kinds.keys()

    for path in kinds.values():
        response = over_https(browser, "get", f"/static/{path}")
        assert response.status_code == 200, path
        assert broken_rules(response) == [], path


@pytest.mark.django_db
@pytest.mark.urls("privet.test_middleware")
@pytest.mark.parametrize(
    ("status", "send"),
    [
        (400, lambda browser: over_https(browser, "get", "/", Host="elsewhere.example")),
        (400, lambda browser: over_https(browser, "get", "/?a=%00")),
        (403, lambda browser: over_https(browser, "post", "/test/private/")),
        (404, lambda browser: over_https(browser, "get", "/no/such/page/")),
        (405, lambda browser: over_https(browser, "get", "/sign-out/")),
        (429, lambda browser: over_https(browser, "get", "/test/too-often/")),
        (500, lambda browser: over_https(browser, "get", "/test/broken/")),
        (503, lambda browser: over_https(browser, "get", "/test/outage/")),
    ],
)
def test_error_pages_send_security_headers(status, send, anna, production):
    response = send(browser_for(anna, enforce_csrf_checks=True, raise_request_exception=False))

    assert response.status_code == status
    assert broken_rules(response) == []


def test_http_redirects_to_https_on_the_same_host(production):
    for path in ("/", "/sign-in/", "/clients/?tab=new", "/no/such/page/"):
        response = Browser().get(path, headers={"Host": HOST})

        assert (response.status_code, response.url) == (301, f"https://{HOST}{path}")


@pytest.mark.django_db
def test_cookies_work_without_https_in_development(anna):
    browser = browser_for(anna)

    assert browser.get(reverse("clients:list")).status_code == 200
    assert {"sessionid", "tab"} <= browser.cookies.keys()
