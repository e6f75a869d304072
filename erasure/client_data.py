"""What is known of a client, part by part, and how each part is taken away. The only list of it.

Called while the client is held. Rows go first and their history after them, because removing a row is history too.
"""

from collections.abc import Callable, Iterable
from contextlib import nullcontext
from dataclasses import dataclass, field
from datetime import datetime

import pgtrigger
from django.contrib.admin.models import LogEntry as AdminLogEntry
from django.contrib.contenttypes.models import ContentType
from django.db.models import Model, QuerySet

from clients.models import ERASED_NAME, AppUser, Client, Status
from contracts import issuing, payment
from contracts.event_chain import EventKind, append_event
from contracts.models import Contract, Invoice
from devices import mirror
from devices.models import ClientTariff, Device, DevicePhoto
from erasure.models import DataCategory, ErasureScope
from foundation.storage.models import LeftObject
from managers.models import Manager
from passport.models import Passport
from photos.models import UploadPurpose
from support import bridge
from support.models import LogEntry


@dataclass
class ErasureRun:
    """A removal that is under way: of whom, and what has gone so far."""

    client: Client
    by: Manager | None
    now: datetime
    closes_account: bool = False
    rows: dict[tuple[DataCategory, str], int] = field(default_factory=dict)
    objects: dict[str, DataCategory] = field(default_factory=dict)

    def count(self, category: DataCategory, table: str, number: int) -> None:
        if number:
            self.rows[category, table] = self.rows.get((category, table), 0) + number

    def delete(self, category: DataCategory, rows: QuerySet, *, passing: str = "") -> None:
        """Delete `rows`; `passing` is the trigger that lets nobody else do so."""
        with pgtrigger.ignore(passing) if passing else nullcontext():
            self.count(category, rows.model._meta.db_table, rows.delete()[0])

    def delete_history(self, category: DataCategory, model: type[Model], **of_client) -> None:
        history = model.history.rel.related_model
        self.delete(category, history.objects.filter(**of_client), passing=f"{history._meta.label}:append_only")

    def add_objects(self, category: DataCategory, keys: Iterable[str]) -> None:
        self.objects |= {key: category for key in keys if key}


def erase_passport(removal: ErasureRun) -> None:
    client = removal.client
    passports = Passport.objects.filter(client=client)
    removal.add_objects(DataCategory.PASSPORT_PHOTO, passports.values_list("photo", flat=True))
    removal.delete(DataCategory.PASSPORT, passports)
    removal.delete_history(DataCategory.PASSPORT, Passport, client=client)
    _erase_uploads(removal, DataCategory.PASSPORT_PHOTO, UploadPurpose.PASSPORT)
    _add_undeleted_objects(removal, DataCategory.PASSPORT_PHOTO, f"passports/{client.pk}/")
    client.refresh_search()


def erase_unsigned_contracts(removal: ErasureRun) -> None:
    """Contracts that nobody signed: nobody has to keep what they say."""
    for contract in removal.client.contracts.filter(signed_at=None, erased_at=None):
        if contract.is_open:
            issuing.void(contract, by=removal.by, now=removal.now)
        _erase_contract(removal, contract, DataCategory.DRAFTS)


def cancel_unpaid_invoices(removal: ErasureRun) -> None:
    """What nobody can be asked to pay any more; the invoices themselves stay."""
    payment.cancel_pending_invoices(removal.client, by=removal.by, now=removal.now)


def erase_devices(removal: ErasureRun) -> None:
    history = Device.history.rel.related_model.objects.filter(client=removal.client)
    _add_undeleted_objects(
        removal,
        DataCategory.DEVICE_PHOTOS,
        *(f"devices/{pk}/" for pk in set(history.values_list("pgh_obj", flat=True))),
    )
    for device in removal.client.devices.all():
        try:
            mirror.delete_mirror(device)
        except mirror.DeviceInUse:  # the app's service requests refer to its row there, which is theirs and stays
            mirror.delete_mirrored_photos(device)
    photos = DevicePhoto.objects.filter(device__client=removal.client)
    removal.add_objects(DataCategory.DEVICE_PHOTOS, [key for photo in photos for key in photo.keys])
    removal.delete(DataCategory.DEVICE_PHOTOS, photos)
    removal.delete(DataCategory.DEVICES, Device.objects.filter(client=removal.client))
    removal.delete(DataCategory.DEVICES, ClientTariff.objects.filter(client=removal.client))
    removal.delete_history(DataCategory.DEVICES, Device, client=removal.client)
    removal.delete_history(DataCategory.DEVICES, ClientTariff, client=removal.client)
    _erase_uploads(removal, DataCategory.DEVICE_PHOTOS, UploadPurpose.DEVICE)


def erase_account(removal: ErasureRun) -> None:
    """Contact data and the conversation; of an account that the client goes on using, only our history of it.

    Where the app has deleted the account, what is left of it here.
    """
    user = removal.client.account
    if removal.closes_account:
        for table, number in bridge.delete_conversation(removal.client).items():
            removal.count(DataCategory.CONVERSATION, table, number)
        # First, because the trigger on `users` takes an unclaimed client away with a closed account.
        removal.client.change_status(Status.ERASED, by=removal.by, now=removal.now, allowed_from=tuple(Status))
        if user:
            user.close(now=removal.now)
            removal.count(DataCategory.CONTACT, AppUser._meta.db_table, 1)
    category = DataCategory.CONTACT if removal.closes_account else DataCategory.CONTACT_HISTORY
    removal.delete_history(category, AppUser, pgh_obj=removal.client.user_id)
    noted = AdminLogEntry.objects.filter(
        content_type=ContentType.objects.get_for_model(Client), object_id=str(removal.client.pk)
    ).exclude(object_repr=ERASED_NAME)
    removal.count(category, AdminLogEntry._meta.db_table, noted.update(object_repr=ERASED_NAME))


def erase_log(removal: ErasureRun) -> None:
    entries = LogEntry.objects.filter(thread__client=removal.client)
    removal.delete(DataCategory.LOG, entries, passing="support.LogEntry:append_only")


def erase_contracts(removal: ErasureRun, which: QuerySet[Contract]) -> None:
    for contract in which:
        _erase_contract(removal, contract, DataCategory.CONTRACTS)
        with pgtrigger.ignore("contracts.Invoice:invoice_is_frozen"):
            Invoice.objects.filter(contract=contract).update(description="")


def erase_agreements(removal: ErasureRun, which: QuerySet) -> None:
    removal.add_objects(DataCategory.AGREEMENTS, which.values_list("pdf_key", flat=True))
    removal.delete(DataCategory.AGREEMENTS, which, passing="agreements.Agreement:agreements_stay")


def _erase_contract(removal: ErasureRun, contract: Contract, category: DataCategory) -> None:
    removal.add_objects(category, [contract.pdf_key])
    contract.erase(now=removal.now)
    append_event(contract, EventKind.ERASED, by=removal.by, at=removal.now)
    removal.count(category, Contract._meta.db_table, 1)


def _erase_uploads(removal: ErasureRun, category: DataCategory, purpose: UploadPurpose) -> None:
    uploads = removal.client.uploads.filter(purpose=purpose)
    for upload in uploads:
        removal.add_objects(category, upload.keys)
    removal.delete(category, uploads)


def _add_undeleted_objects(removal: ErasureRun, category: DataCategory, *folders: str) -> None:
    """What lost its row long ago and could not be removed then."""
    keys = LeftObject.objects.values_list("key", flat=True)
    removal.add_objects(category, [key for key in keys if key.startswith(folders)])


ERASERS: dict[ErasureScope, tuple[Callable[[ErasureRun], None], ...]] = {
    ErasureScope.PASSPORT: (erase_unsigned_contracts, erase_passport),
    ErasureScope.CLIENT: (
        erase_unsigned_contracts,
        cancel_unpaid_invoices,
        erase_passport,
        erase_devices,
        erase_account,
        erase_log,
    ),
}
