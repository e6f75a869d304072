"""A sample contract with fictional parties, for previews, benchmarks and tests."""

from datetime import date
from decimal import Decimal

from contracts import pdf
from contracts.snapshot import CompanyPart, Contents, DevicePart, PersonPart, Snapshot, TariffPart

APPLIANCES = [
    ("холодильник", "Холодильник Бирюса 118", "Объём 180 л; класс A+; цвет белый", "Шумит при запуске компрессора."),
    ("телевизор", "Телевизор Samsung UE50AU7100", "Диагональ 50 дюймов; 3840×2160; Wi-Fi", ""),
    ("стиральная машина", "Стиральная машина Indesit IWSC 5105", "Загрузка 5 кг; 1000 об/мин", "Течёт шланг."),
    ("роутер", "Роутер Keenetic Giga KN-1011", "Wi-Fi 6, 4 порта", ""),
    (
        "кондиционер",
        "Кондиционер Ballu BSD-09HN8",
        "Площадь до 26 м²; инвертор",
        "Чистка раз в год, ёмкость для конденсата.",
    ),
]


def sample_snapshot(devices: int = 5, *, person=None, device=None, company=None, tariff=None, **fields) -> Snapshot:
    """Return a snapshot with `devices` devices. The mappings override fields of its parts."""
    contents = Contents(
        person=_person(**(person or {})),
        devices=tuple(_device(number, **(device or {})) for number in range(devices)),
        tariff=_tariff(**(tariff or {})),
    )
    values = {"number": "ИВ-261123-01", "issued_on": date(2026, 11, 23), "template_version": pdf.current_version()}
    return Snapshot(**values | fields, company=_company(**(company or {})), contents=contents)


def _person(**fields) -> PersonPart:
    values = {
        "last_name": "Иванов",
        "first_name": "Пётр",
        "middle_name": "Сергеевич",
        "passport_series": "4613",
        "passport_number": "348353",
        "issued_by": "ГУ МВД России по г. Москве",
        "department_code": "770-001",
        "issued_on": date(2015, 3, 20),
        "birth_date": date(1985, 6, 1),
        "registration_address": "115211, г. Москва, ул. Королёва, д. 1, корп. 2, кв. 34",
        "phone": "9771232323",
        "email": "petr.ivanov@mail.example",
        "address": "г. Москва, ул. Лесная, д. 5, кв. 12",
    }
    return PersonPart(**values | fields)


def _device(number: int, **fields) -> DevicePart:
    kind, title, specs, description = APPLIANCES[number % len(APPLIANCES)]
    values = {
        "id": f"00000000-0000-4000-8000-{number:012}",
        "type": kind,
        "title": title,
        "description": description,
        "purchased_on": date(2020 + number % 6, 1 + number % 12, 1),
        "serial_number": f"SN-{4711 + number:06}",
        "specs": specs,
        "fee": Decimal(100 + number) + Decimal("0.50"),
    }
    return DevicePart(**values | fields)


def _tariff(**fields) -> TariffPart:
    values = {
        "name": "Домашний",
        "base_fee": Decimal("500.00"),
        "extra_per_device": Decimal("150.00"),
        "period": "в месяц",
        "notes": "Два выезда в год, скидка 10 % на запасные части.",
    }
    return TariffPart(**values | fields)


def _company(**fields) -> CompanyPart:
    values = {
        "name": "ООО «Привет Сервис»",
        "director": "Соколова Марина Андреевна",
        "address": "125009, г. Москва, ул. Тверская, д. 7",
        "phone": "+7 (495) 000-00-00",
        "email": "info@privet.example",
        "inn": "7700000000",
        "kpp": "770001001",
        "ogrn": "1027700000000",
        "bank": "ПАО Сбербанк",
        "bank_bik": "044525225",
        "bank_account": "40702810000000000000",
        "bank_correspondent": "30101810400000000225",
        "vat_rate": "0",
    }
    return CompanyPart(**values | fields)
