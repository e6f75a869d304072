"""Staff, tariffs and device types of the demo and benchmark data."""

from decimal import Decimal

from demo.appliances import TYPES
from devices.models import DeviceType, FeePeriod, Tariff
from managers.models import Manager, Role

# Used only with DEBUG on, because everybody can read it here.
PASSWORD = "privet-demo-2026"  # noqa: S105

STAFF = [
    ("admin@privet.example", "Глеб Волков", Role.ADMIN),
    ("anna@privet.example", "Анна Смирнова", Role.MANAGER),
    ("boris@privet.example", "Борис Кузнецов", Role.MANAGER),
    ("vera@privet.example", "Вера Орлова", Role.SUPPORT),
]

TARIFFS = [
    ("Базовый", "0", "100", "Диагностика по телефону и один выезд в год."),
    ("Домашний", "500", "150", "Два выезда в год, скидка 10 % на запасные части."),
    ("Всё включено", "1500", "300", "Выезды без ограничений, замена техники на время ремонта."),
]


def staff() -> dict[str, Manager]:
    """Create missing staff and return them by key: «admin», «manager», «manager2», «support»."""
    people = []
    for email, name, role in STAFF:
        person = Manager.objects.filter(email=email).first()
        people.append(person or Manager.objects.create_user(email, PASSWORD, name=name, role=role))
    return dict(zip(["admin", "manager", "manager2", "support"], people, strict=True))


def tariffs() -> list[Tariff]:
    """Create missing tariffs and return all of TARIFFS."""
    return [
        Tariff.objects.get_or_create(
            name=name,
            defaults={
                "base_fee": Decimal(base),
                "period": FeePeriod.MONTH,
                "extra_per_device": Decimal(extra),
                "notes": notes,
            },
        )[0]
        for name, base, extra, notes in TARIFFS
    ]


def device_types() -> dict[str, DeviceType]:
    """Create missing device types and return those of TYPES by their name in lower case."""
    types = {device_type.name.lower(): device_type for device_type in DeviceType.objects.all()}
    for position, name in enumerate(TYPES, start=1):
        if name not in types:
            types[name] = DeviceType.objects.create(name=name, position=position * 10)
    return {name: types[name] for name in TYPES}
