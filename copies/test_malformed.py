"""Malformed requests to the page of copies: a clear 4xx, never a 500, and nothing is written."""

import uuid

import pytest
from django.urls import reverse

from client_page.conftest import path_of
from client_page.test_malformed import GARBAGE
from copies.conftest import Reader
from copies.models import CopyCode

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("value", GARBAGE.values(), ids=GARBAGE)
def test_garbage_finds_nothing(signed, value):
    reader = Reader()
    assert reader.request(value).status_code == 422
    assert not CopyCode.objects.exists()
    assert reader.request(signed.number).status_code == 302
    assert reader.browser.get(reverse("copies:code"), {"number": value[:3000]}).status_code in (200, 302, 400)
    assert path_of(reader.enter(value, "12345678")) == reverse("copies:start")
    assert reader.enter(signed.number, value).status_code == 422
    assert not CopyCode.objects.exclude(used_at=None).exists()


@pytest.mark.parametrize("value", ["", "pigeon", "app\x00", "[]"])
def test_unknown_channel_is_refused(signed, gateway, value):
    response = Reader().request(signed.number, channel=value)
    assert response.status_code == 422
    assert "Выберите, куда прислать код" in response.text
    assert not CopyCode.objects.exists()


def test_missing_number_leads_to_the_first_page(signed):
    browser, start = Reader().browser, reverse("copies:start")
    assert browser.post(start).status_code == 422
    assert browser.get(reverse("copies:code")).url == start
    assert browser.post(reverse("copies:code"), {"code": "12345678"}).url == start


def test_too_large_bodies_are_rejected():
    for name in ("start", "code"):
        assert Reader().browser.post(reverse(f"copies:{name}"), {"number": "1" * 10_000_000}).status_code == 400


@pytest.mark.parametrize("name", ["start", "code"])
def test_other_types_are_refused(name):
    url = reverse(f"copies:{name}")
    for kind, body in (("application/json", b'{"number": 1}'), ("multipart/form-data", b"x"), ("", b"\xff\xfe")):
        assert Reader().browser.generic("POST", url, body, kind).status_code in (302, 400, 422)


@pytest.mark.parametrize("cookie", ["", "x", "\x01", "9" * 4000])
def test_forged_cookie_opens_nothing(reader, cookie):
    for name in reader.browser.cookies:
        reader.browser.cookies[name] = cookie
    assert reader.documents().status_code == 404
    assert reader.browser.post(reader.url("closing")).status_code == 404


def test_unknown_documents_are_not_found(reader):
    for kind in ("contract", "a-b"):
        assert reader.browser.get(reader.url("file", kind, uuid.uuid4())).status_code == 404
