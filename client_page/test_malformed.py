"""Malformed requests to the client's page, also from the browser in which it is open: a clear 4xx, never a 500."""

import uuid

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client as Browser
from django.urls import reverse

from client_page.access import cookie_name
from client_page.conftest import issue_link
from client_page.test_attacks import GET_URLS, METHODS, POST_URLS, everything, rows
from client_page.test_contract import without_agreement
from contracts.models import Contract

pytestmark = pytest.mark.django_db

# Fields that a form of the page reads.
FIELDS = {
    "consent": ["agreed", "shown"],
    "refusal": ["reason", "comment"],
    "passport": ["digits"],
    "code": ["consent", "version", "agreed", "shown"],
    "signature": ["code"],
}
GARBAGE = {
    "nul": "\x00",
    "nul inside": "12\x003456",
    "emoji": "😀👩‍👩‍👧‍👦",
    "bidi": "\u202e654321",
    "digits of other scripts": "１２３４５６",
    "long": "9" * 1_000_000,
    "number": "1e309",
    "list": "[]",
    "json": '{"$ne": null}',
    "sql": "' OR 1=1 --",
    "template": "{{ 7|add:7 }}",
    "newlines": "\r\nX-Evil: 1\r\n\r\n",
}


@pytest.fixture(autouse=True)
def _agreement_is_missing(issued):
    without_agreement(issued.client)


@pytest.mark.parametrize("value", GARBAGE.values(), ids=GARBAGE)
@pytest.mark.parametrize(("name", "field"), [(name, field) for name, fields in FIELDS.items() for field in fields])
def test_garbage_in_a_field_is_rejected(phone, issued, name, field, value):
    data = everything(issued) | (phone.form("code") if name == "code" else {}) | {field: value}
    before = rows()
    response = phone.post(name, data)
    accepted = (name, field) in [
        ("refusal", "comment"),
        ("code", "consent"),
        ("code", "agreed"),
        ("passport", "agreed"),
    ]
    if name == "consent":  # belongs to the other kind of page
        assert response.status_code == 302
    elif not accepted:
        assert response.status_code == 422
        assert rows() == before
    else:
        assert response.status_code in (302, 422)
    assert not Contract.objects.signed().exists()


@pytest.mark.parametrize("name", POST_URLS)
def test_too_large_bodies_are_rejected(phone, issued, name):
    before = rows()
    for data in ({"code": "1" * 10_000_000}, {f"field{number}": "x" for number in range(1000)}):
        response = phone.post(name, everything(issued) | data)
        # «Позвать менеджера» and the report of the end read no field.
        assert response.status_code == 400 or name in ("call", "reading", "consent")
    if name not in ("call", "reading"):
        assert rows() == before


@pytest.mark.parametrize("name", POST_URLS)
@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("application/json", b'{"code": ["123456"]}'),
        ("application/json", b"[" * 100_000),
        ("multipart/form-data; boundary=x", b"--x\r\nno headers"),
        ("multipart/form-data", b"x"),
        ("application/x-www-form-urlencoded; charset=utf-99", b"code=123456"),
        ("application/x-www-form-urlencoded", b"code=%ff%fe&code=%ed%a0%80&=&&"),
        ("", b"\xff\xfe"),
    ],
)
def test_other_types_are_refused(phone, name, content_type, body):
    response = phone.browser.generic("POST", phone.url(name), body, content_type)
    assert response.status_code in (302, 400, 409, 422) or name in ("call", "reading")
    assert not Contract.objects.signed().exists()
    phone.link.refresh_from_db()
    assert (phone.link.agreed_at, phone.link.refused_at, phone.link.passport_attempts) == (None, None, 0)


def test_files_instead_of_fields_are_refused(phone, issued):
    for name, fields in FIELDS.items():
        data = {field: SimpleUploadedFile("a.txt", b"123456") for field in fields}
        assert phone.post(name, data).status_code in (302, 422)
    assert not Contract.objects.signed().exists()


def test_of_repeated_fields_only_one_code_is_tried(phone, issued):
    phone.accept()
    phone.post("signature", {"code": [f"{number:06}" for number in range(20)]})
    assert Contract.objects.get().failed_tries <= 1


@pytest.mark.parametrize("name", [*GET_URLS, *POST_URLS])
@pytest.mark.parametrize(
    "pk",
    [
        "00000000-0000-0000-0000-000000000000",
        str(uuid.UUID(int=2**128 - 1)),
        "6BA7B810-9DAD-11D1-80B4-00C04FD430C8",
        "x",
        "..%2f..%2f",
        "%00",
        "1" * 5000,
    ],
)
def test_forged_ids_are_not_found(phone, name, pk):
    url = phone.url(name).replace(str(phone.link.pk), pk)
    assert phone.browser.get(url).status_code in (400, 404, 405)
    assert phone.browser.post(url, {"code": "123456"}).status_code in (400, 404, 405)


@pytest.mark.parametrize("cookie", ["a" * 10_240, "\xff\xfe", '"', ";;;=", "=", "{}"])
def test_malformed_cookies_open_nothing(phone, issued, anna, cookie):
    browser = Browser()
    link, token = issue_link(issued.client, anna, issued)
    header = {"HTTP_COOKIE": f"{cookie_name()}={cookie}"}
    opening = reverse("client_page:open", args=[token])
    assert browser.get(opening, **header).status_code == 200
    for name, response in responses_with(browser, phone, header).items():
        assert response.status_code == 404, name
    # The cookie is only compared: a browser may choose any value.
    assert browser.post(opening, **header).status_code == 302
    link.refresh_from_db()
    assert len(link.browser_hash) == 64


@pytest.mark.parametrize("cookie", ["\x00", "a\x00b"])
def test_cookies_with_nul_are_refused(phone, cookie):
    for name, response in responses_with(Browser(), phone, {"HTTP_COOKIE": f"{cookie_name()}={cookie}"}).items():
        assert response.status_code == 400, name


def responses_with(browser: Browser, phone, header: dict) -> dict:
    responses = {name: browser.get(phone.url(name), **header) for name in GET_URLS}
    return responses | {name: browser.post(phone.url(name), {"code": "123456"}, **header) for name in POST_URLS}


@pytest.mark.parametrize("name", [*GET_URLS, *POST_URLS, "open"])
def test_other_methods_do_nothing(phone, issued, anna, name):
    phone.accept()
    link, token = issue_link(issued.client, anna, issued) if name == "open" else (phone.link, "")
    url = reverse("client_page:open", args=[token]) if name == "open" else phone.url(name)
    before = rows()
    for method in METHODS:
        expected = (200, 302) if method == "head" and name in ("open", *GET_URLS) else (405,)
        assert getattr(phone.browser, method)(url).status_code in expected, method
    if name in POST_URLS:
        assert phone.browser.get(url).status_code == 405
    elif name in GET_URLS:
        assert phone.browser.post(url).status_code == 405
    assert rows() == before


@pytest.mark.parametrize(
    "headers",
    [
        {"User-Agent": "я" * 5000},
        {"User-Agent": "<script>" * 100},
        {"User-Agent": ""},
        {"X-Forwarded-For": "999.1.1.1, ::1%eth0"},
        {"Accept": ",", "Range": "bytes=9-1"},
    ],
)
def test_malformed_headers_cause_no_error(issued, anna, headers):
    browser = Browser(headers=headers)
    link, token = issue_link(issued.client, anna, issued)
    assert browser.post(reverse("client_page:open", args=[token])).status_code == 302
    assert browser.get(reverse("client_page:page", args=[link.pk])).status_code == 200
    link.refresh_from_db()
    assert len(link.user_agent) <= 300
