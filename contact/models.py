"""Changes of a client's phone or e-mail by a manager, and the codes with which clients confirm them."""

import json
import uuid
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta

import pgtrigger
from django.db import models
from django.db.models import F, Q
from django.utils import timezone

from clients.models import Client, Status
from managers import cipher
from managers.models import Manager
from messaging.codes import OneTimeCode

# The contact data that codes and links are sent to.
PROTECTED_FIELDS = ("phone", "email")
# How long no code is sent to a contact that nobody has confirmed.
HOLD = timedelta(hours=24)
MAX_REASON = 500


class Way(models.TextChoices):
    """Why the change was allowed."""

    CODE = "code", "Клиент назвал код"
    APPROVAL = "approval", "Разрешил администратор"
    UNCONFIRMED = "unconfirmed", "Без подтверждения"
    ONLY_ADMIN = "only_admin", "Без подтверждения, единственный администратор"
    # The account was not known to be the client's: they have no password, and no code was ever entered.
    FREE = "free", "Подтверждать было нечего"


class ChangeState(models.TextChoices):
    WAITING = "waiting", "Ждёт подтверждения"
    ASKED = "asked", "Ждёт администратора"
    APPLIED = "applied", "Записано"
    REJECTED = "rejected", "Отказано"
    CANCELLED = "cancelled", "Отменено"


@dataclass(frozen=True)
class Values:
    """`old`: phone and e-mail of the account when the change was requested; `new`: those of them that change."""

    old: dict[str, str | None]
    new: dict[str, str | None]


# Fields that change while the change is open; all others never do. After it is closed, none does.
CHANGING_FIELDS = [
    "encrypted_values", "asked_at", "reason", "applied_at", "way", "held_until", "decided_by", "decided_at",
    "decision_note", "rejected_at", "cancelled_at", "cancelled_by",
]  # fmt: skip
OPEN_CHANGE = Q(applied_at=None, rejected_at=None, cancelled_at=None)


class ContactChangeQuerySet(models.QuerySet):
    def open(self) -> "ContactChangeQuerySet":
        """Changes that wait for a confirmation: at most one per client."""
        return self.filter(OPEN_CHANGE)

    def asked(self) -> "ContactChangeQuerySet":
        """Changes that wait for an admin, oldest first."""
        return self.open().filter(asked_at__isnull=False).order_by("asked_at", "pk")

    def held(self, now: datetime) -> "ContactChangeQuerySet":
        """Changes whose new contact gets no codes yet."""
        return self.filter(applied_at__isnull=False, held_until__gt=now)


class ContactChange(models.Model):
    """A change of phone or e-mail that a manager requested. The state follows from the times.

    The values are deleted when it is closed. The keyed hashes of the new ones stay; "" means unchanged.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    client = models.ForeignKey(
        Client, on_delete=models.PROTECT, related_name="contact_changes", db_index=False, verbose_name="клиент"
    )
    requested_at = models.DateTimeField("когда")
    requested_by = models.ForeignKey(Manager, on_delete=models.PROTECT, related_name="+", verbose_name="кто меняет")
    encrypted_values = models.TextField(blank=True, editable=False)
    new_phone_hash = models.CharField(max_length=64, blank=True, editable=False)
    new_email_hash = models.CharField(max_length=64, blank=True, editable=False)
    # Why the manager asks an admin.
    asked_at = models.DateTimeField("администратор спрошен", null=True)
    reason = models.CharField("почему меняет", max_length=MAX_REASON, blank=True)
    applied_at = models.DateTimeField("записано", null=True)
    way = models.CharField("на каком основании", max_length=12, choices=Way, blank=True)
    # NULL: confirmed, or there was nothing to confirm.
    held_until = models.DateTimeField("коды не отправляются до", null=True)
    decided_by = models.ForeignKey(
        Manager, on_delete=models.PROTECT, null=True, related_name="+", verbose_name="администратор"
    )
    decided_at = models.DateTimeField("решено", null=True)
    decision_note = models.CharField("почему так решено", max_length=MAX_REASON, blank=True)
    rejected_at = models.DateTimeField("отказано", null=True)
    cancelled_at = models.DateTimeField("отменено", null=True)
    cancelled_by = models.ForeignKey(
        Manager, on_delete=models.PROTECT, null=True, related_name="+", verbose_name="кто отменил"
    )

    objects = ContactChangeQuerySet.as_manager()

    class Meta:
        db_table = "manager_contact_changes"
        verbose_name = "изменение контакта"
        verbose_name_plural = "изменения контактов"
        ordering = ["-requested_at", "-id"]
        indexes = [
            models.Index(fields=["client", "-requested_at"], name="contact_changes_of_client"),
            models.Index(fields=["-requested_at", "-id"], name="contact_changes_by_time"),
            models.Index(
                fields=["asked_at", "id"],
                name="contact_changes_asked",
                condition=OPEN_CHANGE & Q(asked_at__isnull=False),
            ),
        ]
        constraints = [
            models.UniqueConstraint("client", name="manager_contact_changes_one_open", condition=OPEN_CHANGE),
            models.CheckConstraint(
                condition=OPEN_CHANGE
                | Q(applied_at__isnull=False, rejected_at=None, cancelled_at=None)
                | Q(applied_at=None, rejected_at__isnull=False, cancelled_at=None)
                | Q(applied_at=None, rejected_at=None, cancelled_at__isnull=False),
                name="manager_contact_changes_one_outcome",
            ),
            models.CheckConstraint(
                condition=Q(applied_at=None, way="") | Q(applied_at__isnull=False, way__in=Way.values),
                name="manager_contact_changes_applied_in_a_way",
            ),
            models.CheckConstraint(
                condition=~Q(way__in=["unconfirmed", "only_admin"]) | Q(held_until__isnull=False),
                name="manager_contact_changes_unconfirmed_is_held",
            ),
            models.CheckConstraint(
                condition=~Q(way="approval") | Q(decided_by__isnull=False) & ~Q(decided_by=F("requested_by")),
                name="manager_contact_changes_approved_by_another",
            ),
            models.CheckConstraint(
                condition=OPEN_CHANGE | Q(encrypted_values=""), name="manager_contact_changes_values_deleted"
            ),
            models.CheckConstraint(
                condition=~Q(new_phone_hash="", new_email_hash=""), name="manager_contact_changes_something"
            ),
        ]
        triggers = [
            pgtrigger.ReadOnly(name="change_is_frozen", exclude=CHANGING_FIELDS),
            pgtrigger.Protect(
                name="closed_stays_closed",
                operation=pgtrigger.Update,
                condition=pgtrigger.Condition(
                    "OLD.applied_at IS NOT NULL OR OLD.rejected_at IS NOT NULL OR OLD.cancelled_at IS NOT NULL"
                ),
            ),
            pgtrigger.Protect(
                name="request_stays",
                operation=pgtrigger.Update,
                condition=pgtrigger.Condition(
                    "OLD.asked_at IS NOT NULL"
                    " AND ROW(OLD.asked_at, OLD.reason) IS DISTINCT FROM ROW(NEW.asked_at, NEW.reason)"
                ),
            ),
            # What an admin sees is what is written.
            pgtrigger.Protect(
                name="values_stay",
                operation=pgtrigger.Update,
                condition=pgtrigger.Condition(
                    "NEW.encrypted_values <> '' AND NEW.encrypted_values IS DISTINCT FROM OLD.encrypted_values"
                ),
            ),
            pgtrigger.Protect(name="changes_stay", operation=pgtrigger.Delete),
        ]

    def __str__(self):
        return f"Изменение от {timezone.localtime(self.requested_at):%d.%m.%Y %H:%M}"

    @property
    def state(self) -> ChangeState:
        if self.applied_at:
            return ChangeState.APPLIED
        if self.rejected_at:
            return ChangeState.REJECTED
        if self.cancelled_at:
            return ChangeState.CANCELLED
        return ChangeState.ASKED if self.asked_at else ChangeState.WAITING

    @property
    def is_open(self) -> bool:
        return self.state in (ChangeState.WAITING, ChangeState.ASKED)

    @property
    def fields(self) -> tuple[str, ...]:
        """The names of the fields that change."""
        hashes = {"phone": self.new_phone_hash, "email": self.new_email_hash}
        return tuple(name for name in PROTECTED_FIELDS if hashes[name])

    @property
    def values(self) -> Values | None:
        """The values; None once the change is closed."""
        return Values(**json.loads(cipher.decrypt(self.encrypted_values))) if self.encrypted_values else None

    def set_values(self, values: Values) -> None:
        """Set, unsaved, the values and their hashes."""
        self.encrypted_values = cipher.encrypt(json.dumps(asdict(values)))
        for name, value in values.new.items():
            setattr(self, f"new_{name}_hash", cipher.keyed_hash(value or ""))

    @property
    def is_permitted(self) -> bool:
        """Whether the manager who requested the change may still open the client."""
        visible = Client.objects.visible_to(self.requested_by).exclude(status=Status.ERASED)
        return self.requested_by.is_active and visible.filter(pk=self.client_id).exists()

    def close(self, **values) -> bool:
        """Close the change with a guarded update, and delete its values. Return False if it was closed before."""
        values["encrypted_values"] = ""
        closed = ContactChange.objects.open().filter(pk=self.pk).update(**values)
        if closed:
            for name, value in values.items():
                setattr(self, name, value)
        return bool(closed)


class ContactCode(OneTimeCode):
    """A one-time code bound to a change and its new values."""

    change = models.ForeignKey(ContactChange, on_delete=models.PROTECT, related_name="codes", db_index=False)

    class Meta:
        db_table = "manager_contact_codes"
        verbose_name = "код изменения контакта"
        verbose_name_plural = "коды изменения контакта"
        indexes = [models.Index(fields=["change", "-sent_at"], name="codes_of_contact_change")]
        constraints = [
            models.CheckConstraint(condition=Q(expires_at__gt=F("sent_at")), name="manager_contact_codes_expire"),
        ]
        triggers = [
            pgtrigger.ReadOnly(name="code_is_frozen", exclude=["failed_tries", "used_at"]),
            pgtrigger.Protect(
                name="tries_are_counted",
                operation=pgtrigger.Update,
                condition=pgtrigger.Condition("NEW.failed_tries < OLD.failed_tries OR OLD.used_at IS NOT NULL"),
            ),
        ]

    @property
    def bound_to(self) -> str:
        change = self.change
        return f"contact-code|{self.pk}|{change.pk}|{change.new_phone_hash}|{change.new_email_hash}"
