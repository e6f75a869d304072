"""Demo clients: each is taken to its status by the same functions that the views call."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from random import Random
from uuid import NAMESPACE_DNS, uuid5

from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils import timezone

from agreements import consents
from agreements.consents import Recorder
from agreements.models import AgreementKind
from clients.models import AppUser, Client
from contracts import issuing, payment, signature_consent, signing
from contracts.models import InvoiceStatus, PaymentMethod
from demo import documents, pictures
from demo.appliances import DESCRIPTIONS, appliance, serial
from demo.people import Person
from demo.places import home
from devices import saving as device_saving
from devices.models import Device, DeviceType, Tariff
from devices.surcharge import fix_surcharge
from erasure import erasing
from erasure.models import ErasureReason
from foundation.russian import money
from links.models import Browser
from managers.models import Manager
from passport import saving as passport_saving
from passport.models import Passport
from photos.images import Photo, read_photo
from support import bridge, log
from support.models import OPEN_STATUSES, Author, Message, Ticket, TicketQuerySet, TicketStatus

SEED = 2026
NAMESPACE = uuid5(NAMESPACE_DNS, "demo.privet.example")
IP, BROWSER = "192.0.2.17", "Mozilla/5.0 (Linux; Android 14) Chrome/129.0 Mobile"

QUESTIONS = [
    "Здравствуйте! Когда ко мне приедет мастер?",
    "Добрый день. Можно добавить в договор ещё один телевизор?",
    "Не приходит код, что делать?",
    "Подскажите, входит ли выезд за город в тариф?",
]
ANSWERS = [
    "Здравствуйте! Менеджер позвонит вам сегодня до 18:00.",
    "Добрый день! Да, конечно. Менеджер всё расскажет при встрече.",
]
SUBJECTS = ["Вопрос по обслуживанию", "Выезд мастера", "Договор"]
NOTES = [
    "Просил звонить после 19:00.",
    "Домофон не работает, звонить с улицы.",
    "Собака во дворе.",
    "Оплатит в пятницу.",
]
METHODS = [PaymentMethod.QR, PaymentMethod.TERMINAL, PaymentMethod.CASH]


@dataclass
class ClientStory:
    """One demo client. The methods are the actions of a scenario, in their possible order."""

    number: int
    person: Person
    random: Random
    manager: Manager
    support: Manager
    admin: Manager
    types: dict[str, DeviceType]
    tariffs: list[Tariff]
    now: datetime
    client: Client = None
    device_fee: Decimal | None = None

    @property
    def user_id(self):
        return uuid5(NAMESPACE, str(self.number))

    def sign_up(self, age: timedelta) -> None:
        """Create the account, as «Привет Супер» does; the trigger creates the client. `age` is its age."""
        self.home = home(self.random)
        at = self.now - age
        AppUser.objects.create(
            id=self.user_id,
            phone=documents.demo_phone(self.number),
            email=f"{self.person.login}@mail.example" if self.number % 7 else None,
            name=self.person.full_name if self.number % 3 else f"{self.person.first_name} {self.person.last_name}",
            address=self.home.address if self.number % 4 else None,
            has_subscription=self.number % 5 == 0,
            created_at=at,
            updated_at=at,
        )
        self.reload()

    def contact(self) -> None:
        user = self.client.user
        self.client.confirm_contact(
            by=self.manager, name=self.person.full_name, phone=user.phone, email=user.email, address=self.home.address
        )
        self._log(log.add_event, "Контактные данные подтверждены, клиент взят в работу.")
        if self.number % 4 == 1:
            self._log(log.add_note, self.random.choice(NOTES))

    def passport(self) -> None:
        consents.record(self.client, AgreementKind.PERSONAL_DATA, Recorder(self.manager, Browser(IP, BROWSER)))
        birth = documents.birth_date(self.random, self.now.date())
        issued_on = documents.issue_date(birth, self.now.date() - timedelta(days=60), delay=5 + self.number)
        registered = self.home if self.random.random() < 0.6 else home(self.random)
        passport = Passport(
            client=self.client,
            last_name=self.person.last_name,
            first_name=self.person.first_name,
            middle_name=self.person.middle_name,
            issued_by=registered.issued_by(issued_on),
            department_code=registered.department,
            issued_on=issued_on,
            birth_date=birth,
            registration_address=registered.address,
        )
        passport_saving.save_passport(passport, documents.demo_passport_digits(self.number, issued_on), by=self.manager)
        if self.number % 2:
            passport_saving.replace_photo(passport, _photo(pictures.passport(self.random)).picture, by=self.manager)

    def devices(self) -> None:
        for _ in range(self.random.choice([1, 2, 2, 3, 4])):
            self.device()

    def device(self, photos: int | None = None) -> None:
        kind, title, specs = appliance(self.random)
        device_fee = Decimal(self.random.choice([100, 200, 350, 500])) if self.random.random() < 0.3 else None
        device = Device(
            client=self.client,
            type=self.types[kind],
            title=title,
            description=self.random.choice(DESCRIPTIONS),
            purchased_on=date(self.random.randint(2016, 2025), self.random.randint(1, 12), 1),
            serial_number=serial(self.random),
            specs=specs,
            extra_fee=device_fee if self.device_fee is None else self.device_fee,
        )
        count = self.random.choice([0, 1, 1, 2]) if photos is None else photos
        taken = [_photo(pictures.device(kind, self.random)) for _ in range(count)]
        device_saving.save_device(device, taken, by=self.manager)

    def tariff(self) -> None:
        fix_surcharge(self.client, self.random.choice(self.tariffs), by=self.manager)

    def free_of_charge(self) -> None:
        self.device_fee = Decimal(0)

    def issue(self) -> None:
        self.contract = issuing.issue(self.reload(), by=self.manager)

    def code(self) -> None:
        consents.record(self.client, AgreementKind.ELECTRONIC_SIGNATURE, Recorder(self.manager, Browser(IP, BROWSER)))
        signing.request_code(self.contract, by=self.manager)

    def sign(self) -> None:
        """Sign with the code from the message in the client's app."""
        texts = Message.objects.filter(ticket__user=self.user_id, author=Author.SUPPORT).values_list("body", flat=True)
        code_message = re.compile(rf"Код (\d{{3}} \d{{3}}) — договор {self.contract.number} ")
        codes = [found[1] for text in texts if (found := code_message.match(text))]
        version, browser = signature_consent.current_version(), Browser(IP, BROWSER)
        signing.sign(self.contract, codes[-1], consent=True, pep_text_version=version, by=self.manager, browser=browser)

    def pay(self) -> None:
        for invoice in payment.client_invoices(self.client).filter(status=InvoiceStatus.PENDING):
            payment.confirm_payment(invoice, self.random.choice(METHODS), by=self.manager)

    def bill_in_parts(self) -> None:
        """Replace the invoice of the signing by an invoice for half of the amount."""
        half = (payment.Balance.for_client(self.client).outstanding / 2).quantize(money.KOPECK)
        due_on = timezone.localdate(self.now) + timedelta(days=5)
        payment.create_invoice(
            self.client, amount=half, description="Первая половина доплаты", due_on=due_on, by=self.manager
        )

    def question(self) -> None:
        """Write a message as the client, as the app does: in the client's open ticket or in a new one."""
        now = timezone.now()
        ticket = self._tickets().first() or Ticket.objects.create(
            user_id=self.user_id, subject=self.random.choice(SUBJECTS), created_at=now, updated_at=now
        )
        body = self.random.choice(QUESTIONS)
        Message.objects.create(ticket=ticket, author=Author.USER, body=body, created_at=now, updated_at=now)

    def answer(self) -> None:
        bridge.answer(self._tickets().get(), self.random.choice(ANSWERS), by=self.support)

    def close(self) -> None:
        bridge.set_status(self._tickets().get(), TicketStatus.CLOSED, by=self.support)

    def erase(self) -> None:
        """Erase the client on request, so that the demo has an act of destruction."""
        erasing.erase(self.reload(), ErasureReason.REQUEST, by=self.admin, note="Письмо клиента в поддержку")

    def _log(self, add: Callable, body: str) -> None:
        add(self.client, body, by=self.manager, now=timezone.now())

    def _tickets(self) -> TicketQuerySet:
        """The open ticket that the client created, if there is one."""
        own = Ticket.objects.filter(user_id=self.user_id, status__in=OPEN_STATUSES)
        return own.exclude(subject=bridge.CONTRACT_SUBJECT)

    def reload(self) -> Client:
        self.client = Client.objects.select_related("user").get(user=self.user_id)
        return self.client


def _photo(jpeg: bytes) -> Photo:
    return read_photo(SimpleUploadedFile("photo.jpg", jpeg))
