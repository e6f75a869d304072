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
from contracts.event_chain import What, append
from contracts.models import Contract, Invoice
from devices import mirror
from devices.models import ClientTariff, Device, DevicePhoto
from erasure.models import Category, Scope
from foundation.storage.models import LeftObject
from managers.models import Manager
from passport.models import Passport
from photos.models import Purpose
from support import bridge
from support.models import LogEntry


@dataclass
class Removal:
    """A removal that is under way: of whom, and what has gone so far."""

    client: Client
    by: Manager | None
    now: datetime
    closes_account: bool = False
    rows: dict[tuple[Category, str], int] = field(default_factory=dict)
    objects: dict[str, Category] = field(default_factory=dict)

    def count(self, category: Category, table: str, number: int) -> None:
        if number:
            self.rows[category, table] = self.rows.get((category, table), 0) + number

    def delete(self, category: Category, rows: QuerySet, *, passing: str = "") -> None:
        """Delete `rows`; `passing` is the trigger that lets nobody else do so."""
        with pgtrigger.ignore(passing) if passing else nullcontext():
            self.count(category, rows.model._meta.db_table, rows.delete()[0])

    def delete_history(self, category: Category, model: type[Model], **of_client) -> None:
        history = model.history.rel.related_model
        self.delete(category, history.objects.filter(**of_client), passing=f"{history._meta.label}:append_only")

    def take_objects(self, category: Category, keys: Iterable[str]) -> None:
        self.objects |= {key: category for key in keys if key}


def passport(removal: Removal) -> None:
    client = removal.client
    passports = Passport.objects.filter(client=client)
    removal.take_objects(Category.PASSPORT_PHOTO, passports.values_list("photo", flat=True))
    removal.delete(Category.PASSPORT, passports)
    removal.delete_history(Category.PASSPORT, Passport, client=client)
    _uploads(removal, Category.PASSPORT_PHOTO, Purpose.PASSPORT)
    _left(removal, Category.PASSPORT_PHOTO, f"passports/{client.pk}/")
    client.forget_in_search()


def drafts(removal: Removal) -> None:
    """Contracts that nobody signed: nobody has to keep what they say."""
    for contract in removal.client.contracts.filter(signed_at=None, erased_at=None):
        if contract.is_open:
            issuing.void(contract, by=removal.by, now=removal.now)
        _contract(removal, contract, Category.DRAFTS)


def bills(removal: Removal) -> None:
    """What nobody can be asked to pay any more; the invoices themselves stay."""
    payment.cancel_pending(removal.client, by=removal.by, now=removal.now)


def devices(removal: Removal) -> None:
    history = Device.history.rel.related_model.objects.filter(client=removal.client)
    _left(removal, Category.DEVICE_PHOTOS, *(f"devices/{pk}/" for pk in set(history.values_list("pgh_obj", flat=True))))
    for device in removal.client.devices.all():
        try:
            mirror.forget(device)
        except mirror.InUse:  # the app's service requests refer to its row there, which is theirs and stays
            mirror.forget_photos(device)
    photos = DevicePhoto.objects.filter(device__client=removal.client)
    removal.take_objects(Category.DEVICE_PHOTOS, [key for photo in photos for key in photo.keys])
    removal.delete(Category.DEVICE_PHOTOS, photos)
    removal.delete(Category.DEVICES, Device.objects.filter(client=removal.client))
    removal.delete(Category.DEVICES, ClientTariff.objects.filter(client=removal.client))
    removal.delete_history(Category.DEVICES, Device, client=removal.client)
    removal.delete_history(Category.DEVICES, ClientTariff, client=removal.client)
    _uploads(removal, Category.DEVICE_PHOTOS, Purpose.DEVICE)


def account(removal: Removal) -> None:
    """Contact data and the conversation; of an account that the client goes on using, only our history of it.

    Where the app has deleted the account, what is left of it here.
    """
    user = removal.client.account
    if removal.closes_account:
        for table, number in bridge.forget(removal.client).items():
            removal.count(Category.CONVERSATION, table, number)
        # First, because the trigger on `users` takes an unclaimed client away with a closed account.
        removal.client.move(Status.ERASED, by=removal.by, now=removal.now, start=tuple(Status))
        if user:
            user.close(now=removal.now)
            removal.count(Category.CONTACT, AppUser._meta.db_table, 1)
    category = Category.CONTACT if removal.closes_account else Category.CONTACT_HISTORY
    removal.delete_history(category, AppUser, pgh_obj=removal.client.user_id)
    noted = AdminLogEntry.objects.filter(
        content_type=ContentType.objects.get_for_model(Client), object_id=str(removal.client.pk)
    ).exclude(object_repr=ERASED_NAME)
    removal.count(category, AdminLogEntry._meta.db_table, noted.update(object_repr=ERASED_NAME))


def log(removal: Removal) -> None:
    entries = LogEntry.objects.filter(thread__client=removal.client)
    removal.delete(Category.LOG, entries, passing="support.LogEntry:append_only")


def contracts(removal: Removal, which: QuerySet[Contract]) -> None:
    for contract in which:
        _contract(removal, contract, Category.CONTRACTS)
        with pgtrigger.ignore("contracts.Invoice:invoice_is_frozen"):
            Invoice.objects.filter(contract=contract).update(description="")


def agreements(removal: Removal, which: QuerySet) -> None:
    removal.take_objects(Category.AGREEMENTS, which.values_list("pdf_key", flat=True))
    removal.delete(Category.AGREEMENTS, which, passing="agreements.Agreement:agreements_stay")


def _contract(removal: Removal, contract: Contract, category: Category) -> None:
    removal.take_objects(category, [contract.pdf_key])
    contract.erase(now=removal.now)
    append(contract, What.ERASED, by=removal.by, at=removal.now)
    removal.count(category, Contract._meta.db_table, 1)


def _uploads(removal: Removal, category: Category, purpose: Purpose) -> None:
    uploads = removal.client.uploads.filter(purpose=purpose)
    for upload in uploads:
        removal.take_objects(category, upload.keys)
    removal.delete(category, uploads)


def _left(removal: Removal, category: Category, *folders: str) -> None:
    """What lost its row long ago and could not be removed then."""
    keys = LeftObject.objects.values_list("key", flat=True)
    removal.take_objects(category, [key for key in keys if key.startswith(folders)])


PARTS: dict[Scope, tuple[Callable[[Removal], None], ...]] = {
    Scope.PASSPORT: (drafts, passport),
    Scope.CLIENT: (drafts, bills, passport, devices, account, log),
}
