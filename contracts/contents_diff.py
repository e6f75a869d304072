"""What changed since a contract was issued, in words that a manager understands."""

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
    """One line for each difference between what a contract says and the client's data now."""
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


def _is_unchanged(was: DevicePart, device: DevicePart, before: TariffPart, now: TariffPart) -> bool:
    """Also with another fee, when that is each tariff's: then the tariff has changed and not the device."""
    is_tariffs = (was.fee, device.fee) == (before.extra_per_device, now.extra_per_device)
    return device == (replace(was, fee=device.fee) if is_tariffs else was)
