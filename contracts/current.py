"""The contents of a contract with the client's current data."""

from collections.abc import Iterable

from clients.models import AppUser, Client
from contracts import pdf
from contracts.models import Contract
from contracts.snapshot import Contents, DevicePart, PersonPart, TariffPart
from devices.models import Device, Tariff
from devices.surcharge import Surcharge
from passport.models import Passport


def current_contents(client: Client) -> Contents:
    """Return the contents of a contract with the client's current data.

    Raises Client.DoesNotExist without an account, a passport or a chosen tariff.
    """
    complete_clients = Client.objects.filter(user__isnull=False, passport__isnull=False, tariff_choice__isnull=False)
    return loaded_contents(
        complete_clients.select_related("user", "passport", "tariff_choice__tariff").get(pk=client.pk)
    )


def loaded_contents(client: Client) -> Contents:
    """Like current_contents(), with the account, passport and tariff that are loaded already. Reads the devices.

    Raises ObjectDoesNotExist.
    """
    tariff = client.tariff_choice.tariff
    devices = _devices(Device.objects.filter(client=client).select_related("type"), tariff)
    return Contents(person=_person(client.user, client.passport), devices=devices, tariff=_tariff(tariff))


def is_current(contents: Contents, client: Client) -> bool:
    """Whether the client's current data equals `contents`. False if the passport or account is gone."""
    try:
        return current_contents(client) == contents
    except Client.DoesNotExist:
        return False


def is_newest_edition(contract: Contract) -> bool:
    return contract.template_version == pdf.current_version()


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


def _devices(devices: Iterable[Device], tariff: Tariff) -> tuple[DevicePart, ...]:
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
        period=tariff.get_period_display(),
    )
