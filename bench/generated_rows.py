"""The rows of a large office for COPY. Pages show them like rows written by the domain functions: snapshots decrypt,
evidence is intact, sums agree. Only the PDF files of the contracts do not exist.
"""

import hashlib
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from operator import attrgetter
from random import Random
from uuid import UUID

from django.conf import settings
from django.utils import timezone

from clients.models import AppUser, Status
from clients.passwords import unmatched_password_hash
from contracts import signals
from contracts.evidence import write_evidence
from contracts.models import Contract
from contracts.numbering import surname_letters
from contracts.snapshot import CompanyPart, Contents, DevicePart, PersonPart, Snapshot, TariffPart
from demo import documents
from demo.appliances import DESCRIPTIONS, appliance, serial
from demo.people import Person, people
from demo.places import Home, home
from devices.models import DeviceType, Tariff
from links.models import Place
from managers import cipher
from messaging.models import Channel

# Filled columns by table, in the order of COPY.
COLUMNS = {
    "public.users": "id phone email password_hash name address status has_subscription created_at updated_at",
    "fill_clients": "id user_id manager_id status support_ticket_id created_at claimed_at",
    "users_passports": "id client_id last_name first_name middle_name series_and_number series_and_number_hash"
    " issued_by department_code issued_on birth_date registration_address photo updated_at updated_by_id",
    "manager_devices": "id client_id type_id title description purchased_on serial_number specs extra_fee"
    " created_at updated_at updated_by_id",
    "public.devices": "id user_id title brand model serial_number purchase_date created_at updated_at",
    "manager_client_tariffs": "client_id tariff_id device_count total_extra_fee computed_at computed_by_id",
    "manager_contracts": "id client_id number template_version encrypted_snapshot surcharge pdf_key pdf_sha256"
    " issued_at issued_by_id failed_tries signed_at signed_by_id due pep_agreed_at pep_text_version code_channel"
    " code_sent_at code_entered_at code_entered_on signer_ip user_agent evidence evidence_hmac paid_at paid_by_id",
    "manager_fraud_signals": "id client_id contract_id kind at manager_id details",
    "manager_invoices": "id contract_id number amount description due_on status created_at created_by_id"
    " paid_at paid_by_id",
    "manager_client_changes": "client_id at by_id from_status to_status from_manager_id to_manager_id",
    "public.support_tickets": "id user_id subject status created_at updated_at",
    "public.support_messages": "id ticket_id author body created_at updated_at",
    "manager_support_threads": "id client_id created_at",
    "manager_support_messages": "id thread_id kind author_id body created_at",
}

CONTRACT = attrgetter(*COLUMNS["manager_contracts"].split())

# Percentage of clients in each status.
SHARES = {
    Status.NEW: 25,
    Status.IN_VERIFICATION: 8,
    Status.AWAITING_CONTRACT: 7,
    Status.AWAITING_PAYMENT: 10,
    Status.PROCESSED: 50,
}
SPAN = timedelta(days=3 * 365)
LATEST_CONTRACT = timedelta(days=4)  # after the client was created, including a margin of two days
TEMPLATE_VERSION = "fill"
USER_AGENT = "Mozilla/5.0 (Linux; Android 14) Chrome/129.0 Mobile"
OWN_FEES = [Decimal(fee) for fee in (100, 200, 250, 300, 500, 750)]
QUESTION = "Здравствуйте! Подскажите, когда приедет мастер?"


@dataclass
class Case:
    """A client and the values that several of its rows share."""

    index: int
    id: UUID
    user_id: UUID
    person: Person
    home: Home
    status: Status
    manager_id: UUID | None
    created_at: datetime
    claimed_at: datetime | None = None
    fixed_at: datetime | None = None
    passport: PersonPart | None = None
    devices: list[DevicePart] = field(default_factory=list)
    tariff: Tariff | None = None
    contract: Contract | None = None

    @property
    def phone(self) -> str:
        return documents.phone(self.index)

    @property
    def email(self) -> str | None:
        return f"{self.person.login}{self.index}@mail.example" if self.index % 10 else None


@dataclass(frozen=True)
class Office:
    """Data that all rows refer to. `first`: number of the first client; `numbers`: each day's last running number."""

    managers: list[UUID]
    types: list[DeviceType]
    tariffs: list[Tariff]
    first: int
    numbers: dict[date, int]
    now: datetime


class Rows:
    """Generates chunk number `index` of `size` clients each, of `total` clients, the oldest first.

    Chunks are independent: each takes every `lanes`th running number of a day, and at most `lanes` neighbouring chunks
    issue contracts on the same day.
    """

    def __init__(self, office: Office, index: int, size: int, total: int):
        start = index * size
        count = min(size, total - start)
        self.random = Random(office.first + start)
        self.office, self.managers, self.tariffs, self.now = office, office.managers, office.tariffs, office.now
        self.types = {device_type.name.lower(): device_type for device_type in office.types}
        self.company = CompanyPart.from_settings()
        self.lanes = LATEST_CONTRACT // (SPAN * size / total) + 2 if total > size else 1
        self.lane = index % self.lanes
        self.issued = Counter()
        self.rows = defaultdict(list)
        persons = people(self.random, count)
        statuses = self.random.choices(list(SHARES), list(SHARES.values()), k=count)
        for offset, (person, status) in enumerate(zip(persons, statuses, strict=True), start=start):
            age = SPAN * (1 - (offset + self.random.random()) / total)
            self._add_client(office.first + offset, person, status, self.now - age)

    @property
    def numbers(self) -> dict[date, int]:
        """The last running number of each day on which contracts were issued."""
        return {day: self._running(day) for day in self.issued}

    def _running(self, day: date) -> int:
        return self.office.numbers.get(day, 0) + (self.issued[day] - 1) * self.lanes + self.lane + 1

    def _add_client(self, index: int, person: Person, status: Status, created_at: datetime) -> None:
        manager = None if status == Status.NEW else self.random.choice(self.managers)
        case = Case(index, self._id(), self._id(), person, home(self.random), status, manager, created_at)
        self._account(case)
        ticket = None
        if status != Status.NEW:
            case.claimed_at = self._later(created_at, days=2)
            if status != Status.IN_VERIFICATION or index % 2:
                self._passport(case)
            if status != Status.IN_VERIFICATION:
                self._devices(case)
                if status != Status.AWAITING_CONTRACT or index % 2:
                    self._contract(case)
            self._history(case)
            ticket = self._conversation(case) if case.contract and index % 3 == 0 else None
        self.rows["fill_clients"].append(
            (case.id, case.user_id, manager, status.value, ticket, created_at, case.claimed_at)
        )

    def _account(self, case: Case) -> None:
        name = case.person.full_name if case.index % 4 else f"{case.person.first_name} {case.person.last_name}"
        subscribed = case.index % 5 == 0
        self.rows["public.users"].append(
            (
                case.user_id, case.phone, case.email, unmatched_password_hash(), name, case.home.address, "active",
                subscribed, case.created_at, case.created_at,
            )
        )  # fmt: skip

    def _passport(self, case: Case) -> None:
        today, at = self.now.date(), self._later(case.claimed_at, minutes=20)
        birth = documents.birth_date(self.random, today)
        issued_on = documents.issue_date(birth, case.created_at.date(), delay=5 + case.index % 50)
        digits = documents.passport_digits(case.index, issued_on)
        registered = case.home if self.random.random() < 0.7 else home(self.random)
        case.passport = PersonPart(
            last_name=case.person.last_name,
            first_name=case.person.first_name,
            middle_name=case.person.middle_name,
            passport_series=digits[:4],
            passport_number=digits[4:],
            issued_by=registered.issued_by(issued_on),
            department_code=registered.department,
            issued_on=issued_on,
            birth_date=birth,
            registration_address=registered.address,
            phone=case.phone,
            email=case.email or "",
            address=case.home.address,
        )
        part = case.passport
        self.rows["users_passports"].append(
            (
                self._id(), case.id, part.last_name, part.first_name, part.middle_name, cipher.encrypt(digits),
                cipher.keyed_hash(digits), part.issued_by, part.department_code, issued_on, birth,
                part.registration_address, "", at, case.manager_id,
            )
        )  # fmt: skip

    def _devices(self, case: Case) -> None:
        case.tariff = self.random.choice(self.tariffs)
        at = case.claimed_at
        for _ in range(int(self.random.random() ** 2 * 4) + 1):
            at = self._later(at, minutes=10)
            self._device(case, at)
        case.fixed_at = self._later(at, minutes=5)
        surcharge = sum(device.fee for device in case.devices)
        self.rows["manager_client_tariffs"].append(
            (case.id, case.tariff.pk, len(case.devices), surcharge, case.fixed_at, case.manager_id)
        )

    def _device(self, case: Case, at: datetime) -> None:
        kind, title, specs = appliance(self.random)
        own_fee = self.random.choice(OWN_FEES) if self.random.random() < 0.3 else None
        bought = date(2015 + int(self.random.random() * 8), int(self.random.random() * 12) + 1, 1)
        part = DevicePart(
            id=str(self._id()),
            type=kind,
            title=title,
            description=self.random.choice(DESCRIPTIONS),
            purchased_on=bought,
            serial_number=serial(self.random),
            specs=specs,
            fee=case.tariff.extra_per_device if own_fee is None else own_fee,
        )
        case.devices.append(part)
        kind = self.types[kind]
        self.rows["manager_devices"].append(
            (
                part.id, case.id, kind.pk, title, part.description, bought, part.serial_number, specs, own_fee,
                at, at, case.manager_id,
            )
        )  # fmt: skip
        self.rows["public.devices"].append(
            (part.id, case.user_id, title, kind.name, title, f"mgr-{part.id}", bought, at, at)
        )

    def _contract(self, case: Case) -> None:
        issued_at, contract_id = self._later(case.fixed_at, minutes=15), self._id()
        day = timezone.localdate(issued_at)
        self.issued[day] += 1
        number = f"{surname_letters(case.person.last_name)}-{day:%y%m%d}-{self._running(day):02}"
        contents = Contents(case.passport, tuple(case.devices), self._tariff_part(case.tariff))
        snapshot = Snapshot(number, day, TEMPLATE_VERSION, self.company, contents)
        case.contract = contract = Contract(
            id=contract_id,
            client_id=case.id,
            number=number,
            template_version=TEMPLATE_VERSION,
            encrypted_snapshot=snapshot.encrypt(),
            surcharge=contents.surcharge,
            pdf_key=f"contracts/{case.id}/{contract_id}.pdf",
            pdf_sha256=hashlib.sha256(contract_id.bytes).hexdigest(),
            issued_at=issued_at,
            issued_by_id=case.manager_id,
        )
        if case.status != Status.AWAITING_CONTRACT:
            self._sign(case, contract, contents)
            self._invoice(case, contract)
        self.rows["manager_contracts"].append(CONTRACT(contract))

    def _sign(self, case: Case, contract: Contract, contents: Contents) -> None:
        contract.code_sent_at = self._later(contract.issued_at, minutes=10)
        contract.signed_at = contract.pep_agreed_at = contract.code_entered_at = self._later(
            contract.code_sent_at, minutes=3
        )
        contract.signed_by_id, contract.due = case.manager_id, contract.surcharge
        contract.pep_text_version, contract.code_channel = TEMPLATE_VERSION, Channel.APP.label
        contract.code_entered_on = Place.MANAGER
        contract.signer_ip, contract.user_agent = f"10.{case.index % 200}.{case.index % 251}.7", USER_AGENT
        account = AppUser(phone=contents.person.phone, email=contents.person.email)
        write_evidence(contract, account=account, agreements=[], pages=[], codes=[])
        for kind, details in signals.found_in(contract, contents, signals.Facts()).items():
            self.rows["manager_fraud_signals"].append(
                (self._id(), case.id, contract.pk, kind.value, contract.signed_at, case.manager_id, details)
            )

    def _invoice(self, case: Case, contract: Contract) -> None:
        paid_at = paid_by = None
        if case.status == Status.PROCESSED:
            paid_at, paid_by = self._later(contract.signed_at, days=6), case.manager_id
            contract.paid_at, contract.paid_by_id = paid_at, paid_by
        number, due_on = f"{contract.number}/1", contract.signed_at.date() + timedelta(days=settings.INVOICE_DAYS)
        self.rows["manager_invoices"].append(
            (
                self._id(), contract.pk, number, contract.surcharge, f"Доплата по договору {contract.number}", due_on,
                "paid" if paid_at else "pending", contract.signed_at, case.manager_id, paid_at, paid_by,
            )
        )  # fmt: skip

    def _history(self, case: Case) -> None:
        times = [case.claimed_at, case.fixed_at]
        if case.contract and case.contract.signed_at:
            times += [case.contract.signed_at, case.contract.paid_at]
        statuses = list(Status)
        for step, at in enumerate(filter(None, times)):
            before = None if step == 0 else case.manager_id
            self.rows["manager_client_changes"].append(
                (case.id, at, case.manager_id, statuses[step].value, statuses[step + 1].value, before, case.manager_id)
            )

    def _conversation(self, case: Case) -> UUID:
        """A ticket with a question of the client and our message, and the entries of the client log."""
        ticket, thread, contract = self._id(), self._id(), case.contract
        asked_at, replied_at = contract.issued_at, contract.signed_at or contract.issued_at
        reply = f"Договор {contract.number} подписан. Спасибо!" if contract.signed_at else "Договор готов к подписанию."
        status = "closed" if case.status == Status.PROCESSED else "open"
        self.rows["public.support_tickets"].append(
            (ticket, case.user_id, "Оформление договора", status, _naive(asked_at), replied_at)
        )
        for author, body, when in (("user", QUESTION, asked_at), ("support", reply, replied_at)):
            self.rows["public.support_messages"].append((self._id(), ticket, author, body, _naive(when), when))
        self.rows["manager_support_threads"].append((thread, case.id, asked_at))
        for body, when in ((f"Сформирован договор {contract.number}", asked_at), (reply, replied_at)):
            self.rows["manager_support_messages"].append((self._id(), thread, "event", case.manager_id, body, when))
        return ticket

    def _later(self, at: datetime, **limit: float) -> datetime:
        """A random time after `at`, at most `limit` (arguments of timedelta) later, and always in the past."""
        gap = min(timedelta(**limit), (self.now - at) / 2)
        return at + gap * (0.1 + 0.9 * self.random.random())

    def _id(self) -> UUID:
        return UUID(int=self.random.getrandbits(128), version=4)

    @staticmethod
    def _tariff_part(tariff: Tariff) -> TariffPart:
        return TariffPart(
            name=tariff.name,
            base_fee=tariff.base_fee,
            extra_per_device=tariff.extra_per_device,
            notes=tariff.notes,
            period=tariff.get_period_display(),
        )


def _naive(at: datetime) -> datetime:
    """UTC without time zone, as stored in the shared tables."""
    return at.replace(tzinfo=None)
