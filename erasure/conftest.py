"""Clients with data in every place that can hold it, marked so that remains can be found."""

import io
from datetime import date, timedelta

import pytest
from django.db import connection, transaction
from django.utils import timezone
from pypdf import PdfReader

from clients.models import Client
from contracts import issuing, payment
from contracts.conftest import sign
from contracts.models import Contract
from contracts.payment_undo import undo_payment
from devices import saving as device_saving
from erasure.models import Erasure
from foundation.storage import object_storage
from links.models import Browser, Link
from messaging import sending
from messaging.models import Channel, Purpose
from passport import saving as passport_saving
from passport.saving import save_passport
from photos.images import Photo
from photos.uploads import start_upload
from support import bridge, log
from support.models import Author, Message

MARK = "Ъюжный"


@pytest.fixture
def marked_client(make, anna, run_committed) -> Client:
    """Анна's client, ready for a contract, with MARK in every text and with all kinds of photos."""
    client = make.awaiting_contract(
        anna, name=f"{MARK} Пётр Сергеевич", email="yuzhny@mail.example", address=f"г. {MARK}"
    )
    passport = client.passport
    passport.last_name = passport.issued_by = passport.registration_address = MARK
    passport.birth_date = date(1985, 6, 1)
    save_passport(passport, "", by=anna)
    passport_saving.replace_photo(passport, b"first", by=anna)
    run_committed(passport_saving.replace_photo, passport, b"second", by=anna)
    device = client.devices.get()
    device.title = device.description = device.serial_number = device.specs = MARK
    device_saving.save_device(device, [Photo(b"photo", b"copy", b"thumbnail")], by=anna, changed=["название"])
    upload = start_upload(client, "passport", device_id=None, content_type="image/jpeg", size=1, by=anna)
    object_storage.put(upload.key, b"pending")
    log.add_note(client, f"{MARK}: звонить после шести", by=anna, now=timezone.now())
    with transaction.atomic():
        ticket = bridge.contract_ticket(client, now=timezone.now())
    Message.objects.create(ticket=ticket, author=Author.USER, body=f"Я {MARK}")
    for channel in Channel:
        text = sending.Text(f"Код для {MARK}", subject=MARK)
        with transaction.atomic():
            sending.send(make.fresh(client), channel, text, purpose=Purpose.NOTICE, by=anna, now=timezone.now())
    return make.fresh(client)


@pytest.fixture
def issued(marked_client, anna) -> Contract:
    """The open contract of `marked_client`."""
    return issuing.issue(marked_client, by=anna)


LINK_ADDRESSES = ("192.0.2.77", "203.0.113.77")


@pytest.fixture
def declined_link(issued, anna) -> Link:
    """A link to the contract after one to the consent; the client declined on both. MARK is in every text."""
    for contract in (None, issued):
        browser = Browser(LINK_ADDRESSES[0], f"{MARK} Firefox")
        link, _ = Link.objects.issue(issued.client, contract and contract.pk, by=anna, browser=browser)
        link.open("secret", Browser(LINK_ADDRESSES[1], f"{MARK} Android"))
        link.set(pep_text_version="v1")
        link.refuse(f"Другая причина: {MARK}")
    return link


@pytest.fixture
def signed(issued, anna) -> Contract:
    return sign(issued, anna)


@pytest.fixture
def paid(signed, anna) -> Contract:
    """Paid once with an undo before, with MARK in what staff typed."""
    invoice = signed.invoices.get()
    payment.confirm_payment(invoice, "qr", by=anna, note=f"{MARK}: от сына")
    undo_payment(invoice, confirmed_at=invoice.paid_at, by=anna, reason=f"{MARK} ошибся")
    payment.confirm_payment(invoice, "cash", by=anna, note=f"{MARK}: от жены")
    signed.refresh_from_db()
    return signed


@pytest.fixture
def run_committed(django_capture_on_commit_callbacks):
    """A function that runs an operation as if its transaction were committed."""

    def run(operation, *args, **kwargs):
        with django_capture_on_commit_callbacks(execute=True):
            return operation(*args, **kwargs)

    return run


def all_rows_as_text() -> dict[str, str]:
    """Return all rows as text, by table."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT schemaname, tablename FROM pg_tables WHERE schemaname IN ('privet', 'public')")
        texts = {}
        for schema, table in cursor.fetchall():
            cursor.execute(f'SELECT string_agg(t::text, chr(10)) FROM {schema}."{table}" t')  # noqa: S608
            texts[table] = texts.get(table, "") + (cursor.fetchone()[0] or "")
    return texts


def keys(prefix: str = "") -> set[str]:
    return {listed.key for listed in object_storage.list_objects() if listed.key.startswith(prefix)}


def act_text(erasure: Erasure) -> str:
    """Return the text of the act."""
    erasure.refresh_from_db()
    pages = PdfReader(io.BytesIO(object_storage.get(erasure.act_key))).pages
    return " ".join(" ".join(page.extract_text() for page in pages).split())


def days(number: float) -> timedelta:
    return timedelta(days=number)
