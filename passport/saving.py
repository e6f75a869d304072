"""Save a passport and its photo. Each function locks the client once.

The client log entries do not contain series and number.
"""

import uuid
from collections.abc import Iterable, Sequence

from django.db import transaction
from django.utils import timezone

from agreements import consents
from agreements.models import AgreementKind
from clients.models import Client
from foundation.database import advisory_lock
from foundation.storage import object_storage
from managers import cipher
from managers.models import Manager
from passport.models import Passport, PassportTaken
from photos.models import Upload
from support import log

# Without the photo and an unchanged number: both may have changed since the passport was loaded (new photo, key
# rotation).
SAVED_FIELDS = [
    "last_name", "first_name", "middle_name", "issued_by", "department_code", "issued_on", "birth_date",
    "registration_address", "updated_at", "updated_by",
]  # fmt: skip


@transaction.atomic
def save_passport(passport: Passport, digits: str, *, by: Manager, changed: Sequence[str] = ()) -> None:
    """Save the passport with series and number `digits` (ten digits; "" keeps the current ones).

    `changed` holds the labels of changed fields, for the client log. If two first passports of a client are saved at
    once, the second updates the first. Raises PassportTaken if another client has the same number, AgreementMissing
    without the consent.
    """
    client = passport.client.lock()
    consents.require_consent(client, AgreementKind.PERSONAL_DATA)
    message = f"Паспорт изменён: {', '.join(changed)}" if passport.is_saved else "Паспорт добавлен"
    if not passport.is_saved:
        _adopt_existing_row(passport)
    number = ["series_and_number", "series_and_number_hash"] if digits and _set_number(passport, digits) else []
    now = timezone.now()
    passport.updated_at, passport.updated_by = now, by
    passport.save(update_fields=SAVED_FIELDS + number if passport.is_saved else None)
    log.add_event(client, message, by=by, now=now)


def _adopt_existing_row(passport: Passport) -> None:
    """Use the row that an earlier request has saved for this client, if any."""
    existing = Passport.objects.filter(client=passport.client).only("pk", "photo").first()
    if existing:
        passport.pk, passport.photo, passport._state.adding = existing.pk, existing.photo, False


def _set_number(passport: Passport, digits: str) -> bool:
    """Set the encrypted number and its hash. Return whether `digits` differ from the saved number."""
    digest = cipher.keyed_hash(digits)
    # Lock before writing, so that a concurrent save of the same number waits and then sees this row.
    advisory_lock.lock(digest)
    if Passport.objects.filter(series_and_number_hash=digest).exclude(pk=passport.pk).exists():
        raise PassportTaken
    if passport.series_and_number_hash == digest:
        return False
    passport.series_and_number, passport.series_and_number_hash = cipher.encrypt(digits), digest
    return True


def new_photo_key(client_id: uuid.UUID) -> str:
    """Return a new storage key for a passport photo."""
    return f"passports/{client_id}/{uuid.uuid4()}.jpg"


def replace_photo(passport: Passport, jpeg: bytes, *, by: Manager) -> None:
    """Replace the photo by `jpeg`. On StorageUnavailable or AgreementMissing nothing is changed."""
    key = new_photo_key(passport.client_id)
    with object_storage.stored_objects({key: jpeg}), transaction.atomic():
        _set_photo(passport, key, client=passport.client.lock(), by=by)


@transaction.atomic
def attach_uploads(passport: Passport, uploads: Iterable[Upload], *, by: Manager) -> None:
    """Replace the photo by that of the last upload. Uploads that are already attached are ignored."""
    client, now = passport.client.lock(), timezone.now()
    for key in [upload.photo_key for upload in uploads if upload.mark_attached(now=now)]:
        _set_photo(passport, key, client=client, by=by)


def _set_photo(passport: Passport, key: str, *, client: Client, by: Manager) -> None:
    consents.require_consent(client, AgreementKind.PERSONAL_DATA)
    replaced = _save_photo_key(passport, key, by=by)
    message = "Фото паспорта заменено" if replaced else "Фото паспорта добавлено"
    log.add_event(client, message, by=by, now=timezone.now())


@transaction.atomic
def delete_photo(passport: Passport, *, by: Manager) -> None:
    """Delete the photo. Idempotent."""
    client = passport.client.lock()
    if Passport.objects.filter(pk=passport.pk).exclude(photo="").exists():
        _save_photo_key(passport, "", by=by)
        log.add_event(client, "Фото паспорта удалено", by=by, now=timezone.now())


def _save_photo_key(passport: Passport, key: str, *, by: Manager) -> str:
    """Save the photo's key, "" for none. Delete the previous object after the commit and return its key."""
    previous = Passport.objects.select_for_update().values_list("photo", flat=True).get(pk=passport.pk)
    passport.photo, passport.updated_at, passport.updated_by = key, timezone.now(), by
    passport.save(update_fields=["photo", "updated_at", "updated_by"])
    object_storage.delete_after_commit(previous)
    return previous
