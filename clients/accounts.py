"""The client's account in «Привет Супер»: the shared table `users`."""

import secrets
import uuid
from datetime import datetime

from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import Value
from django.db.models.functions import Lower
from django.utils import timezone
from django.utils.text import capfirst

from clients.exceptions import EmailTaken
from clients.fields import PgEnumField
from clients.statuses import ERASED_NAME
from foundation.database import advisory_lock
from foundation.russian.printable import validate_printable
from managers.history import track_history

CONTACT_FIELDS = ("name", "phone", "email", "address")
UNUSABLE_PASSWORD = "!"  # noqa: S105  no hash equals it, so no password opens the account


class AccountStatus(models.TextChoices):
    GHOST = "ghost"
    ACTIVE = "active"
    BLOCKED = "blocked"
    DELETED = "deleted"


@track_history("manager_contact_history", fields=list(CONTACT_FIELDS), by_triggers=False)
class AppUser(models.Model):
    """An account of the client's app (`users`): shared, read as it is; we correct contact data and add clients."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    phone = models.CharField("телефон", max_length=10, unique=True, help_text="Десять цифр без +7.")
    email = models.CharField("электронная почта", max_length=254, unique=True, null=True, blank=True)
    password_hash = models.CharField(max_length=255, default=UNUSABLE_PASSWORD, editable=False)
    name = models.CharField("имя", max_length=150)
    address = models.TextField("адрес", null=True, blank=True)
    status = PgEnumField(enum="user_status_t", choices=AccountStatus, default=AccountStatus.ACTIVE, editable=False)
    has_subscription = models.BooleanField(default=False, editable=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    updated_at = models.DateTimeField(default=timezone.now, editable=False)
    deleted_at = models.DateTimeField(null=True, editable=False)

    class Meta:
        managed = False
        db_table = "users"
        verbose_name = "учётная запись клиента"
        verbose_name_plural = "учётные записи клиентов"

    def __str__(self):
        return self.name

    def update_contact(self, *, name: str, phone: str, email: str | None, address: str, now: datetime) -> None:
        """Write contact data that a manager confirmed; IntegrityError when phone or e-mail is another account's.

        Call it in a transaction.
        """
        if email and email != self.email:
            self.lock_email(email)
        self.name, self.phone, self.email, self.address, self.updated_at = name, phone, email or None, address, now
        self.save(update_fields=[*CONTACT_FIELDS, "updated_at"])

    def lock_email(self, email: str) -> None:
        """Until the transaction ends no other account is given this e-mail here. EmailTaken when one has it already."""
        advisory_lock.lock(email.lower())
        if list(self.others_with_email(email)):
            raise EmailTaken

    def others_with_email(self, email: str) -> models.QuerySet["AppUser"]:
        """Accounts with this e-mail in any case, which to the app is another. Ask for all, there are few: for one row
        of many, as far as it knows, PostgreSQL would rather read the table.
        """
        # The very expression of the index users_privet_email.
        same = AppUser.objects.alias(folded=Lower("email")).filter(folded=Lower(Value(email)))
        return same.exclude(pk=self.pk)

    @property
    def contact(self) -> dict[str, str | None]:
        return {name: getattr(self, name) for name in CONTACT_FIELDS}

    @property
    def unprintable_error(self) -> str:
        """Message about the first contact field that a document cannot show, or "". The app accepts any characters."""
        for name, value in self.contact.items():
            try:
                validate_printable(value or "")
            except ValidationError as error:
                label = capfirst(self._meta.get_field(name).verbose_name)
                return f"Исправьте поле «{label}». {error.message}"
        return ""

    def conflicting_fields(self, shown: dict, correct: dict) -> set[str]:
        """Which contact data is neither as it was `shown` nor as it is to be: it would be lost without being seen."""
        return {
            name for name, now in self.contact.items() if (now or "") not in (shown[name] or "", correct[name] or "")
        }

    @property
    def state(self) -> str:
        """The status; of an account that has a time of deletion, that it is deleted."""
        return AccountStatus.DELETED if self.deleted_at else self.status

    @property
    def is_in_use(self) -> bool:
        """Whether the client opens it in the app, with a password of theirs or for a subscription."""
        is_open = self.state != AccountStatus.DELETED
        return is_open and (self.has_subscription or self.password_hash != UNUSABLE_PASSWORD)

    def close(self, *, now: datetime) -> None:
        """Take the person out of it and close it for good; the row stays, because rows of the app refer to it."""
        self.name, self.phone, self.email, self.address = ERASED_NAME, _unused_placeholder_phone(), None, None
        self.password_hash, self.status, self.has_subscription = UNUSABLE_PASSWORD, AccountStatus.DELETED, False
        self.deleted_at = self.updated_at = now
        self.save()


def _unused_placeholder_phone() -> str:
    """Ten digits as the column wants them, beginning with the 0 that no phone of Russia begins with."""
    while True:
        digits = f"0{secrets.randbelow(10**9):09}"
        if not AppUser.objects.filter(phone=digits).exists():
            return digits
