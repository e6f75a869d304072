"""The walk: every address of the project as everybody. An address that is not in the table fails."""

import io
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from operator import attrgetter
from pathlib import Path

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client as Browser
from django.urls import URLPattern, get_resolver, reverse
from django.utils import timezone
from PIL import Image

from conftest import PASSWORD, Make, browser_of
from contracts import issuing, pep, signing
from contracts.conftest import code_sent_to, sign
from devices import keeping as device_keeping
from devices import mirror
from devices.surcharge import fix_surcharge
from managers.models import Manager
from passport import keeping
from privet import storages, uploading
from support import bridge

pytestmark = pytest.mark.django_db

SIGN_IN = "/sign-in/"
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")

# Who may open a page. The others that are signed in get 404; who is not is sent to sign in.
OPEN = ()
EVERYBODY = ("anna", "boris", "vera", "gleb")
FIELD = ("anna", "boris", "gleb")
OWNER = ("anna", "gleb")
SUPPORT = ("vera", "gleb")
HANDED_TO = ("anna",)


class World:
    """Анна's client at whatever stage an address needs, and what belongs to it."""

    def __init__(self, make: Make, anna: Manager):
        self.make, self.anna = make, anna

    @cached_property
    def claimed(self):
        return self.make.verified(self.anna)

    @cached_property
    def with_passport(self):
        passport = self.make.passport(self.claimed, self.anna)
        keeping.replace_photo(passport, b"a photo", by=self.anna)
        return self.claimed

    @cached_property
    def device(self):
        return self.make.device(self.with_passport, self.anna)

    @cached_property
    def photo(self):
        device_keeping.keep(self.device, [(b"a photo", b"its thumbnail")], by=self.anna)
        return self.device.photos.get()

    @cached_property
    def upload(self):
        said = {"device_id": None, "content_type": "image/jpeg", "size": 1000}
        return uploading.hand_out(self.claimed, "passport", **said, by=self.anna)

    @cached_property
    def address(self):
        return storages.upload_address(self.upload.key, content_type="image/jpeg", most=10_000)

    @cached_property
    def sent(self):
        storages.put(self.upload.key, picture().read())
        return self.upload

    @cached_property
    def accepted(self):
        uploading.complete(self.sent, by=self.anna)
        return self.sent

    @cached_property
    def awaiting_contract(self):
        return self.make.awaiting_contract(self.anna, devices=2)

    @cached_property
    def issued(self):
        return issuing.issue(self.awaiting_contract, by=self.anna)

    @cached_property
    def code(self) -> str:
        signing.request_code(self.issued, by=self.anna)
        return code_sent_to(self.issued.client)

    @cached_property
    def signed(self):
        return sign(self.issued, self.anna, self.code)

    @cached_property
    def invoice(self):
        return self.signed.invoices.get()

    @cached_property
    def changed_back(self):
        """A client with a signed contract whose fee was changed, and changed back."""
        device = self.signed.client.devices.first()
        for fee in (Decimal("1"), None):
            device.extra_fee = fee
            device.write(by=self.anna)
        fix_surcharge(self.make.fresh(self.signed.client), self.make.tariff(), by=self.anna)
        return self.signed.client

    @cached_property
    def ticket(self):
        return bridge.open_ticket(self.claimed, now=timezone.now())


@dataclass(frozen=True)
class Page:
    who: tuple[str, ...]
    methods: tuple[str, ...]
    args: Callable[[World], list] = lambda world: []
    data: Callable[[World], dict] = lambda world: {}
    # What those get who may open it, and what the other people of the company get.
    get: int = 200
    post: int = 302
    refused: int = 404
    # Whether the POST of one who may writes anything: the proof that an outsider's could have.
    writes: bool = False
    # Whether showing the page is written down.
    disclosed: bool = False


GET, POST, BOTH = ("GET",), ("POST",), ("GET", "POST")


def page(who, methods, of=None, **options) -> Page:
    """`of`: the attribute of the world whose key the address needs."""
    if of:
        options["args"] = lambda world: [attrgetter(of)(world).pk]
    return Page(who, methods, **options)


def always(**data) -> Callable[[World], dict]:
    return lambda world: data


CONTACT = {"name": "Сидорова Ольга", "phone": "+7 977 555-66-77", "email": "", "address": "г. Тула, ул. Мира, д. 1"}
PASSPORT = {
    "last_name": "Иванов",
    "first_name": "Пётр",
    "middle_name": "Сергеевич",
    "digits": "4613 348353",
    "issued_by": "ГУ МВД России по г. Москве",
    "department_code": "770-001",
    "issued_on": "20.03.2015",
    "birth_date": "01.06.1985",
    "registration_address": "г. Москва, ул. Садовая, д. 1, кв. 2",
}

UPLOAD = {"purpose": "passport", "content_type": "image/jpeg", "size": "1000"}


def picture() -> SimpleUploadedFile:
    content = io.BytesIO()
    Image.new("RGB", (40, 30), "navy").save(content, "JPEG")
    return SimpleUploadedFile("photo.jpg", content.getvalue(), "image/jpeg")


PAGES = {
    "healthz": page(OPEN, GET),
    "security_txt": page(OPEN, GET),
    "readyz": page(OPEN, GET),
    "metrics": page((), GET, get=404),
    "home": page(EVERYBODY, GET, get=302),
    "admin_sign_in": page(OPEN, BOTH, get=302),
    "admin_password": page(EVERYBODY, BOTH, get=302),
    "managers:sign_in": page(OPEN, BOTH, data=always(email="anna@privet.example", password=PASSWORD)),
    "managers:sign_out": page(OPEN, POST),
    "managers:second_factor": page(EVERYBODY, BOTH, get=302, data=always(code="123456")),
    "managers:authenticator": page(EVERYBODY, BOTH, get=302, data=always(code="123456")),
    "managers:backup_codes": page(EVERYBODY, BOTH, post=422, data=always(code="12")),
    "managers:sessions": page(EVERYBODY, GET),
    "managers:others_removal": page(EVERYBODY, POST),
    "managers:session_removal": page(EVERYBODY, POST, args=lambda world: [uuid.UUID(int=1)], post=404),
    "managers:password": page(
        EVERYBODY,
        BOTH,
        data=always(old_password=PASSWORD, new_password1="four new words here", new_password2="four new words here"),
        writes=True,
    ),
    "managers:password_reset": page(OPEN, BOTH, data=always(email="anna@privet.example")),
    "managers:password_reset_sent": page(OPEN, GET),
    "managers:password_done": page(OPEN, GET),
    "managers:new_password": page(OPEN, BOTH, args=lambda world: ["MQ", "not-a-token"], get=410, post=410),
    "clients:list": page(FIELD, GET, refused=302),
    "clients:search": page(FIELD, POST, data=always(text="Иванов")),
    "clients:add": page(FIELD, BOTH, data=always(**CONTACT), writes=True),
    "clients:client": page(OWNER, GET, "claimed", get=302),
    "clients:contact": page(OWNER, BOTH, "claimed", data=always(**CONTACT), writes=True),
    "passport:passport": page(OWNER, BOTH, "claimed", data=always(**PASSPORT), writes=True),
    "passport:number": page(OWNER, BOTH, "with_passport", post=200, writes=True),
    "passport:photo": page(OWNER, GET, "with_passport", get=302, disclosed=True),
    "passport:photo_removal": page(OWNER, POST, "with_passport", writes=True),
    "devices:devices": page(OWNER, GET, "with_passport"),
    "devices:add": page(
        OWNER,
        BOTH,
        "with_passport",
        data=lambda world: {"title": "Плита Гефест", "type": world.make.type().pk},
        writes=True,
    ),
    "devices:tariff": page(
        OWNER, POST, "with_passport", data=lambda world: {"tariff": world.make.tariff().pk}, writes=True
    ),
    "devices:surcharge": page(
        OWNER, POST, "device.client", data=lambda world: {"tariff": world.make.tariff().pk}, writes=True
    ),
    "devices:device": page(
        OWNER,
        BOTH,
        "device",
        data=lambda world: {"title": "Плита Гефест", "type": world.device.type_id},
        writes=True,
    ),
    "devices:removal": page(OWNER, BOTH, "device", writes=True),
    "devices:photos": page(OWNER, POST, "device", data=lambda world: {"photos": picture()}, writes=True),
    "devices:photo": page(OWNER, GET, "photo", get=302),
    "devices:photo_removal": page(OWNER, POST, "photo", writes=True),
    "devices:public_photo": page(
        OPEN, GET, args=lambda world: [mirror.public_url(world.photo).split("/")[-2]], get=302
    ),
    "uploads": page(OWNER, POST, "claimed", data=always(**UPLOAD), post=201, writes=True),
    "upload_completion": page(HANDED_TO, POST, "sent", post=200, writes=True),
    "upload_removal": page(HANDED_TO, POST, "sent", post=204, writes=True),
    "upload_photo": page(HANDED_TO, GET, "accepted", get=302, disclosed=True),
    "stored_upload": page(
        OPEN,
        POST,
        args=lambda world: [world.address.url.split("/")[-2]],
        data=lambda world: world.address.fields | {"file": picture()},
        post=204,
    ),
    "stored_object": page(OPEN, GET, args=lambda world: [storages.address(world.photo.key, cache="").split("/")[-2]]),
    "contracts:contract": page(OWNER, BOTH, "awaiting_contract", writes=True),
    "contracts:kept": page(OWNER, POST, "changed_back", writes=True),
    "contracts:code": page(OWNER, POST, "issued.client", writes=True),
    "contracts:signature": page(
        OWNER,
        POST,
        "issued.client",
        data=lambda world: {"code": world.code, "consent": "on", "pep_version": pep.current_version()},
        writes=True,
    ),
    "contracts:done": page(OWNER, GET, "signed.client"),
    "contracts:payment": page(
        OWNER, POST, "signed.client", data=lambda world: {"invoice": world.invoice.pk}, writes=True
    ),
    "contracts:invoice": page(
        OWNER,
        BOTH,
        "signed.client",
        data=lambda world: {"amount": "100", "description": "Часть", "due_on": timezone.localdate()},
        writes=True,
    ),
    "contracts:card": page(OWNER, GET, "claimed"),
    "contracts:notes": page(OWNER, POST, "claimed", data=always(body="Перезвонить"), writes=True),
    "contracts:pdf": page(OWNER, GET, "signed", disclosed=True),
    "contracts:invoice_pdf": page(OWNER, GET, "invoice", disclosed=True),
    "support:tickets": page(SUPPORT, GET),
    "support:search": page(SUPPORT, POST, data=always(query="Иванов")),
    "support:ticket": page(SUPPORT, GET, "ticket"),
    "support:answer": page(SUPPORT, POST, "ticket", data=always(body="Здравствуйте!"), writes=True),
    "support:status": page(SUPPORT, POST, "ticket", data=always(status="closed"), writes=True),
    "support:client_card": page(SUPPORT, GET, "claimed", disclosed=True),
}


def walk(patterns: list, namespace: str = "") -> Iterator[tuple[str, list[str]]]:
    """Every address: its name, or else its pattern, and the names of its arguments."""
    for entry in patterns:
        if isinstance(entry, URLPattern):
            yield f"{namespace}{entry.name or entry.pattern}", list(entry.pattern.regex.groupindex)
        else:
            inner = f"{namespace}{entry.namespace}:" if entry.namespace else namespace
            yield from walk(entry.url_patterns, inner)


ADDRESSES = dict(walk(get_resolver().url_patterns))
OUR_NAMES = [name for name in ADDRESSES if not name.startswith("admin:")]
CAST = ("anna", "boris", "vera", "gleb")
INSIDERS = [(name, who) for name, page in PAGES.items() for who in page.who]


def test_every_address_is_walked():
    assert sorted(OUR_NAMES) == sorted(PAGES)


@pytest.fixture
def world(make, anna) -> World:
    return World(make, anna)


@pytest.fixture
def browsers(anna, boris, vera, gleb) -> dict[str, Browser]:
    return {who: browser_of(manager) for who, manager in zip(CAST, (anna, boris, vera, gleb), strict=True)}


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


def address(name: str, world: World) -> str:
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


def test_an_unclaimed_client_is_open_to_every_manager_and_not_to_support(make, browsers):
    url = reverse("clients:contact", args=[make.client().pk])

    statuses = {who: browser.get(url).status_code for who, browser in browsers.items()}

    assert statuses == {"anna": 200, "boris": 200, "gleb": 200, "vera": 404}


# The admin site's own addresses. Those without a name lead to these.
ADMIN_ARGUMENTS = {"object_id": "1", "app_label": "managers", "content_type_id": "1"}
ADMIN_NAMES = [name for name in ADDRESSES if name.startswith("admin:") and not set(name) & set("^<(")]


@pytest.mark.parametrize("name", ADMIN_NAMES)
def test_the_admin_site_is_for_admins_only(name, browsers, signed_out, state):
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

    assert state() == before


def test_an_admin_opens_every_list_of_the_admin_site(browsers):
    for name in ADMIN_NAMES:
        if name.endswith("_changelist"):
            assert browsers["gleb"].get(reverse(name)).status_code == 200, name
