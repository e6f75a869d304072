"""A browser on the page of copies, and what clients find in their messages."""

import re
from urllib.parse import parse_qs, urlsplit
from uuid import UUID

import pgtrigger
import pytest
from django.db.models import F
from django.test import Client as Browser
from django.urls import reverse

from agreements.models import Agreement, AgreementKind
from client_page.conftest import gateway  # noqa: F401  fixture
from clients.models import AppUser, Client
from conftest import ROLES, as_role
from contracts.conftest import invoice, issued, signed  # noqa: F401  fixtures
from copies import codes
from copies.models import CopyCode
from messaging.codes import CODE_RESEND_DELAY
from messaging.models import Channel, OutgoingMessage, Purpose
from support.models import Message

CODE = re.compile(r"Код (\d{4}) (\d{4}) откроет")


class Reader:
    """A browser of a client, which is signed in nowhere. `pk` is the code that opened the documents last."""

    def __init__(self, ip: str = "203.0.113.5"):
        self.browser = Browser(headers={"User-Agent": "Android"}, REMOTE_ADDR=ip)
        self.pk: UUID | None = None

    def request(self, number: str, **data):
        """Request a code, and let the worker send it."""
        response = self.post_number(number, **data)
        work()
        return response

    def post_number(self, number: str, **data):
        return self.browser.post(reverse("copies:start"), {"number": number, "channel": Channel.APP.value} | data)

    def enter(self, number: str, code: str):
        response = self.browser.post(reverse("copies:code"), {"number": number, "code": code})
        if response.status_code == 302 and response.url != reverse("copies:start"):
            self.pk = UUID(urlsplit(response.url).path.split("/")[-2])
        return response

    def documents(self):
        return self.browser.get(self.url("documents"))

    def files(self) -> dict[str, str]:
        """Return the URLs of the files in the list, by their names."""
        links = re.findall(r'<a href="([^"]+)">([^<]+) <span class="muted">\(PDF\)', self.documents().text)
        return {name: url for url, name in links}

    def close(self):
        return self.browser.post(self.url("closing"))

    def url(self, name: str, *args) -> str:
        return reverse(f"copies:{name}", args=[self.pk, *args])


def work() -> None:
    """Do what the worker does with the requests."""
    with as_role(ROLES.maintenance):
        while codes.send_next():
            pass


def wrong(code: str) -> str:
    """Return eight digits that differ from `code`."""
    return f"{(int(code) + 1) % 10**8:08}"


def number_in(response) -> str:
    """Return the number with which the page of the code is opened."""
    return parse_qs(urlsplit(response.url).query)["number"][0]


def newest_message(client: Client) -> OutgoingMessage:
    return OutgoingMessage.objects.filter(client=client, purpose=Purpose.COPY_CODE).latest("created_at")


def code_for(client: Client) -> str:
    """Return the eight digits of the newest code for copies, by any channel."""
    message = newest_message(client)
    is_app = message.channel == Channel.APP
    body = Message.objects.get(pk=message.provider_id).body if is_app else message.content.body
    return "".join(CODE.search(body).groups())


def backdate_codes() -> None:
    """End the delay after which a new code can be requested."""
    with as_role(ROLES.maintenance), pgtrigger.ignore("copies.CopyCode:copy_request_is_frozen"):
        CopyCode.objects.update(sent_at=F("sent_at") - CODE_RESEND_DELAY)


def open_documents(client: Client, number: str) -> Reader:
    """Return a browser in which the documents are open."""
    reader = Reader()
    reader.request(number)
    assert reader.enter(number, code_for(client)).status_code == 302
    return reader


@pytest.fixture
def reader(signed) -> Reader:  # noqa: F811
    return open_documents(signed.client, signed.number)


@pytest.fixture
def consent(signed) -> Agreement:  # noqa: F811
    """The consent to data processing of the signed contract's client."""
    return signed.client.agreements.get(kind=AgreementKind.PERSONAL_DATA)


def set_password(client: Client) -> None:
    AppUser.objects.filter(pk=client.user_id).update(password_hash="$2b$12$" + "a" * 53)
