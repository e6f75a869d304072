"""Who may open which address, asked how; test_access_walk.py asks. An address that is not in the table fails."""

import io
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from functools import cached_property
from operator import attrgetter

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import URLPattern, get_resolver
from django.utils import timezone
from PIL import Image

from agreements.documents import AgreementDocument
from agreements.models import AgreementKind
from conftest import PASSWORD, Make
from contracts import issuing, signature_consent, signing
from contracts.conftest import code_sent_to, sign
from devices import mirror
from devices import saving as device_saving
from devices.saving import save_device
from devices.surcharge import fix_surcharge
from erasure import erasing
from erasure.models import ErasureReason
from foundation.storage import object_storage
from managers.models import Manager
from passport import saving
from photos import uploads
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
ADMIN = ("gleb",)
UPLOADER = ("anna",)


class Scenario:
    """Анна's client at whatever stage an address needs, and what belongs to it."""

    def __init__(self, make: Make, anna: Manager):
        self.make, self.anna = make, anna

    @cached_property
    def claimed(self):
        return self.make.verified(self.anna)

    @cached_property
    def consented(self):
        self.make.agreement(self.claimed, self.anna)
        return self.claimed

    @cached_property
    def agreement(self):
        return self.consented.agreements.get()

    @cached_property
    def with_passport(self):
        passport = self.make.passport(self.claimed, self.anna)
        saving.replace_photo(passport, b"a photo", by=self.anna)
        return self.claimed

    @cached_property
    def device(self):
        return self.make.device(self.with_passport, self.anna)

    @cached_property
    def photo(self):
        device_saving.save_device(self.device, [(b"a photo", b"its thumbnail")], by=self.anna)
        return self.device.photos.get()

    @cached_property
    def upload(self):
        said = {"device_id": None, "content_type": "image/jpeg", "size": 1000}
        return uploads.start_upload(self.consented, "passport", **said, by=self.anna)

    @cached_property
    def presigned_upload(self):
        return object_storage.presign_upload(self.upload.key, content_type="image/jpeg", max_bytes=10_000)

    @cached_property
    def sent(self):
        object_storage.put(self.upload.key, picture().read())
        return self.upload

    @cached_property
    def accepted(self):
        uploads.complete_upload(self.sent, by=self.anna)
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
            save_device(device, by=self.anna, changed=["название"])
        fix_surcharge(self.make.fresh(self.signed.client), self.make.tariff(), by=self.anna)
        return self.signed.client

    @cached_property
    def erasure(self):
        return erasing.erase(self.claimed, ErasureReason.REQUEST, by=self.anna, note="вх. 1")

    @cached_property
    def ticket(self):
        return bridge.open_ticket(self.claimed, now=timezone.now())


@dataclass(frozen=True)
class Page:
    who: tuple[str, ...]
    methods: tuple[str, ...]
    args: Callable[[Scenario], list] = lambda world: []
    # The attribute of the world whose key the address has, if that is all it needs.
    of: str = ""
    data: Callable[[Scenario], dict] = lambda world: {}
    # What those get who may open it, and what the other people of the company get.
    get: int = 200
    post: int = 302
    refused: int = 404
    # Whether the POST of one who may writes anything: the proof that an outsider's could have.
    writes: bool = False
    # Whether showing the page is written down.
    disclosed: bool = False


GET, POST, BOTH = ("GET",), ("POST",), ("GET", "POST")


def token_in(address: str) -> str:
    return address.split("/")[-2]


def page(who, methods, of=None, **options) -> Page:
    """`of`: the attribute of the world whose key the address needs."""
    if of:
        options |= {"of": of, "args": lambda world: [attrgetter(of)(world).pk]}
    return Page(who, methods, **options)


def always(**data) -> Callable[[Scenario], dict]:
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


def consent_of(client) -> AgreementDocument:
    return AgreementDocument.of(client, AgreementKind.PERSONAL_DATA, by=client.manager)


def picture() -> SimpleUploadedFile:
    content = io.BytesIO()
    Image.new("RGB", (40, 30), "navy").save(content, "JPEG")
    return SimpleUploadedFile("photo.jpg", content.getvalue(), "image/jpeg")


PAGES = {
    "healthz": page(OPEN, GET),
    "security_txt": page(OPEN, GET),
    "statistics": page(ADMIN, GET),
    "statistics_table": page(ADMIN, GET),
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
    "agreements:agreement": page(
        OWNER,
        BOTH,
        args=lambda world: [world.claimed.pk, "personal_data"],
        data=lambda world: {"agreed": "on", "shown": consent_of(world.claimed).text_sha256},
        writes=True,
    ),
    "agreements:draft": page(OWNER, GET, args=lambda world: [world.claimed.pk, "personal_data"], disclosed=True),
    "agreements:pdf": page(OWNER, GET, "agreement", disclosed=True),
    "agreements:withdrawal": page(OWNER, BOTH, "consented", data=always(reason="Написал в чат"), writes=True),
    "passport:passport": page(OWNER, BOTH, "consented", data=always(**PASSPORT), writes=True),
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
    "uploads": page(OWNER, POST, "consented", data=always(**UPLOAD), post=201, writes=True),
    "upload_completion": page(UPLOADER, POST, "sent", post=200, writes=True),
    "upload_removal": page(UPLOADER, POST, "sent", post=204, writes=True),
    "upload_photo": page(UPLOADER, GET, "accepted", get=302, disclosed=True),
    "stored_upload": page(
        OPEN,
        POST,
        args=lambda world: [world.address.url.split("/")[-2]],
        data=lambda world: world.address.fields | {"file": picture()},
        post=204,
    ),
    "stored_object": page(
        OPEN, GET, args=lambda world: [token_in(object_storage.presign_download(world.photo.key, cache=""))]
    ),
    "contracts:contract": page(OWNER, BOTH, "awaiting_contract", writes=True),
    "contracts:kept": page(OWNER, POST, "changed_back", writes=True),
    "contracts:code": page(OWNER, POST, "issued.client", data=lambda world: {"contract": world.issued.pk}, writes=True),
    "contracts:signature": page(
        OWNER,
        POST,
        "issued.client",
        data=lambda world: {
            "contract": world.issued.pk,
            "code": world.code,
            "consent": "on",
            "pep_version": signature_consent.current_version(),
        },
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
        data=lambda world: {
            "amount": "100",
            "description": "Часть",
            "due_on": timezone.localdate() + timedelta(days=1),
        },
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
    "erasure:act": page(ADMIN, GET, "erasure", disclosed=True),
}


def all_url_patterns(patterns: list, namespace: str = "") -> Iterator[tuple[str, list[str]]]:
    """Every address: its name, or else its pattern, and the names of its arguments."""
    for entry in patterns:
        if isinstance(entry, URLPattern):
            yield f"{namespace}{entry.name or entry.pattern}", list(entry.pattern.regex.groupindex)
        else:
            inner = f"{namespace}{entry.namespace}:" if entry.namespace else namespace
            yield from all_url_patterns(entry.url_patterns, inner)


ADDRESSES = dict(all_url_patterns(get_resolver().url_patterns))
OUR_NAMES = [name for name in ADDRESSES if not name.startswith("admin:")]


def test_every_address_is_walked():
    assert sorted(OUR_NAMES) == sorted(PAGES)
