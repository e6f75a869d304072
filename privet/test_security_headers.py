"""What every answer of ours must tell the browser, as production tells it: the tests of MDN's HTTP Observatory by their
names there (github.com/mdn/mdn-http-observatory, src/analyzer/tests), and those that it leaves out.
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
from privet.test_access import ADDRESSES, PAGES, Scenario
from privet.test_access_matrix import ADMIN_NAMES, address

HOST = "privet.example"
FOR_THE_CLIENTS_APP = ("devices:public_photo", "stored_object")
CHOSEN_BY_HTTPS = re.compile(
    r"SECURE_|SESSION_COOKIE_|CSRF_COOKIE_|COOKIE_PREFIX|HTTPS|TRUSTED_PROXIES|ALLOWED_HOSTS|X_FRAME"
)


@pytest.fixture(scope="session")
def production_settings() -> dict:
    """What settings.py makes of the environment of production."""
    script = (
        "import json, privet.settings as s;"
        "print(json.dumps({n: v for n, v in vars(s).items() if n.isupper() and n not in ('DATABASES',)}, default=str))"
    )
    environment = {"PATH": "", "PRIVET_ENV_FILE": ".ci/production.env"}
    root = Path(__file__).parent.parent
    answer = subprocess.run([sys.executable, "-c", script], cwd=root, env=environment, capture_output=True, check=True)
    everything = json.loads(answer.stdout)
    return {name: value for name, value in everything.items() if CHOSEN_BY_HTTPS.match(name)}


@pytest.fixture
def production(settings, production_settings):
    for name, value in production_settings.items():
        setattr(settings, name, value)
    settings.SECURE_PROXY_SSL_HEADER = tuple(settings.SECURE_PROXY_SSL_HEADER)
    settings.WHITENOISE_USE_FINDERS = settings.WHITENOISE_AUTOREFRESH = True
    return settings


def over_https(browser: Browser, method: str, path: str, data: dict | None = None, **headers) -> HttpResponse:
    return getattr(browser, method)(path, data, secure=True, headers={"Host": HOST} | headers)


def content_security_policy(answer) -> bool:
    policy = {
        name: sources.split()
        for name, _, sources in (part.strip().partition(" ") for part in answer["Content-Security-Policy"].split(";"))
    }
    everything = " ".join(source for sources in policy.values() for source in sources)
    own = ["'self'"]
    return (
        policy["default-src"] == ["'none'"]
        and policy["script-src"] == policy["style-src"] == policy["form-action"] == own
        and policy["object-src"] == policy["base-uri"] == ["'none'"]
        and not re.search(r"unsafe|\*|http:|(^| )https:( |$)", everything)
        and "upgrade-insecure-requests" in policy
    )


def cookies(answer) -> bool:
    return all(
        name.startswith("__Host-")
        and cookie["secure"]
        and cookie["httponly"]
        and cookie["samesite"] in ("Lax", "Strict")
        and (cookie["path"], cookie["domain"]) == ("/", "")
        for name, cookie in answer.cookies.items()
    )


def cross_origin_resource_sharing(answer) -> bool:
    return not [name for name in answer.headers if name.lower().startswith("access-control-")]


def referrer_policy(answer) -> bool:
    return answer["Referrer-Policy"] == "same-origin"


def strict_transport_security(answer) -> bool:
    return answer["Strict-Transport-Security"] == f"max-age={365 * 24 * 3600}; includeSubDomains; preload"


class _Loaded(HTMLParser):
    """What a page loads or runs that is not a file of our own origin."""

    def __init__(self, text: str):
        super().__init__()
        self.strange = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        attributes = dict(attrs)
        source = attributes.get("src") if tag == "script" else None
        if tag == "link" and attributes["rel"] != "icon":
            source = attributes["href"]
        inline = tag == "style" or (tag == "script" and not source and attributes.get("type") != "application/json")
        if inline or "style" in attributes or any(name.startswith("on") for name in attributes):
            self.strange.append((tag, attrs))
        if source and not re.match(r"/(?!/)", source):
            self.strange.append((tag, source))


def subresource_integrity(answer) -> bool:
    """Integrity hashes are for files of others; there are none, and nothing stands inline."""
    if not answer["Content-Type"].startswith("text/html"):
        return True
    return _Loaded(answer.text).strange == []


def x_content_type_options(answer) -> bool:
    return answer["X-Content-Type-Options"] == "nosniff"


def x_frame_options(answer) -> bool:
    return answer["X-Frame-Options"] == "DENY" and "frame-ancestors 'none'" in answer["Content-Security-Policy"]


def cross_origin_resource_policy(answer) -> bool:
    return answer["Cross-Origin-Resource-Policy"] == "same-origin"


def cross_origin_opener_policy(answer) -> bool:
    return answer["Cross-Origin-Opener-Policy"] == "same-origin"


def cross_origin_embedder_policy(answer) -> bool:
    return answer["Cross-Origin-Embedder-Policy"] == "credentialless"


def permissions_policy(answer) -> bool:
    """No device is needed, by us or by what could be put into the page."""
    return answer["Permissions-Policy"].split(", ") == [f"{feature}=()" for feature in DENIED_FEATURES]


def no_software_is_named(answer) -> bool:
    return not {"server", "x-powered-by", "via"} & {name.lower() for name in answer.headers}


def no_page_is_kept(answer) -> bool:
    is_page = answer["Content-Type"].startswith("text/html")
    return not is_page or "no-store" in answer["Cache-Control"]


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
    no_software_is_named,
    no_page_is_kept,
]


def broken_rules(answer, *, but=()) -> list[str]:
    headers = {"Content-Type", "Cache-Control", "Content-Security-Policy", "X-Frame-Options"}
    for name in headers - set(answer.headers):
        answer.headers[name] = ""
    return [rule.__name__ for rule in RULES if rule not in but and not _holds(rule, answer)]


def _holds(rule, answer) -> bool:
    try:
        return rule(answer)
    except KeyError:  # the header is missing
        return False


@pytest.mark.django_db
@pytest.mark.parametrize("name", PAGES)
def test_every_page_sends_security_headers(name, make, anna, gleb, production):
    world, page = Scenario(make, anna), PAGES[name]
    url = address(name, world)
    but = [cross_origin_resource_policy] if name in FOR_THE_CLIENTS_APP else []
    browser = browser_for(gleb) if "gleb" in page.who else Browser()

    for who in (Browser(), browser):
        for method in ("get", "post"):
            answer = over_https(who, method, url, page.data(world) if method == "post" else None)
            assert broken_rules(answer, but=but if answer.status_code in (200, 302) else ()) == [], (
                method,
                answer.status_code,
            )
            as_part = over_https(who, method, url, **{"HX-Request": "true"})
            assert broken_rules(as_part, but=but if as_part.status_code in (200, 302) else ()) == [], method


@pytest.mark.django_db
@pytest.mark.parametrize("name", [name for name in ADMIN_NAMES if not ADDRESSES[name]])
def test_the_admin_site_obeys(name, gleb, production):
    answer = over_https(browser_for(gleb), "get", reverse(name))

    assert broken_rules(answer) == []


@pytest.mark.django_db
def test_pages_of_other_origins_may_embed_the_photos_for_the_clients_app_alone(make, anna, production):
    for name in FOR_THE_CLIENTS_APP:
        url = address(name, Scenario(make, anna))
        assert over_https(Browser(), "get", url)["Cross-Origin-Resource-Policy"] == "cross-origin"


STATIC = sorted(path for finder in get_finders() for path, _ in finder.list([]))


def test_static_files_send_security_headers(production):
    browser = Browser()
    kinds = {Path(path).suffix: path for path in STATIC}
    assert {".css", ".js", ".svg"} <= kinds.keys()

    for path in kinds.values():
        answer = over_https(browser, "get", f"/static/{path}")
        assert answer.status_code == 200, path
        assert broken_rules(answer) == [], path


@pytest.mark.django_db
@pytest.mark.urls("privet.test_middleware")
@pytest.mark.parametrize(
    ("status", "ask"),
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
def test_error_pages_send_security_headers(status, ask, anna, production):
    answer = ask(browser_for(anna, enforce_csrf_checks=True, raise_request_exception=False))

    assert answer.status_code == status
    assert broken_rules(answer) == []


def test_redirection_leads_to_https_on_the_same_host_at_once(production):
    for path in ("/", "/sign-in/", "/clients/?tab=new", "/no/such/page/"):
        answer = Browser().get(path, headers={"Host": HOST})

        assert (answer.status_code, answer.url) == (301, f"https://{HOST}{path}")


@pytest.mark.django_db
def test_without_https_the_cookies_work_on_a_machine_for_development(anna):
    browser = browser_for(anna)

    assert browser.get(reverse("clients:list")).status_code == 200
    assert {"sessionid", "tab"} <= browser.cookies.keys()
