"""Step 3 finished: the surcharge is computed and fixed, and the client awaits a contract."""

from django.db import transaction
from django.utils import timezone

from clients.models import SIGNED, Client, Status
from devices.tariffs import ClientTariff, Surcharge, Tariff
from managers.models import Manager


class NoDevices(Exception):
    """There is nothing to make a contract about."""


@transaction.atomic
def choose_tariff(client: Client, tariff: Tariff, *, by: Manager) -> Surcharge:
    """Keep the choice and show what it costs. Another tariff than the signed one asks for a new contract.

    With the signed one nothing is kept: what was signed stays, though the tariff may cost something else by now.
    """
    client, now = client.locked(), timezone.now()
    before = ClientTariff.objects.filter(client=client).values_list("tariff_id", flat=True).first()
    if client.status in SIGNED and before == tariff.pk:
        return Surcharge.of(client.devices.all(), tariff)
    surcharge = ClientTariff.fix(client, tariff, by=by, now=now)
    if before not in (None, tariff.pk):
        client.reopen(by=by, now=now)
    return surcharge


@transaction.atomic
def fix_surcharge(client: Client, tariff: Tariff, *, by: Manager) -> Surcharge:
    """Fix the surcharge and move on to the contract; doing it twice changes nothing more.

    Raises NoDevices, or clients.models.TransitionRefused for a client whose contact data is not confirmed.
    """
    client = client.locked()
    if not client.devices.exists():
        raise NoDevices
    surcharge = choose_tariff(client, tariff, by=by)
    client.refresh_from_db(fields=["status"])
    if client.status not in SIGNED:
        client.move(Status.AWAITING_CONTRACT, by=by, now=timezone.now(), start=(Status.IN_VERIFICATION,))
    return surcharge
