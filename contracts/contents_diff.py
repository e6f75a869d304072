"""Describe how the client's data differs from an issued contract, for managers."""

from dataclasses import fields, replace

from contracts.snapshot import Contents, DevicePart, TariffPart

PERSON_FIELD_LABELS = {
    "last_name": "фамилия",
    "first_name": "имя",
    "middle_name": "отчество",
    "passport_series": "серия паспорта",
    "passport_number": "номер паспорта",
    "issued_by": "кем выдан паспорт",
    "department_code": "код подразделения",
    "issued_on": "дата выдачи паспорта",
    "birth_date": "дата рождения",
    "registration_address": "адрес регистрации",
    "phone": "телефон",
    "email": "электронная почта",
    "address": "адрес",
}


def describe_differences(before: Contents, now: Contents) -> list[str]:
    """Return one line per difference between the contents of a contract and the client's current data."""
    lines = [f"Изменено: {PERSON_FIELD_LABELS[name]}" for name in _changed_fields(before.person, now.person)]
    lines += _device_lines(before, now)
    if before.tariff != now.tariff:
        lines.append(f"Тариф: «{now.tariff.name}»" if before.tariff.name != now.tariff.name else "Изменён тариф")
    return lines


def _changed_fields(before, now) -> list[str]:
    return [field.name for field in fields(before) if getattr(before, field.name) != getattr(now, field.name)]


def _device_lines(before: Contents, now: Contents) -> list[str]:
    old, new = ({device.id: device for device in contents.devices} for contents in (before, now))
    added = [f"Добавлено устройство «{new[id].title}»" for id in new if id not in old]
    removed = [f"Удалено устройство «{old[id].title}»" for id in old if id not in new]
    changed = [
        f"Изменено устройство «{new[id].title}»"
        for id in new
        if id in old and not _is_unchanged(old[id], new[id], before.tariff, now.tariff)
    ]
    return added + removed + changed


def _is_unchanged(old: DevicePart, new: DevicePart, old_tariff: TariffPart, new_tariff: TariffPart) -> bool:
    """Whether the device itself is unchanged.

    A fee that comes from the tariff on both sides does not count: then the tariff changed, not the device.
    """
    is_tariff_fee = (old.fee, new.fee) == (old_tariff.extra_per_device, new_tariff.extra_per_device)
    return new == (replace(old, fee=new.fee) if is_tariff_fee else old)
