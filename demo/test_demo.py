"""`load_demo`: demo data created by the same functions that the views call."""

import hashlib
import io
import re

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import transaction
from django.test import Client as Browser
from django.test import override_settings
from pypdf import PdfReader

from clients.models import AppUser, Client, ClientChange, Status
from conftest import ROLES, as_role
from contracts.current import current_contents
from contracts.evidence import evidence_is_intact
from contracts.models import Contract, Invoice, InvoiceStatus
from demo.office import PASSWORD, STAFF
from demo.people import MEN, PATRONYMICS, WOMEN, feminine
from devices.models import Device, DevicePhoto, SharedDevicePhoto, Tariff
from foundation.storage import object_storage
from foundation.testing import local_storage
from managers.models import Manager, Role
from passport.models import Passport
from support.models import Author, LogEntry, Message, Ticket

MODELS = [AppUser, Client, ClientChange, Passport, Device, DevicePhoto, SharedDevicePhoto, Contract, Invoice, Ticket]
MODELS += [Message, LogEntry, Manager, Tariff]
FAST_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


def load() -> str:
    out = io.StringIO()
    with as_role(ROLES.maintenance):
        call_command("load_demo", stdout=out)
    return out.getvalue()


@pytest.fixture(scope="module")
def office(django_db_setup, django_db_blocker, tmp_path_factory):
    """Load the demo data once for all tests of this module; each test runs in a savepoint."""
    storages = local_storage(tmp_path_factory.mktemp("files"))
    with django_db_blocker.unblock(), transaction.atomic():
        with override_settings(DEBUG=True, STORAGES=storages, PASSWORD_HASHERS=FAST_HASHERS):
            output = load()
        yield output, storages
        transaction.set_rollback(True)


@pytest.fixture
def demo(office, db, settings) -> str:
    """The output of load_demo."""
    output, storages = office
    settings.DEBUG = True
    settings.STORAGES = storages
    return output


def test_demo_has_clients_in_every_status(demo):
    statuses = list(Client.objects.values_list("status", flat=True))
    assert len(statuses) == 40
    assert statuses.count(Status.ERASED) == 1
    assert all(statuses.count(status) >= 5 for status in Status.values if status != Status.ERASED)


def test_printed_staff_can_sign_in(demo):
    for email, _, role in STAFF:
        assert re.search(rf"{role.value} +{re.escape(email)} +{PASSWORD}", demo)
        assert Browser().login(email=email, password=PASSWORD)
    roles = list(Manager.objects.values_list("role", flat=True))
    assert sorted(roles) == sorted([Role.ADMIN, Role.MANAGER, Role.MANAGER, Role.SUPPORT])
    assert Tariff.objects.filter(is_active=True).count() == 3


def test_signed_contracts_have_files_and_valid_evidence(demo):
    signed = list(Contract.objects.signed())
    assert len(signed) >= 15
    for contract in signed:
        file = object_storage.get(contract.pdf_key)
        assert hashlib.sha256(file).hexdigest() == contract.pdf_sha256
        assert evidence_is_intact(contract)
    text = PdfReader(io.BytesIO(file)).pages[0].extract_text().replace("\n", " ")
    assert contract.number in text
    assert contract.snapshot.contents.person.full_name in text


def test_one_open_contract_is_stale_and_one_client_needs_a_second(demo):
    stale = [
        contract
        for contract in Contract.objects.open()
        if contract.snapshot.contents != current_contents(contract.client)
    ]
    assert len(stale) == 1
    assert Client.objects.filter(status=Status.AWAITING_CONTRACT, contracts__signed_at__isnull=False).count() == 1


def test_invoices_are_pending_paid_and_replaced(demo):
    assert set(Invoice.objects.values_list("status", flat=True)) == set(InvoiceStatus.values)
    assert Client.objects.filter(status=Status.PROCESSED, contracts__invoices=None).count() == 2


def test_photos_are_stored_and_mirrored(demo):
    photos = list(DevicePhoto.objects.all())
    assert len(photos) > 15
    assert all(object_storage.get(key).startswith(b"\xff\xd8") for photo in photos for key in photo.keys)
    assert SharedDevicePhoto.objects.count() == len(photos)
    passports = Passport.objects.exclude(photo="")
    assert passports.exists()
    assert all(object_storage.get(passport.photo).startswith(b"\xff\xd8") for passport in passports)


def test_clients_write_and_support_answers(demo):
    assert set(Message.objects.values_list("author", flat=True)) == set(Author.values)
    assert {"open", "pending", "closed"} <= set(Ticket.objects.values_list("status", flat=True))


def test_accounts_are_spread_over_the_last_weeks(demo):
    times = list(AppUser.objects.order_by("created_at").values_list("created_at", flat=True))
    assert (times[-1] - times[0]).days > 30


def test_names_agree_in_gender(demo):
    sons, daughters = zip(*PATRONYMICS, strict=True)
    for passport in Passport.objects.all():
        if passport.first_name in WOMEN:
            assert passport.middle_name in daughters
            assert passport.last_name == feminine(passport.last_name)
        else:
            assert passport.first_name in MEN
            assert passport.middle_name in sons
    assert Passport.objects.filter(last_name__contains="ё").exists()
    assert Passport.objects.filter(last_name__contains="-").exists()


@pytest.mark.parametrize(
    ("surname", "feminine_surname"),
    [
        ("Королёв", "Королёва"),
        ("Ильин", "Ильина"),
        ("Троицкий", "Троицкая"),
        ("Толстой", "Толстая"),
        ("Черных", "Черных"),
        ("Шевченко", "Шевченко"),
        ("Соколов-Раевский", "Соколова-Раевская"),
    ],
)
def test_feminine_surnames(surname, feminine_surname):
    assert feminine(surname) == feminine_surname


def test_loading_again_changes_nothing(demo):
    before = {model: list(model.objects.order_by("pk").values()) for model in MODELS}
    assert "Nothing to do" in load()
    assert {model: list(model.objects.order_by("pk").values()) for model in MODELS} == before


def test_loading_requires_debug(demo, settings):
    settings.DEBUG = False
    with pytest.raises(CommandError, match="DEBUG"):
        load()


def test_production_has_no_demo_commands(run_python):
    secrets = ("SECRET_KEY", "CONTRACT_SIGNATURE_SECRET", "PERSONAL_DATA_KEYS", "PERSONAL_DATA_HASH_KEY")
    commands = run_python("manage.py", "help", "--commands", **dict.fromkeys(secrets, "any")).stdout.split()
    assert "clean_storage" in commands
    assert not {"load_demo", "fill_demo"} & set(commands)
