"""What a contract with the client would say now."""

from functools import cache

from clients.models import AppUser, Client
from contracts.snapshot import Contents, DevicePart, PersonPart, TariffPart
from devices.models import Device, DeviceType, Tariff
from devices.surcharge import Surcharge
from foundation.database import prepared
from passport.models import Passport


def contents_of(client: Client) -> Contents:
    """The client's data as it is now; Client.DoesNotExist without an account, a passport or a chosen tariff."""
    user, passport, tariff = _loaded(client)
    devices = _devices(_loaded_devices(client), tariff)
    return Contents(person=_person(user, passport), devices=devices, tariff=_tariff(tariff))


def is_current(contents: Contents, client: Client) -> bool:
    """Whether the client's data says the same now; it does not when passport or account are gone."""
    try:
        return contents_of(client) == contents
    except Client.DoesNotExist:
        return False


def _loaded(client: Client) -> tuple[AppUser, Passport, Tariff]:
    for row in prepared.rows(_loading(), client=client.pk):
        return prepared.instances((AppUser, Passport, Tariff), row)
    raise Client.DoesNotExist


@cache
def _loading() -> str:
    whole = Client.objects.filter(user__isnull=False, passport__isnull=False, tariff_choice__isnull=False)
    user = prepared.columns_of(AppUser, "user")
    passport = prepared.columns_of(Passport, "passport")
    tariff = prepared.columns_of(Tariff, "tariff_choice__tariff")
    found = whole.filter(pk=prepared.ANYBODY).values_list(*user, *passport, *tariff)
    return prepared.sql_of(found, client=prepared.ANYBODY)


def _loaded_devices(client: Client) -> list[Device]:
    devices = []
    for row in prepared.rows(_loading_devices(), client=client.pk):
        device, device.type = prepared.instances((Device, DeviceType), row)
        devices.append(device)
    return devices


@cache
def _loading_devices() -> str:
    columns = prepared.columns_of(Device) + prepared.columns_of(DeviceType, "type")
    return prepared.sql_of(
        Device.objects.filter(client=prepared.ANYBODY).values_list(*columns), client=prepared.ANYBODY
    )


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
    lines = Surcharge.compute(devices, tariff).lines
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
