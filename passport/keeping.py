"""Keeping a passport and its photo, with a line in the client's log that names no series and no number."""

import uuid
from collections.abc import Iterable

from django.db import transaction
from django.utils import timezone

from agreements import consents
from agreements.models import Kind
from foundation.storage import object_storage
from managers.models import Manager
from passport.models import Passport
from photos.models import Upload
from support import log


@transaction.atomic
def keep(passport: Passport, digits: str, *, by: Manager, changed: Iterable[str] = ()) -> None:
    """Save a new or changed passport; `changed` names what changed. Raises PassportTaken, AgreementMissing."""
    consents.require(passport.client.locked(), Kind.PERSONAL_DATA)
    body = f"Паспорт изменён: {', '.join(changed)}" if passport.is_kept else "Паспорт добавлен"
    passport.write(digits, by=by)
    log.event(passport.client, body, by=by, now=timezone.now())


def photo_key(client_id: uuid.UUID) -> str:
    """A key for one more photo of the client's passport."""
    return f"passports/{client_id}/{uuid.uuid4()}.jpg"


def replace_photo(passport: Passport, jpeg: bytes, *, by: Manager) -> None:
    """Keep `jpeg` as the photo in place of the old one; object_storage.StorageUnavailable and AgreementMissing
    change nothing.
    """
    key = photo_key(passport.client_id)
    with object_storage.stored({key: jpeg}), transaction.atomic():
        _set_photo(passport, key, by=by)


@transaction.atomic
def attach(passport: Passport, uploads: Iterable[Upload], *, by: Manager) -> None:
    """Make the photo of the last accepted upload the passport's; one that was attached before changes nothing."""
    passport.client.locked()
    now = timezone.now()
    attached = [upload.photo_key for upload in uploads if upload.attach(now=now)]
    for key in attached:
        _set_photo(passport, key, by=by)


def _set_photo(passport: Passport, key: str, *, by: Manager) -> None:
    consents.require(passport.client.locked(), Kind.PERSONAL_DATA)
    old = passport.set_photo(key, by=by)
    body = "Фото паспорта заменено" if old else "Фото паспорта добавлено"
    log.event(passport.client, body, by=by, now=timezone.now())


@transaction.atomic
def remove_photo(passport: Passport, *, by: Manager) -> None:
    """Take the photo away; once it is gone, nothing more happens."""
    passport.client.locked()
    if Passport.objects.filter(pk=passport.pk).exclude(photo="").exists():
        passport.set_photo("", by=by)
        log.event(passport.client, "Фото паспорта удалено", by=by, now=timezone.now())
