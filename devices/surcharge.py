"""The surcharge: the sum of the fees of the client's devices by the chosen tariff."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from django.db import transaction
from django.utils import timezone

from clients.models import SIGNED, Client, Status
from devices.models import ClientTariff, Device, Tariff
from foundation.russian import money
from managers.models import Manager
from support import log


class NoDevices(Exception):
    """The client has no devices."""


@dataclass(frozen=True)
class SurchargeLine:
    title: str
    fee: Decimal
    is_device_fee: bool  # the device's own fee, not the tariff's


@dataclass(frozen=True)
class Surcharge:
    """The surcharge with one line per device, in rubles."""

    lines: tuple[SurchargeLine, ...]

    @property
    def total(self) -> Decimal:
        return sum((line.fee for line in self.lines), Decimal("0.00"))

    @classmethod
    def compute(cls, devices: Iterable[Device], tariff: Tariff) -> "Surcharge":
        """Compute the surcharge: each device's own fee, or the tariff's fee if it has none."""
        return cls(
            tuple(
                SurchargeLine(
                    title=device.title,
                    fee=tariff.extra_per_device if device.extra_fee is None else device.extra_fee,
                    is_device_fee=device.extra_fee is not None,
                )
                for device in devices
            )
        )


@transaction.atomic
def choose_tariff(client: Client, tariff: Tariff, *, by: Manager) -> Surcharge:
    """Save the chosen tariff and return the surcharge.

    Choosing another tariff than the signed one requires a new contract. Choosing the signed one again saves nothing,
    even if its price has changed.
    """
    client, now = client.lock(), timezone.now()
    previous = _saved_choice(client)
    surcharge = _save_choice(client, tariff, previous, by=by, now=now)
    if previous is None or previous.tariff_id != tariff.pk:
        log.add_event(client, f"Выбран тариф «{tariff}»", by=by, now=now)
    return surcharge


@transaction.atomic
def fix_surcharge(client: Client, tariff: Tariff, *, by: Manager) -> Surcharge:
    """Finish step 3: save the surcharge; the client then awaits a contract. Idempotent.

    Raises NoDevices, or clients.exceptions.TransitionRefused if the client's contact data is not confirmed.
    """
    client, now = client.lock(), timezone.now()
    if not client.devices.exists():
        raise NoDevices
    is_first, previous = client.status == Status.IN_VERIFICATION, _saved_choice(client)
    surcharge = _save_choice(client, tariff, previous, by=by, now=now)
    if client.status not in SIGNED:
        client.change_status(Status.AWAITING_CONTRACT, by=by, now=now, allowed_from=(Status.IN_VERIFICATION,))
    if is_first or _values(previous) != _values(_saved_choice(client)):
        details = f"тариф «{tariff}», устройств: {len(surcharge.lines)}"
        log.add_event(client, f"Доплата рассчитана: {money.format_rubles(surcharge.total)} ({details})", by=by, now=now)
    return surcharge


def recompute(client: Client, *, by: Manager, now: datetime) -> None:
    """Update the saved surcharge, if any, after a change of the devices. The caller holds the client's lock."""
    if choice := _saved_choice(client):
        _save(client, choice.tariff, Surcharge.compute(client.devices.all(), choice.tariff), by=by, now=now)


def set_total(client: Client, total: Decimal, *, by: Manager, now: datetime) -> bool:
    """Set the total to that of a contract, if it differs because the tariff's price changed. Return whether it did."""
    outdated = ClientTariff.objects.filter(client=client).exclude(total_extra_fee=total)
    return bool(outdated.update(total_extra_fee=total, computed_at=now, computed_by=by))


def _save_choice(
    client: Client, tariff: Tariff, previous: ClientTariff | None, *, by: Manager, now: datetime
) -> Surcharge:
    surcharge = Surcharge.compute(client.devices.all(), tariff)
    is_same = previous is not None and previous.tariff_id == tariff.pk
    # The signed surcharge stays, even if the tariff's price has changed.
    if not (is_same and client.status in SIGNED):
        _save(client, tariff, surcharge, by=by, now=now)
    if previous is not None and not is_same:
        client.require_new_contract(by=by, now=now)
    return surcharge


def _save(client: Client, tariff: Tariff, surcharge: Surcharge, *, by: Manager, now: datetime) -> None:
    ClientTariff.objects.update_or_create(
        client=client,
        defaults={
            "tariff": tariff,
            "device_count": len(surcharge.lines),
            "total_extra_fee": surcharge.total,
            "computed_at": now,
            "computed_by": by,
        },
    )


def _saved_choice(client: Client) -> ClientTariff | None:
    return ClientTariff.objects.filter(client=client).select_related("tariff").first()


def _values(choice: ClientTariff | None) -> tuple | None:
    return choice and (choice.tariff_id, choice.device_count, choice.total_extra_fee)
