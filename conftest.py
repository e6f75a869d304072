"""Test environment, set before Django reads it, and shared fixtures.

The cast: Анна and Борис (managers), Вера (support), Глеб (admin). `make` creates clients at any step.
"""

import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "privet.settings")
os.environ["DEBUG"] = "1"
os.environ["PRIVET_ENV_FILE"] = os.devnull
os.environ["SMS_GATEWAY"] = ""  # tests of messages set it

from foundation.database import embedded

embedded.ensure_database()

import django  # noqa: E402

django.setup()

import pytest  # noqa: E402

pytest.register_assert_rewrite("foundation.testing")

import hashlib  # noqa: E402
import itertools  # noqa: E402
import re  # noqa: E402
import time  # noqa: E402
import uuid  # noqa: E402
from collections.abc import Callable, Iterator  # noqa: E402
from concurrent.futures import ThreadPoolExecutor  # noqa: E402
from datetime import date  # noqa: E402
from decimal import Decimal  # noqa: E402

import django_otp  # noqa: E402
import hypothesis  # noqa: E402
import pgtrigger  # noqa: E402
from django.db import connection, transaction  # noqa: E402
from django.test import Client as Browser  # noqa: E402
from django.utils import timezone  # noqa: E402
from django_otp.oath import TOTP  # noqa: E402

from agreements import consents  # noqa: E402
from agreements.documents import AgreementDocument  # noqa: E402
from agreements.models import AgreementKind, contact_hash  # noqa: E402
from clients.models import AccountStatus, AppUser, Client  # noqa: E402
from devices.models import Device, DeviceType, Tariff  # noqa: E402
from devices.saving import save_device  # noqa: E402
from devices.shared import SharedDevice, SharedDevicePhoto  # noqa: E402
from devices.surcharge import fix_surcharge  # noqa: E402
from foundation.database.testing import (  # noqa: E402, F401  fixtures, and names that tests import from here
    ROLES,
    _empty_shared_tables,
    _flush_as_owner,
    as_app,
    as_owner,
    as_role,
    as_superuser,
    django_db_setup,
    execute_as_owner,
    execute_in_app,
    maintenance,
    owner,
    superuser,
)
from foundation.storage import object_storage  # noqa: E402
from foundation.testing import local_storage  # noqa: E402
from managers import cipher  # noqa: E402
from managers.models import Authenticator, Manager, Role  # noqa: E402
from passport.models import Passport  # noqa: E402
from passport.saving import save_passport  # noqa: E402

# On a busy machine an example may take longer than Hypothesis's deadline.
hypothesis.settings.register_profile("no_deadline", deadline=None)
hypothesis.settings.load_profile("no_deadline")

pytest_plugins = ["foundation.testing", "neighbour.testing"]

PASSWORD = "correct horse battery staple"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown():
    """Ignore triggers: Django truncates all tables after tests with real transactions, also append-only ones."""
    with pgtrigger.ignore():
        return (yield)


def pytest_addoption(parser):
    parser.addoption("--screenshots", default="", help="folder for the README's screenshots")


@pytest.fixture(autouse=True)
def _test_settings(settings, tmp_path):
    """Use a fast password hash, and a file storage per test."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    settings.STORAGES = local_storage(tmp_path / "files")


@pytest.fixture
def anna(db) -> Manager:
    return Manager.objects.create_user("anna@privet.example", PASSWORD, name="Анна Смирнова")


@pytest.fixture
def boris(db) -> Manager:
    return Manager.objects.create_user("boris@privet.example", PASSWORD, name="Борис Кузнецов")


@pytest.fixture
def vera(db) -> Manager:
    return Manager.objects.create_user("vera@privet.example", PASSWORD, name="Вера Орлова", role=Role.SUPPORT)


@pytest.fixture
def gleb(db) -> Manager:
    return Manager.objects.create_user("gleb@privet.example", PASSWORD, name="Глеб Волков", role=Role.ADMIN)


def authenticator_of(manager: Manager) -> Authenticator:
    """Return the authenticator of `manager`; create it if there is none."""
    encrypted = {"key": "", "encrypted_key": cipher.encrypt(b"12345678901234567890".hex())}
    return Authenticator.objects.get_or_create(user=manager, defaults=encrypted)[0]


def next_code(manager: Manager) -> str:
    """Return the current code of the manager's authenticator, or the next one if the current code was used."""
    app = authenticator_of(manager)
    app.refresh_from_db()
    totp = TOTP(app.bin_key, app.step, app.t0, app.digits, app.drift)
    totp.time = max(time.time(), (app.last_t + 1 - app.drift) * app.step)
    return f"{totp.token():06}"


def wrong_codes(key: bytes) -> Iterator[str]:
    """Yield codes that an authenticator with this key does not show within ten minutes of now."""
    shown = {TOTP(key, drift=steps).token() for steps in range(-20, 21)}
    return (f"{number:06}" for number in itertools.count() if number not in shown)


def browser_for(manager: Manager, *, verified: bool = True, **options) -> Browser:
    """Return a test client signed in as `manager`, with the second factor unless `verified` is false."""
    browser = Browser(**options)
    browser.force_login(manager)
    if verified:
        session = browser.session
        session[django_otp.DEVICE_ID_SESSION_KEY] = authenticator_of(manager).persistent_id
        session.save()
    return browser


def redirect_target(response) -> str | int:
    """Return the first path segment of a redirect's URL, or the status of any other response."""
    return response.url.split("/")[1] if response.status_code == 302 else response.status_code


@pytest.fixture
def as_anna(anna) -> Browser:
    return browser_for(anna)


@pytest.fixture
def as_boris(boris) -> Browser:
    return browser_for(boris)


@pytest.fixture
def as_vera(vera) -> Browser:
    return browser_for(vera)


@pytest.fixture
def as_gleb(gleb) -> Browser:
    return browser_for(gleb)


@pytest.fixture
def signed_out() -> Browser:
    return Browser()


def appears_in(digits: str, text: str) -> bool:
    """Whether `digits` are a separate word of `text`: ids, hashes, tokens and times may contain the same digits."""
    return re.search(rf"(?<![\w.-]){digits}(?![\w-])", text) is not None


class Make:
    """Create clients and their data with the same domain functions that the views call."""

    def __init__(self):
        self._numbers = itertools.count(1)

    def user(self, **fields) -> AppUser:
        """Create an account of the client's app; saving it creates its client."""
        number = next(self._numbers)
        return AppUser.objects.create(
            **{
                "phone": f"977{number:07}",
                "email": f"client{number}@mail.example",
                "name": "Иванов Пётр Сергеевич",
                "address": "г. Москва, ул. Лесная, д. 5, кв. 12",
            }
            | fields
        )

    def client(self, **fields) -> Client:
        """Create a new, unclaimed client; without `password_hash`, one who has no password in the app."""
        user = self.user(**fields)
        if "password_hash" not in fields:
            Client.objects.filter(user=user).update(initial_password_hash=user.password_hash)
        return Client.objects.select_related("user").get(user=user)

    def verified(self, by: Manager, **fields) -> Client:
        """Create a client claimed by `by`."""
        client = self.client(**fields)
        user = client.user
        client.confirm_contact(by=by, name=user.name, phone=user.phone, email=user.email, address=user.address)
        return client

    def consented(self, by: Manager, **fields) -> Client:
        """Create a claimed client with the consent that the passport needs."""
        client = self.verified(by, **fields)
        self.agreement(client, by)
        return self.fresh(client)

    def agreement(self, client: Client, by: Manager, kind: AgreementKind = AgreementKind.PERSONAL_DATA) -> None:
        """Record an agreement with a stub PDF and without notifying the client."""
        if client.agreements.is_given(kind):
            return
        now = timezone.now()
        key = f"agreements/{client.pk}/{uuid.uuid4()}.pdf"
        object_storage.put(key, b"%PDF-")
        document = AgreementDocument.for_client(client, kind, by=by, given_at=now)
        for earlier in client.agreements.filter(kind=kind, version=document.version, withdrawn_at=None):
            earlier.withdraw(by=None, reason=consents.CONTACT_CHANGED, now=now)
        client.agreements.create(
            kind=kind, version=document.version, text_sha256=document.text_sha256, pdf_key=key,
            pdf_sha256=hashlib.sha256(b"%PDF-").hexdigest(), given_at=now, given_by=by,
            contact_hash=contact_hash(client) if kind == AgreementKind.ELECTRONIC_SIGNATURE else "",
        )  # fmt: skip

    def passport(self, client: Client, by: Manager, digits: str | None = None, **fields) -> Passport:
        self.agreement(client, by)
        passport = Passport(
            client=client,
            **{
                "last_name": "Иванов",
                "first_name": "Пётр",
                "middle_name": "Сергеевич",
                "issued_by": "ГУ МВД России по г. Москве",
                "department_code": "770-001",
                "issued_on": date(2015, 3, 20),
                "birth_date": date(1985, 6, 1),
                "registration_address": "г. Москва, ул. Садовая, д. 1, кв. 2",
            }
            | fields,
        )
        save_passport(passport, digits or f"4613{next(self._numbers):06}", by=by)
        return passport

    def device(self, client: Client, by: Manager, **fields) -> Device:
        device = Device(
            client=client,
            **{"type": self.type(), "title": "Холодильник Бирюса 118", "purchased_on": date(2024, 5, 1)} | fields,
        )
        save_device(device, by=by)
        return device

    def type(self, name: str = "холодильник") -> DeviceType:
        return DeviceType.objects.get_or_create(name=name)[0]

    def tariff(self, name: str = "Домашний", **fields) -> Tariff:
        return Tariff.objects.get_or_create(
            name=name, defaults={"base_fee": Decimal("500"), "extra_per_device": Decimal("150")} | fields
        )[0]

    def awaiting_contract(self, by: Manager, devices: int = 1, fee: Decimal | None = None, **fields) -> Client:
        """Create a client with steps 1 to 3 done.

        It has a passport, `devices` devices with the fee `fee` (None: the tariff's 150) and a fixed surcharge.
        """
        client = self.verified(by, **fields)
        self.passport(client, by)
        self.agreement(client, by, AgreementKind.ELECTRONIC_SIGNATURE)
        for number in range(devices):
            self.device(client, by, title=f"Устройство {number + 1}", extra_fee=fee)
        fix_surcharge(client, self.tariff(), by=by)
        return self.fresh(client)

    def close_account(self, client: Client) -> None:
        """Close the account as the app does."""
        SharedDevice.objects.filter(user_id=client.user_id).update(user_id=None)
        user, prefix = AppUser.objects.get(pk=client.user_id), "del_20261130093015_0123456789ab_"
        email = user.email and prefix + user.email
        closed = {"status": AccountStatus.DELETED, "deleted_at": timezone.now()}
        AppUser.objects.filter(pk=user.pk).update(phone=prefix + user.phone, email=email, **closed)

    def reopen_account(self, client: Client) -> None:
        user = AppUser.objects.get(pk=client.user_id)
        contact = {"phone": user.shown_phone, "email": user.shown_email or None}
        AppUser.objects.filter(pk=user.pk).update(status=AccountStatus.ACTIVE, deleted_at=None, **contact)

    def delete_account(self, client: Client) -> None:
        """Delete the account as the app does: the mirrored devices first, because they refer to the account."""
        devices = SharedDevice.objects.filter(user_id=client.user_id)
        SharedDevicePhoto.objects.filter(device__in=devices).delete()
        devices.delete()
        execute_as_owner("DELETE FROM public.users WHERE id = %s", [client.user_id])

    def fresh(self, client: Client) -> Client:
        """Reload the client and its account, without cached relations."""
        return Client.objects.select_related("user").get(pk=client.pk)


@pytest.fixture
def make(db) -> Make:
    return Make()


def run_on_own_connection(function: Callable):
    """Run the function in the current thread and close its connection; return its result or exception."""
    with connection.cursor() as cursor:
        cursor.execute("SET lock_timeout = '20s'")  # on a busy machine the other threads may start late
    try:
        return function()
    except Exception as error:
        return error
    finally:
        with connection.cursor() as cursor:
            cursor.execute("RESET lock_timeout")
        connection.close()


def waiting_for_locks() -> int:
    """Return how many connections to this database wait for a lock."""
    with as_superuser(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_stat_clear_snapshot()")  # pg_stat_activity is cached within a transaction
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
        )
        return cursor.fetchone()[0]


def post_while(write: Callable[[], object], manager: Manager, url: str, data: dict):
    """Run `write` in a transaction, post the form as `manager` meanwhile, and commit once the form waits for the lock.

    Returns the response to the form.
    """

    def post():
        try:
            return browser_for(manager).post(url, data)
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            write()
            response = pool.submit(post)
            deadline = time.monotonic() + 20
            while not waiting_for_locks():
                assert time.monotonic() < deadline, "the form never waited for a lock"
                time.sleep(0.01)
        return response.result(timeout=20)


def _lock_until_end(at) -> None:
    """Lock a saved object, or the table of a model, until the transaction ends."""
    if isinstance(at, type):
        execute_as_owner(f"LOCK TABLE {at._meta.db_table} IN SHARE MODE")
    else:
        type(at).objects.select_for_update().get(pk=at.pk)


@pytest.fixture
def race(transactional_db) -> Callable:
    """Run functions concurrently, each on its own connection. Returns their results or exceptions.

    `at`, a saved object or a model, is locked until every function waits for it, so they certainly ran concurrently.
    With `in_order` they get the lock in the order of the arguments.
    """

    def run(*functions: Callable, at, in_order: bool = False) -> list:
        with ThreadPoolExecutor(len(functions)) as pool:
            with transaction.atomic():
                _lock_until_end(at)
                outcomes = []
                for function in functions:
                    outcomes.append(pool.submit(run_on_own_connection, function))
                    if in_order:
                        _wait_for_waiters(len(outcomes))
                _wait_for_waiters(len(functions))
            return [outcome.result(timeout=20) for outcome in outcomes]

    return run


def _wait_for_waiters(number: int) -> None:
    deadline = time.monotonic() + 20
    while waiting_for_locks() < number:
        assert time.monotonic() < deadline, "the functions never waited for the lock"
        time.sleep(0.01)
