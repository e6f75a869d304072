"""What a contract says, frozen: plain values, JSON when kept, encrypted because it holds a passport."""

import json
from dataclasses import dataclass, fields, is_dataclass
from datetime import date
from decimal import Decimal
from functools import cache

from django.conf import settings

from clients.models import AppUser, Client
from devices.models import Device, DeviceType
from devices.tariffs import Surcharge, Tariff
from passport import cipher
from passport.models import Passport
from privet import kept


@dataclass(frozen=True)
class PersonPart:
    """The client as a party to the contract."""

    last_name: str
    first_name: str
    middle_name: str
    passport_series: str
    passport_number: str
    issued_by: str
    department_code: str
    issued_on: date
    birth_date: date | None
    registration_address: str
    phone: str
    email: str
    address: str

    @property
    def full_name(self) -> str:
        return " ".join(filter(None, [self.last_name, self.first_name, self.middle_name]))

    @property
    def short_name(self) -> str:
        """«Иванов П. С.»"""
        initials = [f"{name[0]}." for name in (self.first_name, self.middle_name) if name]
        return "\u00a0".join([self.last_name, *initials])


@dataclass(frozen=True)
class DevicePart:
    id: str
    type: str
    title: str
    description: str
    purchased_on: date | None
    serial_number: str
    specs: str
    fee: Decimal


@dataclass(frozen=True)
class TariffPart:
    name: str
    base_fee: Decimal
    extra_per_device: Decimal
    notes: str


@dataclass(frozen=True)
class CompanyPart:
    """The contractor with its requisites."""

    name: str
    director: str
    address: str
    phone: str
    email: str
    inn: str
    kpp: str
    ogrn: str
    bank: str
    bank_bik: str
    bank_account: str
    bank_correspondent: str

    @classmethod
    def now(cls) -> "CompanyPart":
        return cls(**{field.name: getattr(settings, f"COMPANY_{field.name.upper()}") for field in fields(cls)})


@dataclass(frozen=True)
class Contents:
    """All that the client agrees to. Two contents are equal exactly when the contract would say the same."""

    person: PersonPart
    devices: tuple[DevicePart, ...]
    tariff: TariffPart

    @property
    def surcharge(self) -> Decimal:
        return sum((device.fee for device in self.devices), Decimal("0.00"))

    @classmethod
    def of(cls, client: Client) -> "Contents":
        """The client's data as it is now; Client.DoesNotExist without an account, a passport or a chosen tariff."""
        user, passport, tariff = _loaded(client)
        return cls(
            person=_person(user, passport), devices=_devices(_loaded_devices(client), tariff), tariff=_tariff(tariff)
        )

    def are_of(self, client: Client) -> bool:
        """Whether the client's data says the same now; it does not when passport or account are gone."""
        try:
            return Contents.of(client) == self
        except Client.DoesNotExist:
            return False


@dataclass(frozen=True)
class Snapshot:
    """The whole document: rendering it twice gives the same file."""

    number: str
    issued_on: date
    template_version: str
    company: CompanyPart
    contents: Contents

    def encrypt(self) -> str:
        return cipher.encrypt(json.dumps(self, default=_plain, ensure_ascii=False, sort_keys=True))

    @classmethod
    def decrypt(cls, token: str) -> "Snapshot":
        data = json.loads(cipher.decrypt(token))
        contents = data["contents"]
        return cls(
            number=data["number"],
            issued_on=date.fromisoformat(data["issued_on"]),
            template_version=data["template_version"],
            company=CompanyPart(**data["company"]),
            contents=Contents(
                person=_load(PersonPart, contents["person"]),
                devices=tuple(_load(DevicePart, device) for device in contents["devices"]),
                tariff=_load(TariffPart, contents["tariff"]),
            ),
        )


def _plain(value):
    """What JSON has no form for: a part as its fields, a date or a sum as text."""
    return vars(value) if is_dataclass(value) else str(value)


def _load(part, data: dict):
    """A part from its JSON values: dates and sums of money come back as such."""
    convert = {
        date: date.fromisoformat,
        date | None: lambda text: text and date.fromisoformat(text),
        Decimal: Decimal,
    }
    return part(**{field.name: convert.get(field.type, str)(data[field.name]) for field in fields(part)})


def _loaded(client: Client) -> tuple[AppUser, Passport, Tariff]:
    for row in kept.rows(_loading(), client=client.pk):
        return kept.instances((AppUser, Passport, Tariff), row)
    raise Client.DoesNotExist


@cache
def _loading() -> str:
    whole = Client.objects.filter(user__isnull=False, passport__isnull=False, tariff_choice__isnull=False)
    user = kept.columns_of(AppUser, "user")
    passport = kept.columns_of(Passport, "passport")
    tariff = kept.columns_of(Tariff, "tariff_choice__tariff")
    found = whole.filter(pk=kept.ANYBODY).values_list(*user, *passport, *tariff)
    return kept.sql_of(found, client=kept.ANYBODY)


def _loaded_devices(client: Client) -> list[Device]:
    devices = []
    for row in kept.rows(_loading_devices(), client=client.pk):
        device, device.type = kept.instances((Device, DeviceType), row)
        devices.append(device)
    return devices


@cache
def _loading_devices() -> str:
    columns = kept.columns_of(Device) + kept.columns_of(DeviceType, "type")
    return kept.sql_of(Device.objects.filter(client=kept.ANYBODY).values_list(*columns), client=kept.ANYBODY)


def _person(user: AppUser, passport: Passport) -> PersonPart:
    return PersonPart(
        last_name=passport.last_name,
        first_name=passport.first_name,
        middle_name=passport.middle_name,
        passport_series=passport.series,
        passport_number=passport.number,
        issued_by=passport.issued_by,
        department_code=passport.department_code,
        issued_on=passport.issued_on,
        birth_date=passport.birth_date,
        registration_address=passport.registration_address,
        phone=user.phone,
        email=user.email or "",
        address=user.address or "",
    )


def _devices(devices: list[Device], tariff: Tariff) -> tuple[DevicePart, ...]:
    lines = Surcharge.of(devices, tariff).lines
    return tuple(
        DevicePart(
            id=str(device.pk),
            type=device.type.name,
            title=device.title,
            description=device.description,
            purchased_on=device.purchased_on,
            serial_number=device.serial_number,
            specs=device.specs,
            fee=line.fee,
        )
        for device, line in zip(devices, lines, strict=True)
    )


def _tariff(tariff: Tariff) -> TariffPart:
    return TariffPart(
        name=tariff.name,
        base_fee=tariff.base_fee,
        extra_per_device=tariff.extra_per_device,
        notes=tariff.notes,
    )
