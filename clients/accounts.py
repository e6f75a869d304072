"""The client's account in «Привет Супер»: the shared table `users`."""

import re
import secrets
import uuid
from datetime import datetime

from django.core.exceptions import ValidationError
from django.db import connection, models, transaction
from django.db.models import Value
from django.db.models.functions import Lower
from django.utils import timezone
from django.utils.text import capfirst

from clients.exceptions import EmailTaken
from clients.fields import BoundedTextField, PgEnumField
from clients.passwords import unmatched_password_hash
from clients.statuses import ERASED_NAME
from foundation.database import advisory_lock, shared
from foundation.russian.printable import validate_printable
from managers.history import track_history

# The app renames phone and e-mail of an account that is closed, so that another account can have them.
CLOSED_PREFIX = re.compile(r"^del_\d{14}_[0-9a-f]{12}_")
# Characters that step 1 accepts and documents have room for. More are read of an account, so that a longer value is
# noticed.
MAX_LENGTHS = {"name": 150, "phone": 40, "email": 254, "address": 500}
CONTACT_FIELDS = tuple(MAX_LENGTHS)


class AccountStatus(models.TextChoices):
    GHOST = "ghost"
    ACTIVE = "active"
    BLOCKED = "blocked"
    DELETED = "deleted"


@track_history("manager_contact_history", fields=list(CONTACT_FIELDS), by_triggers=False)
class AppUser(shared.SharedModel):
    """An account of the client's app (`users`, shared). We add accounts, correct their contact data and close them."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    phone = BoundedTextField("телефон", max_read=100, unique=True, help_text="Десять цифр без +7.")
    email = BoundedTextField("электронная почта", max_read=300, unique=True, null=True, blank=True)
    password_hash = BoundedTextField(max_read=255, default=unmatched_password_hash, editable=False)
    name = BoundedTextField("имя", max_read=300)
    address = BoundedTextField("адрес", max_read=1000, null=True, blank=True)
    status = PgEnumField(
        enum="public.user_status_t", choices=AccountStatus, default=AccountStatus.ACTIVE, editable=False
    )
    has_subscription = models.BooleanField(default=False, editable=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    updated_at = models.DateTimeField(default=timezone.now, editable=False)
    deleted_at = models.DateTimeField(null=True, editable=False)

    class Meta:
        managed = False
        db_table = shared.table("users")
        verbose_name = "учётная запись клиента"
        verbose_name_plural = "учётные записи клиентов"

    def __str__(self):
        return self.name

    @transaction.atomic
    def save(self, **options) -> None:
        """Write the account and bring our client up to date with it, as the inbox does with changes by the app."""
        super().save(**options)
        with connection.cursor() as cursor:
            cursor.execute("CALL privet.sync_users(%s::uuid[])", [[self.pk]])

    def update_contact(self, *, name: str, phone: str, email: str | None, address: str, now: datetime) -> None:
        """Save contact data that a manager confirmed. Call it in a transaction.

        Raises IntegrityError if another account has the phone or the e-mail.
        """
        if email and email != self.email:
            self.lock_email(email)
        self.name, self.phone, self.email, self.address, self.updated_at = name, phone, email or None, address, now
        self.save(update_fields=[*CONTACT_FIELDS, "updated_at"])

    def lock_email(self, email: str) -> None:
        """Lock the e-mail until the transaction ends. Raise EmailTaken if another account has it.

        The lock is advisory: it serializes our own transactions. The table is the app's and has no index that ignores
        case.
        """
        advisory_lock.lock(email.lower())
        if list(self.others_with_email(email)):
            raise EmailTaken

    def others_with_email(self, email: str) -> models.QuerySet["AppUser"]:
        """Other accounts with this e-mail, ignoring case. To the app, e-mails in different cases are different.

        Don't add LIMIT 1: PostgreSQL would scan the table instead of using the index.
        """
        # Must match the expression of the index users_privet_email.
        matching = AppUser.objects.alias(folded=Lower("email")).filter(folded=Lower(Value(email)))
        return matching.exclude(pk=self.pk)

    @property
    def contact(self) -> dict[str, str | None]:
        return {name: getattr(self, name) for name in CONTACT_FIELDS}

    @property
    def shown_phone(self) -> str:
        """The phone, as it was before the account was closed."""
        return original_value(self.phone)

    @property
    def shown_email(self) -> str:
        """The e-mail, as it was before the account was closed; "" if there is none."""
        return original_value(self.email)

    @property
    def unprintable_error(self) -> str:
        """Error message for the first contact field that a PDF can't show, or "". The app accepts any text.

        A deleted account has none: its contact data can't be corrected.
        """
        if self.is_deleted:
            return ""
        for name, value in self.contact.items():
            try:
                _validate_length(value or "", self._meta.get_field(name), MAX_LENGTHS[name])
                validate_printable(value or "")
            except ValidationError as error:
                label = capfirst(self._meta.get_field(name).verbose_name)
                return f"Исправьте поле «{label}». {error.message}"
        return ""

    def conflicting_fields(self, original: dict, new: dict) -> set[str]:
        """Names of the fields that changed since the form was opened and would be overwritten.

        `original` has the values when the form was opened, `new` the values to save, both by the names in
        CONTACT_FIELDS.
        """
        return {
            name
            for name, current in self.contact.items()
            if (current or "") not in (original[name] or "", new[name] or "")
        }

    @property
    def effective_status(self) -> str:
        """The status, or DELETED if `deleted_at` is set."""
        return AccountStatus.DELETED if self.deleted_at else self.status

    @property
    def is_deleted(self) -> bool:
        return self.effective_status == AccountStatus.DELETED

    @property
    def is_open(self) -> bool:
        """Whether the client can sign in to the app and read messages: the account is not deleted and not blocked."""
        return self.effective_status not in (AccountStatus.DELETED, AccountStatus.BLOCKED)

    def close(self, *, now: datetime) -> None:
        """Anonymize and close the account permanently. The row stays, because rows of the app refer to it."""
        self.name, self.phone, self.email, self.address = ERASED_NAME, _unused_placeholder_phone(), None, None
        self.password_hash = unmatched_password_hash()
        self.status, self.has_subscription = AccountStatus.DELETED, False
        self.deleted_at = self.updated_at = now
        self.save()


def _validate_length(value: str, field: BoundedTextField, limit: int) -> None:
    if len(value) >= field.max_read:
        raise ValidationError(f"Оно такое длинное, что показано только начало. Впишите не больше {limit} знаков.")
    if len(value) > limit:
        raise ValidationError(f"Сократите его: в документе помещается не больше {limit} знаков.")


def original_value(value: str | None) -> str:
    """Return a phone or an e-mail without the prefix that the app adds when it closes the account.

    >>> original_value("del_20261130093015_0123456789ab_9771232323"), original_value("9771232323"), original_value(None)
    ('9771232323', '9771232323', '')
    """
    return CLOSED_PREFIX.sub("", value or "", count=1)


def _unused_placeholder_phone() -> str:
    """An unused placeholder of ten digits. It starts with 0, which no Russian phone number does."""
    while True:
        digits = f"0{secrets.randbelow(10**9):09}"
        if not AppUser.objects.filter(phone=digits).exists():
            return digits
