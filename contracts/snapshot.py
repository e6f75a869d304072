"""Frozen contract contents: plain values, stored as encrypted JSON because they include a passport.

The field names are keys of the stored JSON: never rename them.
"""

import json
from dataclasses import dataclass, fields, is_dataclass
from datetime import date
from decimal import ROUND_HALF_UP, Decimal

from django.conf import settings

from foundation.russian import money
from managers import cipher


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
    period: str = ""  # of the base fee, as the contract says it: «в месяц»


@dataclass(frozen=True)
class CompanyPart:
    """The company as a party to the contract, with its bank details."""

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
    vat_rate: str = ""  # in percent; "0": the company pays no VAT; "": not known, in snapshots from before

    @classmethod
    def from_settings(cls) -> "CompanyPart":
        return cls(**{field.name: getattr(settings, f"COMPANY_{field.name.upper()}") for field in fields(cls)})

    def vat_text(self, amount: Decimal) -> str:
        """What an invoice for `amount` rubles, VAT included, has to say about the VAT (Tax Code art. 168).

        "" if the rate is not known.
        """
        if not self.vat_rate:
            return ""
        rate = Decimal(self.vat_rate)
        if not rate:
            return "Без НДС"
        vat = (amount * rate / (100 + rate)).quantize(money.KOPECK, ROUND_HALF_UP)
        return f"В том числе НДС {self.vat_rate} % — {money.format_rubles(vat)}"


@dataclass(frozen=True)
class Contents:
    """Everything that the client agrees to. Two contents are equal if and only if their contracts are the same."""

    person: PersonPart
    devices: tuple[DevicePart, ...]
    tariff: TariffPart

    @property
    def surcharge(self) -> Decimal:
        return sum((device.fee for device in self.devices), Decimal("0.00"))


@dataclass(frozen=True)
class Snapshot:
    """The whole document. Rendering it is deterministic."""

    number: str
    issued_on: date
    template_version: str
    company: CompanyPart
    contents: Contents

    def encrypt(self) -> str:
        return cipher.encrypt(json.dumps(self, default=_to_json_value, ensure_ascii=False, sort_keys=True))

    @classmethod
    def decrypt(cls, token: str) -> "Snapshot":
        data = json.loads(cipher.decrypt(token))
        contents = data["contents"]
        return cls(
            number=data["number"],
            issued_on=date.fromisoformat(data["issued_on"]),
            template_version=data["template_version"],
            company=_from_json(CompanyPart, data["company"]),
            contents=Contents(
                person=_from_json(PersonPart, contents["person"]),
                devices=tuple(_from_json(DevicePart, device) for device in contents["devices"]),
                tariff=_from_json(TariffPart, contents["tariff"]),
            ),
        )


def _to_json_value(value):
    """Default for JSON: dataclasses as dicts, dates and amounts as text."""
    return vars(value) if is_dataclass(value) else str(value)


def _from_json(part, data: dict):
    """Return a part from its JSON values, dates and sums converted.

    A field that was added after the snapshot was encrypted has no value there and gets its default.
    """
    convert = {
        date: date.fromisoformat,
        date | None: lambda text: text and date.fromisoformat(text),
        Decimal: Decimal,
    }
    stored = [field for field in fields(part) if field.name in data]
    return part(**{field.name: convert.get(field.type, str)(data[field.name]) for field in stored})
