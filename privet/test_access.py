"""Table of all URLs: who may open them, with which methods. test_access_matrix.py tests every row.

A URL that is not in the table fails a test.
"""

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

from agreements import consents
from agreements.documents import AgreementDocument
from agreements.models import AgreementKind
from conftest import PASSWORD, ROLES, Make, as_role
from contact import changes, codes
from contact.conftest import code_for
from contracts import app_payments, issuing, payment, signature_consent, signing
from contracts.conftest import code_sent_to, sign
from contracts.models import PaymentMethod
from contracts.shared import SharedInvoice
from devices import photo_urls
from devices import saving as device_saving
from devices.saving import save_device
from devices.surcharge import fix_surcharge
from erasure import erasing
from erasure.models import ErasureReason
from foundation.storage import object_storage
from links.models import Browser, Link
from managers.models import Manager
from messaging.models import Channel
from passport import saving
from photos import uploads
from photos.images import Photo
from support import bridge

pytestmark = pytest.mark.django_db

SIGN_IN = "/sign-in/"
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")

# Users who may open a page. Other users get 404; signed-out browsers are redirected to sign in. () is a public page.
PUBLIC = ()
EVERYONE = ("anna", "boris", "vera", "gleb")
FIELD = ("anna", "boris", "gleb")
OWNER = ("anna", "gleb")
SUPPORT = ("vera", "gleb")
ADMIN = ("gleb",)
UPLOADER = ("anna",)


class Scenario:
    """Анна's client at the stage that a URL needs, with its rows. Everything is created on first use."""

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
    def withdrawn_agreement(self):
        agreement = self.agreement
        consents.withdraw(self.make.fresh(self.claimed), by=self.anna, reason="Написал в чат")
        return agreement

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
        device_saving.save_device(self.device, [Photo(b"a photo", b"its copy", b"its thumbnail")], by=self.anna)
        return self.device.photos.get()

    @cached_property
    def upload(self):
        file = {"device_id": None, "content_type": "image/jpeg", "size": 1000}
        return uploads.start_upload(self.consented, "passport", **file, by=self.anna)

    @cached_property
    def presigned_upload(self):
        return object_storage.presign_upload(self.upload.key, content_type="image/jpeg", max_bytes=10_000)

    @cached_property
    def delivered(self):
        object_storage.put(self.upload.key, picture().read())
        return self.upload

    @cached_property
    def accepted(self):
        uploads.complete_upload(self.delivered, by=self.anna)
        return self.delivered

    @cached_property
    def awaiting_contract(self):
        return self.make.awaiting_contract(self.anna, devices=2)

    @cached_property
    def issued(self):
        return issuing.issue(self.awaiting_contract, by=self.anna)

    @cached_property
    def link(self):
        """A link to the contract that is not opened, and its token."""
        return Link.objects.issue(self.issued.client, self.issued.pk, by=self.anna, browser=Browser("192.0.2.7", ""))

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
    def paid(self):
        payment.confirm_payment(self.invoice, PaymentMethod.CASH, by=self.anna)
        return self.invoice

    @cached_property
    def claim(self):
        SharedInvoice.objects.filter(pk=self.invoice.pk).update(status="paid")
        app_payments.note_claims()
        return self.invoice.claims.get()

    @cached_property
    def change_undone(self):
        """A client with a signed contract whose fee was changed and restored."""
        device = self.signed.client.devices.first()
        for fee in (Decimal("1"), None):
            device.extra_fee = fee
            save_device(device, by=self.anna, changed=["название"])
        fix_surcharge(self.make.fresh(self.signed.client), self.make.tariff(), by=self.anna)
        return self.signed.client

    @cached_property
    def erasure(self):
        with as_role(ROLES.maintenance):
            return erasing.erase(self.claimed, ErasureReason.REQUEST, by=self.anna, note="вх. 1")

    @cached_property
    def protected(self):
        """A client who has a password in the app."""
        return self.make.verified(self.anna, password_hash="set in the app")

    @cached_property
    def change(self):
        """A change of the phone that waits for a confirmation."""
        contact = self.protected.user.contact | {"phone": "9035556677"}
        return changes.save_contact(self.protected, contact, original=None, by=self.anna)

    @cached_property
    def optional_change(self):
        """A change of the phone that may also be written without a confirmation."""
        client = self.make.verified(self.anna)
        client.mark_phone_confirmed(client.user.phone)
        contact = client.user.contact | {"phone": "9035556678"}
        return changes.save_contact(client, contact, original=None, by=self.anna)

    @cached_property
    def contact_code(self) -> str:
        codes.send_code(self.change, Channel.APP, by=self.anna)
        return code_for(self.protected)

    @cached_property
    def asked(self):
        changes.ask_admin(self.change, "Потерял телефон", by=self.anna)
        return self.change

    @cached_property
    def ticket(self):
        return bridge.contract_ticket(self.claimed, now=timezone.now())


@dataclass(frozen=True)
class Page:
    allowed: tuple[str, ...]  # names of the users who may open it; () if it is public
    methods: tuple[str, ...]
    args: Callable[[Scenario], list] = lambda scenario: []
    # The attribute of the scenario whose key is the only argument of the URL.
    target: str = ""
    data: Callable[[Scenario], dict] = lambda scenario: {}
    # Status for users who may open it, and for other users.
    get: int = 200
    post: int = 302
    denied: int = 404
    # Whether an allowed POST writes to the database. It proves that a POST of other users could have written, too.
    writes: bool = False
    # Whether viewing the page is recorded as a disclosure.
    disclosed: bool = False


GET, POST, BOTH = ("GET",), ("POST",), ("GET", "POST")


def token_in(url: str) -> str:
    return url.split("/")[-2]


def page(allowed, methods, target=None, **options) -> Page:
    """`target`: the attribute of the scenario whose key is the argument of the URL."""
    if target:
        options |= {"target": target, "args": lambda scenario: [attrgetter(target)(scenario).pk]}
    return Page(allowed, methods, **options)


def constant(**data) -> Callable[[Scenario], dict]:
    return lambda scenario: data


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

# What the client sends from their page.
ANSWERS = ("consent", "reading", "call", "refusal", "passport", "code", "signature")
UPLOAD = {"purpose": "passport", "content_type": "image/jpeg", "size": "1000"}


def consent_of(client) -> AgreementDocument:
    return AgreementDocument.for_client(client, AgreementKind.PERSONAL_DATA, by=client.manager)


def picture() -> SimpleUploadedFile:
    content = io.BytesIO()
    Image.new("RGB", (40, 30), "navy").save(content, "JPEG")
    return SimpleUploadedFile("photo.jpg", content.getvalue(), "image/jpeg")


def page_of_link(methods) -> Page:
    """A page of the client: a stranger, also one who is signed in, gets the same answer as for an unknown link."""
    return page(PUBLIC, methods, args=lambda scenario: [scenario.link[0].pk], get=404, post=404)


# The argument of URLs with a code for copies that does not exist.
NO_CODE = [uuid.UUID(int=1)]


def page_of_copies(methods) -> Page:
    """A page of the client's documents: a stranger gets the same answer as for an unknown code."""
    return page(PUBLIC, methods, args=lambda scenario: NO_CODE, get=404, post=404)


def page_of_change(methods, **options) -> Page:
    """A page of Анна's change that waits for a confirmation."""
    return page(OWNER, methods, args=lambda scenario: [scenario.change.client_id, scenario.change.pk], **options)


PAGES = {
    "healthz": page(PUBLIC, GET),
    "security_txt": page(PUBLIC, GET),
    "statistics": page(ADMIN, GET),
    "statistics_table": page(ADMIN, GET),
    "readyz": page(PUBLIC, GET),
    "metrics": page((), GET, get=404),
    "home": page(EVERYONE, GET, get=302),
    "admin_sign_in": page(PUBLIC, BOTH, get=302),
    "admin_password": page(EVERYONE, BOTH, get=302),
    "managers:sign_in": page(PUBLIC, BOTH, data=constant(email="anna@privet.example", password=PASSWORD)),
    "managers:sign_out": page(PUBLIC, POST),
    "managers:second_factor": page(EVERYONE, BOTH, get=302, data=constant(code="123456")),
    "managers:authenticator": page(EVERYONE, BOTH, get=302, data=constant(code="123456")),
    "managers:backup_codes": page(EVERYONE, BOTH, post=422, data=constant(code="12")),
    "managers:sessions": page(EVERYONE, GET),
    "managers:others_removal": page(EVERYONE, POST),
    "managers:session_removal": page(EVERYONE, POST, args=lambda scenario: [uuid.UUID(int=1)], post=404),
    "managers:password": page(
        EVERYONE,
        BOTH,
        data=constant(old_password=PASSWORD, new_password1="four new words here", new_password2="four new words here"),
        writes=True,
    ),
    "managers:password_reset": page(PUBLIC, BOTH, data=constant(email="anna@privet.example")),
    "managers:password_reset_sent": page(PUBLIC, GET),
    "managers:password_done": page(PUBLIC, GET),
    "managers:new_password": page(PUBLIC, BOTH, args=lambda scenario: ["MQ", "not-a-token"], get=410, post=410),
    "clients:list": page(FIELD, GET, denied=302),
    "clients:search": page(FIELD, POST, data=constant(text="Иванов")),
    "clients:add": page(FIELD, BOTH, data=constant(**CONTACT), writes=True),
    "clients:client": page(OWNER, GET, "claimed", get=302),
    "clients:contact": page(OWNER, BOTH, "claimed", data=constant(**CONTACT), writes=True),
    "clients:contact_change": page_of_change(GET, get=302),
    "clients:contact_code": page_of_change(POST, data=constant(channel="app"), writes=True),
    "clients:contact_confirmation": page_of_change(
        POST, data=lambda scenario: {"code": scenario.contact_code}, writes=True
    ),
    "clients:contact_request": page_of_change(POST, data=constant(reason="Потерял телефон"), writes=True),
    "clients:contact_unconfirmed": page(
        OWNER,
        POST,
        args=lambda scenario: [scenario.optional_change.client_id, scenario.optional_change.pk],
        writes=True,
    ),
    "clients:contact_cancellation": page_of_change(POST, writes=True),
    "contact_changes:waiting": page(ADMIN, GET),
    "contact_changes:approval": page(ADMIN, POST, "asked", data=constant(words="Звонил"), writes=True),
    "contact_changes:rejection": page(ADMIN, POST, "asked", writes=True),
    "agreements:agreement": page(
        OWNER,
        BOTH,
        args=lambda scenario: [scenario.claimed.pk, "personal_data"],
        data=lambda scenario: {"agreed": "on", "shown": consent_of(scenario.claimed).text_sha256},
        writes=True,
    ),
    "agreements:draft": page(OWNER, GET, args=lambda scenario: [scenario.claimed.pk, "personal_data"], disclosed=True),
    "agreements:pdf": page(OWNER, GET, "agreement", disclosed=True),
    "agreements:withdrawal_act": page(OWNER, GET, "withdrawn_agreement", disclosed=True),
    "agreements:withdrawal": page(OWNER, BOTH, "consented", data=constant(reason="Написал в чат"), writes=True),
    "passport:passport": page(OWNER, BOTH, "consented", data=constant(**PASSPORT), writes=True),
    "passport:number": page(OWNER, BOTH, "with_passport", post=200, writes=True),
    "passport:photo": page(OWNER, GET, "with_passport", get=302, disclosed=True),
    "passport:photo_removal": page(OWNER, POST, "with_passport", writes=True),
    "devices:devices": page(OWNER, GET, "with_passport"),
    "devices:add": page(
        OWNER,
        BOTH,
        "with_passport",
        data=lambda scenario: {"title": "Плита Гефест", "type": scenario.make.type().pk},
        writes=True,
    ),
    "devices:tariff": page(
        OWNER, POST, "with_passport", data=lambda scenario: {"tariff": scenario.make.tariff().pk}, writes=True
    ),
    "devices:surcharge": page(
        OWNER, POST, "device.client", data=lambda scenario: {"tariff": scenario.make.tariff().pk}, writes=True
    ),
    "devices:device": page(
        OWNER,
        BOTH,
        "device",
        data=lambda scenario: {"title": "Плита Гефест", "type": scenario.device.type_id},
        writes=True,
    ),
    "devices:removal": page(OWNER, BOTH, "device", writes=True),
    "devices:photos": page(OWNER, POST, "device", data=lambda scenario: {"photos": picture()}, writes=True),
    "devices:photo": page(OWNER, GET, "photo", get=302),
    "devices:photo_removal": page(OWNER, POST, "photo", writes=True),
    "devices:public_photo": page(
        PUBLIC, GET, args=lambda scenario: [photo_urls.public_url(scenario.photo).split("/")[-2]], get=302
    ),
    "uploads": page(OWNER, POST, "consented", data=constant(**UPLOAD), post=201, writes=True),
    "upload_completion": page(UPLOADER, POST, "delivered", post=200, writes=True),
    "upload_removal": page(UPLOADER, POST, "delivered", post=204, writes=True),
    "upload_photo": page(UPLOADER, GET, "accepted", get=302, disclosed=True),
    "stored_upload": page(
        PUBLIC,
        POST,
        args=lambda scenario: [scenario.presigned_upload.url.split("/")[-2]],
        data=lambda scenario: scenario.presigned_upload.fields | {"file": picture()},
        post=204,
    ),
    "stored_object": page(
        PUBLIC, GET, args=lambda scenario: [token_in(object_storage.presign_download(scenario.photo.key, cache=""))]
    ),
    "agreements:link": page(OWNER, POST, "claimed", post=200, writes=True),
    "links:status": page(OWNER, GET, args=lambda scenario: [scenario.issued.client_id, scenario.link[0].pk], get=302),
    # With the cookie of the browser in which the link was opened: client_page/.
    "client_page:open": page(PUBLIC, BOTH, args=lambda scenario: [scenario.link[1]]),
    "client_page:page": page_of_link(GET),
    "client_page:pdf": page_of_link(GET),
    "client_page:delivery": page_of_link(GET),
    **{f"client_page:{name}": page_of_link(POST) for name in ANSWERS},
    # With the cookie of the browser in which the code was entered: copies/.
    "copies:start": page(PUBLIC, BOTH, post=422),
    "copies:code": page(PUBLIC, BOTH, get=302),
    "copies:documents": page_of_copies(GET),
    "copies:closing": page_of_copies(POST),
    "copies:file": page(PUBLIC, GET, args=lambda scenario: [*NO_CODE, "contract", scenario.issued.pk], get=404),
    "contracts:code_delivery": page(OWNER, GET, "awaiting_contract", get=302),
    "contracts:contract": page(OWNER, BOTH, "awaiting_contract", writes=True),
    "contracts:kept": page(OWNER, POST, "change_undone", writes=True),
    "contracts:link": page(
        OWNER, POST, "issued.client", data=lambda scenario: {"contract": scenario.issued.pk}, post=200, writes=True
    ),
    "contracts:code": page(
        OWNER, POST, "issued.client", data=lambda scenario: {"contract": scenario.issued.pk}, writes=True
    ),
    "contracts:signature": page(
        OWNER,
        POST,
        "issued.client",
        data=lambda scenario: {
            "contract": scenario.issued.pk,
            "code": scenario.code,
            "consent": "on",
            "pep_version": signature_consent.current_version(),
        },
        writes=True,
    ),
    "contracts:done": page(OWNER, GET, "signed.client"),
    "contracts:payment": page(OWNER, BOTH, "invoice", data=constant(method="cash"), writes=True),
    "contracts:payment_undo": page(
        OWNER,
        BOTH,
        "paid",
        data=lambda scenario: {"confirmed_at": scenario.paid.paid_at.isoformat(), "reason": "Ошибка"},
        writes=True,
    ),
    "contracts:payment_dismissal": page(
        OWNER,
        POST,
        "signed.client",
        data=lambda scenario: {"invoice": scenario.invoice.pk, "claim": scenario.claim.pk},
        writes=True,
    ),
    "contracts:invoice": page(
        OWNER,
        BOTH,
        "signed.client",
        data=lambda scenario: {
            "amount": "100",
            "description": "Часть",
            "due_on": timezone.localdate() + timedelta(days=1),
        },
        writes=True,
    ),
    "contracts:card": page(OWNER, GET, "claimed"),
    "contracts:notes": page(OWNER, POST, "claimed", data=constant(body="Перезвонить"), writes=True),
    "contracts:pdf": page(OWNER, GET, "signed", disclosed=True),
    "contracts:invoice_code": page(OWNER, GET, "invoice", disclosed=True),
    "contracts:invoice_pdf": page(OWNER, GET, "invoice", disclosed=True),
    "support:tickets": page(SUPPORT, GET),
    "support:search": page(SUPPORT, POST, data=constant(query="Иванов")),
    "support:ticket": page(SUPPORT, GET, "ticket"),
    "support:answer": page(SUPPORT, POST, "ticket", data=constant(body="Здравствуйте!"), writes=True),
    "support:status": page(SUPPORT, POST, "ticket", data=constant(status="closed"), writes=True),
    # No bucket of the app is configured here; support/test_attachments.py opens files.
    "support:attachment": page(SUPPORT, GET, args=lambda scenario: [uuid.UUID(int=1)], get=404),
    "support:client_card": page(SUPPORT, GET, "claimed", disclosed=True),
    "erasure:act": page(ADMIN, GET, "erasure", disclosed=True),
}


def all_url_patterns(patterns: list, namespace: str = "") -> Iterator[tuple[str, list[str]]]:
    """Yield the name (or pattern) of every URL, and the names of its arguments."""
    for entry in patterns:
        if isinstance(entry, URLPattern):
            yield f"{namespace}{entry.name or entry.pattern}", list(entry.pattern.regex.groupindex)
        else:
            inner = f"{namespace}{entry.namespace}:" if entry.namespace else namespace
            yield from all_url_patterns(entry.url_patterns, inner)


URL_ARGUMENTS = dict(all_url_patterns(get_resolver().url_patterns))
OUR_URLS = [name for name in URL_ARGUMENTS if not name.startswith("admin:")]


def test_every_url_is_in_the_table():
    assert sorted(OUR_URLS) == sorted(PAGES)
