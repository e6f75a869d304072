"""The client's phone, and links that a manager shows to it."""

import re
from urllib.parse import urlsplit

import pytest
from django.db.models import F
from django.test import Client as Browser
from django.urls import reverse

from clients.models import AppUser, Client
from contracts import signing
from contracts.conftest import code_sent_to, issued, signed, wrong_code  # noqa: F401  fixtures
from contracts.models import SigningCode
from links import panel
from links.models import Link
from messaging.codes import CODE_LIFETIME, CODE_RESEND_DELAY
from messaging.models import OutgoingMessage, Purpose

MANAGER_BROWSER = panel.Browser("192.0.2.7", "Firefox")


class Phone:
    """A browser of the client, which is signed in nowhere. `link` is the link that it opened last."""

    def __init__(self, ip: str = "203.0.113.5"):
        self.browser = Browser(headers={"User-Agent": "Android"}, REMOTE_ADDR=ip)
        self.link = None

    def open(self, link: Link, token: str):
        """Press «Продолжить» on the first page. Return the response."""
        self.link = link
        return self.browser.post(reverse("client_page:open", args=[token]))

    def get(self, name: str = "page", **options):
        return self.browser.get(self.url(name), **options)

    def post(self, name: str, data: dict | None = None, **options):
        return self.browser.post(self.url(name), data or {}, **options)

    def url(self, name: str) -> str:
        return reverse(f"client_page:{name}", args=[self.link.pk])

    def form(self, name: str) -> dict:
        """Return the hidden fields of the form that the page submits to `name`."""
        html = self.get().text
        form = re.search(rf'<form[^>]*action="{re.escape(self.url(name))}[#"].*?</form>', html, re.DOTALL)[0]
        return dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', form))

    def accept(self):
        """Tick everything and get a code, which is later than the resend delay of earlier ones."""
        SigningCode.objects.update(sent_at=F("sent_at") - CODE_LIFETIME * 6)
        return self.post("code", self.form("code") | {"agreed": "on", "consent": "on"})

    def sign(self, code: str | None = None):
        return self.post("signature", {"code": code or code_sent_to(self.link.client)})


def issue_link(client, by, contract=None) -> tuple[Link, str]:
    return Link.objects.issue(client, contract and contract.pk, by=by, browser=MANAGER_BROWSER)


def path_of(response) -> str:
    return urlsplit(response.url).path


@pytest.fixture
def phone(issued, anna) -> Phone:  # noqa: F811
    """The client's phone on which the link to the issued contract is open."""
    phone = Phone()
    phone.open(*issue_link(issued.client, anna, issued))
    return phone


def backdate_codes() -> None:
    """End the delay after which a new code can be requested."""
    SigningCode.objects.update(sent_at=F("sent_at") - CODE_RESEND_DELAY)


@pytest.fixture
def code(phone, issued) -> str:  # noqa: F811
    """The code that the client requested on the page."""
    phone.accept()
    return code_sent_to(issued.client)


@pytest.fixture
def managers_code(code, issued, anna) -> str:  # noqa: F811
    """A later code, which Анна requested. It can be entered in both ways."""
    backdate_codes()
    signing.request_code(issued, by=anna)
    return code_sent_to(issued.client)


@pytest.fixture
def gateway(settings) -> None:
    """SMS and e-mail are configured. Only the worker sends messages, so nothing is sent in tests of pages."""
    settings.SMS_GATEWAY = "outbox"


@pytest.fixture
def client_with_password(issued) -> Client:  # noqa: F811
    """The client of the issued contract, who has a password for the app."""
    AppUser.objects.filter(pk=issued.client.user_id).update(password_hash="$2b$12$" + "a" * 53)
    return Client.objects.get(pk=issued.client_id)


@pytest.fixture
def agreed(phone, client_with_password) -> Phone:
    """The client's phone, on which they have accepted everything and got a code in the app."""
    assert phone.accept().status_code == 302
    backdate_codes()
    return phone


def newest_code_message() -> OutgoingMessage:
    return OutgoingMessage.objects.filter(purpose=Purpose.SIGNING_CODE).latest("created_at")


def code_in(message: OutgoingMessage) -> str:
    """Return the six digits in a message that was not sent yet."""
    return "".join(re.search(r"Код (\d{3}) (\d{3})\b", message.content.body).groups())
