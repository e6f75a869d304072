"""A manager who takes a client from sign-up to a paid contract over HTTP, like a person without JavaScript.

After any error (a lost connection, a stopped server, a page that says «later») the manager opens the client again and
continues at the current step. A run therefore shows whether retries lose or duplicate rows.
"""

import itertools
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import mechanicalsoup
import psycopg
import requests

from neighbour import app as client_app

SEQUENCE = itertools.count(1)
TIMEOUT = 120  # seconds for one client
RETRY_DELAY = 0.3  # seconds before a retry
RETRIED_STATUSES = (429, 502, 503, 504)
CODE = re.compile(r"Код (\d{3} \d{3}) —")  # the number of a contract also contains six digits in a row
CONTACT = {"name": "Иванов Пётр Сергеевич", "address": "г. Москва, ул. Лесная, д. 5"}
PASSPORT = {
    "last_name": "Иванов",
    "first_name": "Пётр",
    "middle_name": "Сергеевич",
    "issued_by": "ГУ МВД России по г. Москве",
    "department_code": "770-001",
    "issued_on": "2015-03-20",
    "registration_address": "г. Москва, ул. Садовая, д. 1, кв. 2",
}


class Interrupted(Exception):
    """The server did not answer, or is temporarily unavailable."""


class Stuck(Exception):
    """An unexpected page, or the time for the client is over."""


@dataclass
class Manager:
    """A browser signed in at `site`, and the app on `database`, where the clients sign up and read their codes."""

    site: str
    email: str
    password: str
    database: str
    interruptions: dict[str, int] = field(default_factory=dict)
    interrupted_at: float = 0

    def __post_init__(self):
        self.browser = mechanicalsoup.StatefulBrowser(raise_on_404=False)

    def sign_in(self) -> None:
        self._until_done(self._sign_in, lambda done: done)

    def take_client(self) -> str:
        """Take a new client to a paid contract; return the phone, which identifies the client."""
        phone = f"9{time.time_ns() // 1000 % 10**6:06}{next(SEQUENCE) % 1000:03}"
        self._until_done(lambda: self._sign_up(phone), bool)
        client = self._until_done(lambda: self._find(phone), bool)
        self._until_done(lambda: self._next_step(client, phone), self._is_finished)
        return phone

    def _is_finished(self, path: str) -> bool:
        return path.endswith("/done/") and not self._has_invoice()

    def _until_done(self, operation, is_done):
        deadline = time.monotonic() + TIMEOUT
        while time.monotonic() < deadline:
            try:
                result = operation()
            except Interrupted as interruption:
                self.interrupted_at = time.monotonic()
                self.interruptions[str(interruption)] = self.interruptions.get(str(interruption), 0) + 1
                time.sleep(RETRY_DELAY)
                continue
            if is_done(result):
                return result
        raise Stuck(f"{self.browser.url}: {self._page_text()}")

    def _open(self, path: str) -> str:
        """Open a path of the site; return the path after redirects."""
        return self._request(lambda: self.browser.open(f"{self.site}{path}", timeout=30))

    def _submit(self, selector: str, **values: str) -> str:
        """Fill and submit the form with this selector; return the path after redirects."""
        self.browser.select_form(selector)
        for name, value in values.items():
            self.browser[name] = value
        return self._request(lambda: self.browser.submit_selected(timeout=30))

    def _request(self, send) -> str:
        try:
            response = send()
        except requests.RequestException as error:
            raise Interrupted(type(error).__name__) from error
        if response.status_code in RETRIED_STATUSES:
            raise Interrupted(str(response.status_code))
        if response.status_code >= 500:
            raise Stuck(f"{response.status_code} at {response.url}")
        return response.url.removeprefix(self.site).partition("?")[0]

    def _has(self, selector: str) -> bool:
        return bool(self.browser.page and self.browser.page.select(selector))

    def _page_text(self) -> str:
        return " ".join(self.browser.page.get_text(" ").split())[:600] if self.browser.page else ""

    def _sign_in(self) -> bool:
        path = self._open("/sign-in/")
        if path.startswith("/sign-in"):
            path = self._submit('form[action*="sign-in"]', email=self.email, password=self.password)
        return not path.startswith("/sign-in")

    def _sign_up(self, phone: str) -> bool:
        with self._app() as app:
            try:
                client_app.sign_up(app, phone=phone, **CONTACT)
            except client_app.AppError as refused:
                return refused.status == 409  # an earlier sign-up succeeded, and its response was lost
        return True

    def _find(self, phone: str) -> str | None:
        """The id of the client in the list of new ones."""
        self._open("/clients/?tab=new")
        self._submit("form.search", text=phone)
        found = self.browser.page.select_one("a.client")
        return found and found["href"].strip("/").rpartition("/")[2]

    @contextmanager
    def _app(self) -> Iterator[psycopg.Connection]:
        """A connection of the client's app."""
        try:
            with client_app.connect(self.database) as app:
                yield app
        except psycopg.OperationalError as error:
            raise Interrupted(type(error).__name__) from error

    def _next_step(self, client: str, phone: str) -> str:
        path = self._open(f"/clients/{client}/")
        step = path.removeprefix(f"/clients/{client}/").strip("/")
        actions = {
            "contact": lambda: self._submit("form:has([name=phone])"),
            "passport": lambda: self._passport(phone),
            "devices": lambda: self._devices(client),
            "contract": lambda: self._contract(phone),
            "done": self._pay,
        }
        if self._has("[name=agreed]"):
            return self._agree()
        if step not in actions:
            raise Stuck(f"{path}: {self._page_text()}")
        return actions[step]()

    def _passport(self, phone: str) -> str:
        return self._submit("form:has([name=last_name])", **PASSPORT, digits=phone)

    def _agree(self) -> str:
        self.browser.select_form("form:has([name=agreed])").set_checkbox({"agreed": True})
        return self._request(lambda: self.browser.submit_selected(timeout=30))

    def _devices(self, client: str) -> str:
        if not self._has('a[href*="/devices/"][href$="/removal/"], .device'):
            self._open(f"/clients/{client}/devices/add/")
            option = self.browser.page.select_one("select[name=type] option[value]:not([value=''])")
            return self._submit(
                "form:has([name=title])", title="Холодильник Бирюса 118", type=option["value"], extra_fee="150"
            )
        form = self.browser.select_form('form[action$="/surcharge/"]')
        form.set("tariff", form.form.select_one("[name=tariff]")["value"])
        return self._request(lambda: self.browser.submit_selected(timeout=30))

    def _contract(self, phone: str) -> str:
        if not self._has('form[action$="/signature/"]'):
            return self._submit("main form:not([hidden])")
        code = self._code(phone)
        if not code:
            return self._submit("#code-request")
        form = self.browser.select_form('form[action$="/signature/"]')
        form.set_checkbox({"consent": True})
        form.set("code", code)
        return self._request(lambda: self.browser.submit_selected(timeout=30))

    def _code(self, phone: str) -> str | None:
        """The newest code in the client's app, or None."""
        with self._app() as app:
            user_id = client_app.find_account(app, phone=phone)
            messages = [
                message
                for ticket in client_app.tickets(app, user_id)
                for message in client_app.messages(app, user_id, ticket["id"])
                if CODE.search(message["body"])
            ]
        newest = max(messages, key=lambda message: message["created_at"], default=None)
        return newest and CODE.search(newest["body"])[1].replace(" ", "")

    def _has_invoice(self) -> bool:
        return self._has('main a[href$="/payment/"]')

    def _pay(self) -> str:
        if not self._has_invoice():
            return "/done/"
        self._open(self.browser.page.select_one('main a[href$="/payment/"]')["href"])
        return self._submit('form[action$="/payment/"]', method="cash")
