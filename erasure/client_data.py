"""The only list of the data we hold about a client, with a function that erases each kind.

The caller holds the client's lock. Rows are deleted before their history, because deleting a row writes history.
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
from contact.models import ContactChange, ContactCode
from contracts import claims, issuing, payment
from contracts import mirror as invoice_mirror
from contracts.event_chain import EventKind, append_event
from contracts.models import Contract, Invoice, Payment
from contracts.payment_records import ERASED_REASON
from copies.models import CopyCode
from devices import mirror
from devices.models import ClientTariff, Device, DevicePhoto
from erasure.models import DataCategory, ErasureScope
from foundation.database.shared import table_name
from foundation.storage.models import LeftObject
from links.models import Link
from managers.models import Manager
from messaging.models import DeliveryState, OutgoingMessage
from passport.models import Passport
from photos.models import UploadPurpose
from support import bridge
from support.models import LogEntry

# The problem of messages that an erasure stops.
ERASED_MESSAGE = "данные клиента уничтожены"


@dataclass
class ErasureRun:
    """An erasure in progress: its client, and the rows and objects erased so far."""

    client: Client
    by: Manager | None
    now: datetime
    closes_account: bool = False
    rows: dict[tuple[DataCategory, str], int] = field(default_factory=dict)
    objects: dict[str, DataCategory] = field(default_factory=dict)

    def count(self, category: DataCategory, table: str, number: int) -> None:
        if number:
            self.rows[category, table] = self.rows.get((category, table), 0) + number

    def delete(self, category: DataCategory, rows: QuerySet, *, ignored_trigger: str = "") -> None:
        """Delete and count `rows`, ignoring the trigger `ignored_trigger` that normally protects them."""
        with pgtrigger.ignore(ignored_trigger) if ignored_trigger else nullcontext():
            self.count(category, table_name(rows.model), rows.delete()[0])

    def delete_history(self, category: DataCategory, model: type[Model], **filters) -> None:
        history = model.history.rel.related_model
        rows = history.objects.filter(**filters)
        self.delete(category, rows, ignored_trigger=f"{history._meta.label}:append_only")

    def add_objects(self, category: DataCategory, keys: Iterable[str]) -> None:
        self.objects |= {key: category for key in keys if key}


def erase_passport(run: ErasureRun) -> None:
    client = run.client
    passports = Passport.objects.filter(client=client)
    run.add_objects(DataCategory.PASSPORT_PHOTO, passports.values_list("photo", flat=True))
    run.delete(DataCategory.PASSPORT, passports)
    run.delete_history(DataCategory.PASSPORT, Passport, client=client)
    _erase_uploads(run, DataCategory.PASSPORT_PHOTO, UploadPurpose.PASSPORT)
    _add_undeleted_objects(run, DataCategory.PASSPORT_PHOTO, f"passports/{client.pk}/")
    client.refresh_search()


def erase_unsigned_contracts(run: ErasureRun) -> None:
    """Void open contracts and erase the contents of unsigned ones, which no law retains."""
    for contract in run.client.contracts.filter(signed_at=None, erased_at=None):
        if contract.is_open:
            issuing.void(contract, by=run.by, now=run.now)
        _erase_contract(run, contract, DataCategory.DRAFTS)


def cancel_unpaid_invoices(run: ErasureRun) -> None:
    """Cancel pending invoices, also those that the app reports as paid. The invoice rows stay."""
    payment.cancel_pending_invoices(run.client, by=run.by, now=run.now, despite_claims=True)
    claims.close_all(run.client, by=run.by, now=run.now)


def erase_payment_notes(run: ErasureRun) -> None:
    """Erase what staff typed about payments. Method, time and person stay with the invoices."""
    _erase_notes(run, Payment.objects.filter(invoice__contract__client=run.client))


def _erase_notes(run: ErasureRun, payments: QuerySet[Payment]) -> None:
    triggers = (f"contracts.Payment:{name}" for name in ("payment_is_frozen", "undone_stays_undone"))
    with pgtrigger.ignore(*triggers):
        noted = payments.exclude(note="").update(note="")
        explained = payments.exclude(undo_reason__in=["", ERASED_REASON]).update(undo_reason=ERASED_REASON)
    run.count(DataCategory.LOG, Payment._meta.db_table, noted + explained)


def erase_devices(run: ErasureRun) -> None:
    history = Device.history.rel.related_model.objects.filter(client=run.client)
    _add_undeleted_objects(
        run,
        DataCategory.DEVICE_PHOTOS,
        *(f"devices/{pk}/" for pk in set(history.values_list("pgh_obj", flat=True))),
    )
    for device in run.client.devices.all():
        try:
            mirror.delete_mirror(device)
        except mirror.DeviceInUse:  # the app's service requests refer to the mirrored row, so it stays
            mirror.strip_mirror(device)
    photos = DevicePhoto.objects.filter(device__client=run.client)
    run.add_objects(DataCategory.DEVICE_PHOTOS, [key for photo in photos for key in photo.keys])
    run.delete(DataCategory.DEVICE_PHOTOS, photos)
    run.delete(DataCategory.DEVICES, Device.objects.filter(client=run.client))
    run.delete(DataCategory.DEVICES, ClientTariff.objects.filter(client=run.client))
    run.delete_history(DataCategory.DEVICES, Device, client=run.client)
    run.delete_history(DataCategory.DEVICES, ClientTariff, client=run.client)
    _erase_uploads(run, DataCategory.DEVICE_PHOTOS, UploadPurpose.DEVICE)


def erase_account(run: ErasureRun) -> None:
    """Erase contact data and the conversation.

    If the client keeps using the account, erase only our history of it. If the app deleted the account, erase what we
    still hold.
    """
    user = run.client.account
    if run.closes_account:
        for table, number in bridge.delete_conversation(run.client).items():
            run.count(DataCategory.CONVERSATION, table, number)
        # Must come first: when an account is closed, saving it deletes an unclaimed client (privet.sync_users).
        run.client.change_status(Status.ERASED, by=run.by, now=run.now, allowed_from=tuple(Status))
        if user:
            user.close(now=run.now)
            run.count(DataCategory.CONTACT, table_name(AppUser), 1)
    category = DataCategory.CONTACT if run.closes_account else DataCategory.CONTACT_HISTORY
    run.delete_history(category, AppUser, pgh_obj=run.client.user_id)
    admin_entries = AdminLogEntry.objects.filter(
        content_type=ContentType.objects.get_for_model(Client), object_id=str(run.client.pk)
    ).exclude(object_repr=ERASED_NAME)
    run.count(category, AdminLogEntry._meta.db_table, admin_entries.update(object_repr=ERASED_NAME))


def erase_contact_changes(run: ErasureRun) -> None:
    run.delete(DataCategory.CONTACT_HISTORY, ContactCode.objects.filter(change__client=run.client))
    changes = ContactChange.objects.filter(client=run.client)
    run.delete(DataCategory.CONTACT_HISTORY, changes, ignored_trigger="contact.ContactChange:changes_stay")
    Client.objects.filter(pk=run.client.pk).update(confirmed_phone_hash="")


def erase_copy_codes(run: ErasureRun) -> None:
    run.delete(DataCategory.LOG, CopyCode.objects.filter(client=run.client))


def erase_links(run: ErasureRun) -> None:
    run.delete(DataCategory.LOG, Link.objects.filter(client=run.client))


def erase_messages(run: ErasureRun) -> None:
    """Erase contents, recipients and the ids at providers. The rows stay: codes of retained contracts refer to them."""
    messages = OutgoingMessage.objects.filter(client=run.client)
    failed = {"state": DeliveryState.FAILED, "failed_at": run.now, "problem": ERASED_MESSAGE}
    messages.filter(state=DeliveryState.QUEUED).update(**failed)
    erased = {"recipient_hash": "", "provider_id": "", "encrypted_content": ""}
    run.count(DataCategory.LOG, table_name(OutgoingMessage), messages.exclude(**erased).update(**erased))


def erase_log(run: ErasureRun) -> None:
    entries = LogEntry.objects.filter(thread__client=run.client)
    run.delete(DataCategory.LOG, entries, ignored_trigger="support.LogEntry:append_only")


def erase_contracts(run: ErasureRun, contracts: QuerySet[Contract]) -> None:
    for contract in contracts:
        _erase_contract(run, contract, DataCategory.CONTRACTS)
        with pgtrigger.ignore("contracts.Invoice:invoice_is_frozen"):
            Invoice.objects.filter(contract=contract).update(description="")
        invoice_mirror.erase_descriptions(Invoice.objects.filter(contract=contract))
        _erase_notes(run, Payment.objects.filter(invoice__contract=contract))


def erase_agreements(run: ErasureRun, agreements: QuerySet) -> None:
    run.add_objects(DataCategory.AGREEMENTS, agreements.values_list("pdf_key", flat=True))
    run.delete(DataCategory.AGREEMENTS, agreements, ignored_trigger="agreements.Agreement:agreements_stay")


def _erase_contract(run: ErasureRun, contract: Contract, category: DataCategory) -> None:
    run.add_objects(category, [contract.pdf_key])
    contract.erase(now=run.now)
    append_event(contract, EventKind.ERASED, by=run.by, at=run.now)
    run.count(category, Contract._meta.db_table, 1)


def _erase_uploads(run: ErasureRun, category: DataCategory, purpose: UploadPurpose) -> None:
    uploads = run.client.uploads.filter(purpose=purpose)
    for upload in uploads:
        run.add_objects(category, upload.keys)
    run.delete(category, uploads)


def _add_undeleted_objects(run: ErasureRun, category: DataCategory, *folders: str) -> None:
    """Add objects under `folders` whose earlier deletion failed."""
    keys = LeftObject.objects.values_list("key", flat=True)
    run.add_objects(category, [key for key in keys if key.startswith(folders)])


ERASERS: dict[ErasureScope, tuple[Callable[[ErasureRun], None], ...]] = {
    ErasureScope.PASSPORT: (erase_unsigned_contracts, erase_passport),
    ErasureScope.CLIENT: (
        erase_unsigned_contracts,
        cancel_unpaid_invoices,
        erase_payment_notes,
        erase_passport,
        erase_devices,
        erase_account,
        erase_contact_changes,
        erase_links,
        erase_copy_codes,
        erase_messages,
        erase_log,
    ),
}
