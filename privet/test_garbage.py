"""Fuzzing: no input to any URL causes a 500 or an error log, and rejected requests change nothing.

GARBAGE_EXAMPLES=500 runs more examples per URL, and different ones each time.
"""

import logging
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib import import_module
from urllib.parse import quote, quote_plus

import pytest
from django.db import connection, transaction
from django.forms import BaseForm
from django.test import Client as Browser
from django.urls import reverse
from hypothesis import HealthCheck, Phase, given
from hypothesis import settings as profile
from hypothesis import strategies as st

from conftest import browser_for
from foundation.env import BASE_DIR
from privet.test_access import PAGES, URL_ARGUMENTS, Scenario
from privet.test_access_matrix import ADMIN_ARGUMENTS, ADMIN_NAMES, page_url

EXAMPLES = int(os.environ.get("GARBAGE_EXAMPLES", "50"))
garbage = profile(
    max_examples=EXAMPLES,
    derandomize="GARBAGE_EXAMPLES" not in os.environ,
    database=None,
    deadline=None,
    phases=[Phase.explicit, Phase.generate, Phase.shrink],
    # Each example is rolled back to a savepoint, so all examples of a test can use the same fixtures.
    suppress_health_check=list(HealthCheck),
)
# Tables that a rejected request may change: wrong codes are counted.
WRITTEN_ON_REJECTION = {"contracts:signature": {"manager_contracts", "manager_signing_codes"}}
ALWAYS_WRITTEN = {"django_session", "manager_sessions", "manager_attempts", "manager_spending"}
WRITES = re.compile(r'^(?:INSERT INTO|UPDATE|DELETE FROM) "?(\w+)')

# Inputs that people or scanners have sent, or that broke libraries.
NASTY = [
    "", " ", "\x00", "a\x00b", "\ud800", "\udfff x", "\u202eтекст", "\u200b", "\ufeff", "\ufffe", "﷽" * 20,
    "😀", "👩‍👩‍👧‍👦",
    "Z̷̛̤a̶", "İı", "ß", "\u2028", "\r\nX-Evil: 1", "٣٤٥", "①", "½", "Ⅷ", "-0", "0", "-1", "1e309", "NaN", "-Infinity",
    "9" * 400,
    "1_000", "0x10", "1,5", "1.5.5", "١٫٥", "99999999999999999999.99", "1e-400", "true", "on", "null", "undefined",
    "00000000-0000-0000-0000-000000000000", "{6ba7b810-9dad-11d1-80b4-00c04fd430c8}", "urn:uuid:", "g" * 36,
    "31.02.2020", "2020-13-01", "0000-00-00", "0001-01-01", "9999-12-31", "10000-01-01", "-2020-01-01", "2020-01",
    "+7 (977) 123-23-23", "89771232323", "tel:1", "a@b", "a@" + "b." * 200 + "ru", '"a b"@mail.example',
    "../../etc/passwd", "..\\..\\", "%00", "%2e%2e%2f", "%ZZ", "file:///etc/passwd", "//evil.example",
    "javascript:alert(1)",
    "<script>alert(1)</script>", "{{ 7|add:7 }}", "{% debug %}", "${7*7}", "' OR 1=1 --", "\\", "%s%n", "*)(uid=*",
    "=cmd()", "[]", "{}", '{"a":' * 500, "[" * 5000,
]  # fmt: skip
ANY_CHARACTER = st.characters(exclude_categories=())
TEXT = st.one_of(
    st.sampled_from(NASTY),
    st.sampled_from(NASTY),
    st.text(ANY_CHARACTER, max_size=40),
    st.text("0123456789-+., ():/", max_size=20),
    st.integers().map(str),
    st.floats().map(str),
    st.dates().map(lambda day: f"{day:%d.%m.%Y}"),
    st.datetimes().map(str),
    st.uuids().map(str),
    st.emails(),
)
LONG = st.sampled_from(["a", "9", "я", "\x00", "😀", " ", "\r\n", "%"]).map(
    lambda piece: piece * (1_000_000 // len(piece))
)
VALUE = st.integers(0, 60).flatmap(lambda number: LONG if number == 60 else TEXT)
HEADER_TEXT = st.text(st.characters(max_codepoint=255, exclude_characters="\x00\r\n"), max_size=60)


def query_parameters() -> list[str]:
    """Return the names of all query parameters that our code reads."""
    sources = [path for path in BASE_DIR.glob("*/*.py") if not path.name.startswith("test_")]
    return sorted({name for path in sources for name in re.findall(r'\.GET(?:\.get\(|\[)"(\w+)"', path.read_text())})


def all_fields() -> list[str]:
    """Return the names of the fields of all our forms."""
    for path in BASE_DIR.glob("*/forms.py"):
        import_module(f"{path.parent.name}.forms")
    classes, names = [BaseForm], set()
    while classes:
        form = classes.pop()
        classes.extend(form.__subclasses__())
        names |= set(getattr(form, "base_fields", {}))
    return sorted(names)


QUERY_NAMES = [*query_parameters(), "p", "o", "q", "e", "_popup", "_facets", "is_active__exact", "page", ""]
FIELD_NAMES = sorted({*all_fields(), *query_parameters(), "csrfmiddlewaretoken", "clear", "text", "tab", "invoice",
                      "action", "_selected_action", "index", "select_across", "manager", "shown_to", "",
                      "__proto__"})  # fmt: skip
HTMX_TARGETS = ["main", "code", "beside", "beside-results", "beside-more", "list-results", "list-more",
                "tickets-results", "tickets-more", "surcharge", "dialog", "photos", "nothing"]  # fmt: skip
BOUNDARY = "frontier"


@dataclass
class RawRequest:
    """One HTTP request."""

    method: str
    path_argument: str | None = None
    query: list[tuple[str, str]] = field(default_factory=list)
    headers: dict[str, str] = field(default_factory=dict)
    cookies: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    content_type: str = "application/x-www-form-urlencoded"


def urlencoded(pairs: list[tuple[str, str]]) -> bytes:
    return "&".join(
        "=".join(quote_plus(part.encode("utf-8", "surrogatepass")) for part in pair) for pair in pairs
    ).encode()


def multipart_part(disposition: str, content: bytes, *headers: str) -> bytes:
    head = "\r\n".join([f"Content-Disposition: form-data; {disposition}", *headers])
    return f"--{BOUNDARY}\r\n{head}\r\n\r\n".encode("utf-8", "surrogatepass") + content + b"\r\n"


def multipart(pairs: list[tuple[str, str]], *parts: bytes) -> bytes:
    fields = [multipart_part(f'name="{name}"', value.encode("utf-8", "surrogatepass")) for name, value in pairs]
    return b"".join([*fields, *parts, f"--{BOUNDARY}--\r\n".encode()])


FILES = [
    multipart_part('name="photos"; filename="a.jpg"', b"\xff\xd8\xff\xe0 no picture", "Content-Type: image/jpeg"),
    multipart_part('name="photo"; filename=""', b""),
    multipart_part(
        'name="photo"; filename="../../a.png"', b"\x89PNG\r\n\x1a\n" + b"\x00" * 64, "Content-Type: image/png"
    ),
    multipart_part('name="photo"; filename="a\x00.jpg"', b"GIF89a" + b"\xff" * 99, "Content-Type: text/html"),
    multipart_part(
        "name=\"photo\"; filename*=utf-8''%ff%fe%00.jpg", b"<svg onload=alert(1)>", "Content-Type: image/svg+xml"
    ),
    multipart_part('name="photos"; filename="a.jpg"', b"!!!", "Content-Transfer-Encoding: base64"),
    multipart_part('name="photos"; filename="a.webp"', b"RIFF\xff\xff\xff\xffWEBPVP8 " + b"\x01" * 30),
    multipart_part('filename="nameless.jpg"', b"x"),
    multipart_part('name="title"; filename="a text field as a file"', "Плита".encode()),
    multipart_part('name="photos', b"x" * 5000),
    multipart_part('name="a"', b"x", "Content-Type: text/plain; charset=utf-99"),
    multipart_part('name="a"', b"\xff\xfe", "Content-Type: text/plain; charset=utf-16"),
    b"--" + BOUNDARY.encode() + b"\r\nno headers",
]
RAW = st.one_of(
    st.binary(max_size=200),
    st.sampled_from(
        [b"[" * 100_000, b'{"a":' * 50_000, b"null", b'"', b"{}", b"\xff\xfe", b"a=%ff&b=%ed%a0%80&=&&;", b"a" * 300]
    ),
)
CONTENT_TYPES = [
    "application/x-www-form-urlencoded", "application/x-www-form-urlencoded; charset=utf-99", "application/json",
    "text/plain", "multipart/form-data",
    f"multipart/form-data; boundary={BOUNDARY}", "multipart/form-data; boundary=\xff",
    "multipart/mixed; boundary=x", "application/x-www-form-urlencoded; charset=cp1251", "text/xml", "", ";", "/",
]  # fmt: skip
HEADERS = st.fixed_dictionaries(
    {},
    optional={
        "HX-Request": st.sampled_from(["true", "false", ""]),
        "HX-Target": st.sampled_from(HTMX_TARGETS) | HEADER_TEXT,
        "HX-Current-URL": st.sampled_from(["http://[", "//", "javascript:x", "http://testserver/clients/?tab=new"])
        | HEADER_TEXT,
        "HX-Boosted": HEADER_TEXT,
        "HX-History-Restore-Request": HEADER_TEXT,
        "Accept": st.sampled_from(["application/json", "*/*;q=x", "text/html;q=1e999", ","]) | HEADER_TEXT,
        "Accept-Language": HEADER_TEXT,
        "User-Agent": HEADER_TEXT,
        "Referer": st.sampled_from(["http://[", "https://evil.example"]) | HEADER_TEXT,
        "X-Forwarded-For": st.sampled_from(["", ",,", "1.2.3.4:80", "::1%eth0", "999.1.1.1"]) | HEADER_TEXT,
        "X-Request-ID": HEADER_TEXT,
        "X-CSRFToken": HEADER_TEXT,
        "Range": st.sampled_from(["bytes=-1", "bytes=9-1", "x"]),
        "If-Modified-Since": HEADER_TEXT,
        "If-None-Match": HEADER_TEXT,
        "Content-Length": st.sampled_from(["", "-1", "x", "0"]),
    },
)
COOKIES = st.dictionaries(
    st.sampled_from(["csrftoken", "tab", "messages", "sessionid", "django_language", "x"]), HEADER_TEXT, max_size=3
)


@st.composite
def requests(draw, valid: dict[str, str], arguments: bool) -> RawRequest:
    """A request with one or two invalid parts, so that it gets past the checks of the other parts.

    `valid`: valid form data by field. `arguments`: whether the URL has arguments.
    """
    raw_request = RawRequest(
        draw(st.sampled_from(["POST", "POST", "POST", "GET", "GET", "HEAD", "PUT", "DELETE", "OPTIONS"]))
    )
    invalid = draw(
        st.sets(
            st.sampled_from(["fields", "fields", "query", "headers", "cookies", "body", "files", "path"]),
            min_size=1,
            max_size=2,
        )
    )
    if "path" in invalid and arguments:
        raw_request.path_argument = draw(VALUE)
    if "query" in invalid:
        raw_request.query = draw(st.lists(st.tuples(st.sampled_from(QUERY_NAMES), VALUE), min_size=1, max_size=4))
    if "headers" in invalid:
        raw_request.headers = draw(HEADERS)
    if "cookies" in invalid:
        raw_request.cookies = draw(COOKIES)
    pairs = list(valid.items())
    if "fields" in invalid:
        names = st.sampled_from(sorted(valid) or FIELD_NAMES) | st.sampled_from(FIELD_NAMES)
        mutated = draw(st.lists(st.tuples(names, VALUE), min_size=1, max_size=4))
        unchanged = [pair for pair in pairs if draw(st.integers(0, 9)) and pair[0] not in dict(mutated)]
        pairs = unchanged + mutated + draw(st.sampled_from([[], mutated]))  # sometimes repeats fields
    raw_request.body = urlencoded(pairs)
    if "files" in invalid:
        raw_request.content_type = f"multipart/form-data; boundary={BOUNDARY}"
        raw_request.body = multipart(pairs, *draw(st.lists(st.sampled_from(FILES), max_size=3)))
        if draw(st.booleans()):
            raw_request.body = raw_request.body[: draw(st.integers(0, len(raw_request.body)))]
    if "body" in invalid:
        raw_request.content_type = draw(st.sampled_from(CONTENT_TYPES))
        raw_request.body = draw(st.just(raw_request.body) | RAW)
    return raw_request


def send(browser: Browser, url: str, raw_request: RawRequest, arguments: list):
    if raw_request.path_argument is not None and arguments:
        quoted = quote(raw_request.path_argument.encode("utf-8", "surrogatepass"), safe="")
        url = url.replace(str(arguments[0]), quoted)
    cookies = {name: morsel.coded_value for name, morsel in browser.cookies.items()} | raw_request.cookies
    extra = {"HTTP_" + name.upper().replace("-", "_"): value for name, value in raw_request.headers.items()}
    if "HTTP_CONTENT_LENGTH" in extra:
        extra["CONTENT_LENGTH"] = extra.pop("HTTP_CONTENT_LENGTH")
    return browser.generic(
        raw_request.method,
        url,
        raw_request.body,
        raw_request.content_type,
        QUERY_STRING=urlencoded(raw_request.query).decode(),
        HTTP_COOKIE="; ".join(f"{name}={value}" for name, value in cookies.items()),
        **extra,
    )


def table_digests(tables: set[str]) -> dict[str, str]:
    with connection.cursor() as cursor:
        digests = {}
        for table in sorted(tables):
            cursor.execute(f"SELECT md5(string_agg(t::text, chr(10) ORDER BY t::text)) FROM {table} t")  # noqa: S608
            digests[table] = cursor.fetchone()[0]
        return digests


@contextmanager
def rolled_back() -> Iterator[set[str]]:
    """Roll back everything that the block writes; yield the set of tables that it wrote to."""
    written = set()

    def record_table(execute, sql, params, *arguments):
        text = sql if isinstance(sql, str) else ""
        if match := WRITES.match(text):
            written.add(match[1])
        elif text.startswith("SELECT privet.write_shared("):
            written.add(f"public.{params[1]}")
        return execute(sql, params, *arguments)

    savepoint = transaction.savepoint_create()
    try:
        with connection.execute_wrapper(record_table):
            yield written
    finally:
        connection.needs_rollback = False
        transaction.savepoint_rollback(savepoint)


@pytest.fixture(scope="session")
def count_requests(request):
    """Count the requests, and report the totals at the end."""
    count = {"inputs": 0, "rejected": 0}
    yield count
    plugins = request.config.pluginmanager
    if reporter := plugins.get_plugin("terminalreporter"):
        with plugins.get_plugin("capturemanager").global_and_fixture_disabled():
            reporter.write_line(f"\ngarbage: {count['inputs']} inputs, {count['rejected']} rejected")


def _is_unexpected_error(record: logging.LogRecord) -> bool:
    # django.security logs rejected requests, for example too large bodies, as errors.
    return record.levelno >= logging.ERROR and not record.name.startswith("django.security.")


@pytest.fixture
def send_and_check(count_requests, caplog, monkeypatch):
    """Send one request and check the response, the tables and the log."""
    # Rendering a contract takes half a second and does not depend on the request.
    monkeypatch.setattr("contracts.pdf.render_pdf", lambda *args, **kwargs: b"%PDF-")

    def run(browser: Browser, name: str, url: str, raw_request: RawRequest, arguments: list) -> None:
        caplog.clear()
        jar = browser.cookies.output()
        with rolled_back() as written:
            response = send(browser, url, raw_request, arguments)
            is_rejected = response.status_code >= 400
            tables = written - ALWAYS_WRITTEN - WRITTEN_ON_REJECTION.get(name, set()) if is_rejected else set()
            after = table_digests(tables)
        browser.cookies.clear()
        browser.cookies.load(jar.replace("Set-Cookie: ", ""))
        count_requests["inputs"] += 1
        count_requests["rejected"] += is_rejected
        assert response.status_code < 500
        assert after == table_digests(tables), "a rejected request changed rows"
        assert [record.getMessage() for record in caplog.records if _is_unexpected_error(record)] == []

    return run


PREPARED = pytest.StashKey[dict]()


@pytest.mark.django_db
@pytest.mark.parametrize("name", PAGES)
@garbage
@given(data=st.data())
def test_garbage_causes_no_500_and_changes_nothing(name, make, anna, gleb, send_and_check, data, request):
    prepared = request.node.stash.setdefault(PREPARED, {})
    if not prepared:
        scenario, page = Scenario(make, anna), PAGES[name]
        valid = {field: str(value) for field, value in page.data(scenario).items() if not hasattr(value, "read")}
        prepared |= {
            "url": page_url(name, scenario),
            "arguments": page.args(scenario),
            "valid": valid,
            "browser": browser_for(gleb) if "gleb" in page.allowed else Browser(),
        }
    raw_request = data.draw(requests(prepared["valid"], bool(prepared["arguments"])))

    send_and_check(prepared["browser"], name, prepared["url"], raw_request, prepared["arguments"])


@pytest.mark.django_db
@pytest.mark.parametrize("name", ADMIN_NAMES)
@profile(garbage, max_examples=max(EXAMPLES // 3, 5))
@given(data=st.data())
def test_garbage_causes_no_500_in_the_admin_site(name, gleb, send_and_check, data, request):
    arguments = [ADMIN_ARGUMENTS[argument] for argument in URL_ARGUMENTS[name]]
    browser = request.node.stash.setdefault(PREPARED, {}) or {"browser": browser_for(gleb)}
    request.node.stash[PREPARED] = browser
    raw_request = data.draw(requests({"action": "delete_selected", "q": "Иванов"}, bool(arguments)))

    send_and_check(browser["browser"], name, reverse(name, args=arguments), raw_request, arguments)


@pytest.mark.parametrize(
    ("model", "action"),
    [
        ("clients_client", "reassign"),
        ("clients_client", "erase_clients"),
        ("contracts_contract", "unlock"),
        ("erasure_erasurerequest", "withdraw"),
        ("managers_manager", "send_password_link"),
        ("managers_manager", "reset_second_factor"),
    ],
)
def test_admin_action_on_an_invalid_row_shows_an_error(as_gleb, model, action):
    data = {"action": action, "_selected_action": "garbage", "index": "0"}
    response = as_gleb.post(reverse(f"admin:{model}_changelist"), data, follow=True)

    assert response.status_code == 200
    assert "Таких записей нет" in response.text
