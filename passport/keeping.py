"""Keeping a passport and its photo, with a line in the client's log that names no series and no number."""

import uuid
from collections.abc import Iterable

from django.db import transaction
from django.utils import timezone

from managers.models import Manager
from passport.models import Passport
from privet import storages
from support import log


@transaction.atomic
def keep(passport: Passport, digits: str, *, by: Manager, changed: Iterable[str] = ()) -> None:
    """Save a new or changed passport; `changed` names what changed. Raises PassportTaken."""
    body = f"Паспорт изменён: {', '.join(changed)}" if passport.is_kept else "Паспорт добавлен"
    passport.write(digits, by=by)
    log.event(passport.client, body, by=by, now=timezone.now())


def replace_photo(passport: Passport, jpeg: bytes, *, by: Manager) -> None:
    """Keep `jpeg` as the photo in place of the old one; storages.StorageUnavailable changes nothing."""
    key = f"passports/{passport.client_id}/{uuid.uuid4()}.jpg"
    with storages.stored({key: jpeg}), transaction.atomic():
        old = passport.set_photo(key, by=by)
        body = "Фото паспорта заменено" if old else "Фото паспорта добавлено"
        log.event(passport.client, body, by=by, now=timezone.now())


@transaction.atomic
def remove_photo(passport: Passport, *, by: Manager) -> None:
    """Take the photo away; once it is gone, nothing more happens."""
    if passport.set_photo("", by=by):
        log.event(passport.client, "Фото паспорта удалено", by=by, now=timezone.now())
