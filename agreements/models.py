"""Agreements that a client must give: processing of personal data, and signing with one-time codes."""

import uuid
from datetime import datetime

import pgtrigger
from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils import timezone

from clients.models import Client
from foundation.exceptions import Refusal
from links.models import Place
from managers import cipher
from managers.models import Manager


class AgreementKind(models.TextChoices):
    """Kinds of agreements. The values are the folders in templates/agreements."""

    PERSONAL_DATA = "personal_data", "Согласие на обработку персональных данных"
    ELECTRONIC_SIGNATURE = "electronic_signature", "Соглашение об использовании простой электронной подписи"

    @property
    def current_version(self) -> str:
        """The newest edition, such as `v1`, which clients are asked to agree to."""
        editions = (settings.BASE_DIR / "templates" / "agreements" / self.value).glob("v*")
        return max((path.name for path in editions), key=lambda name: int(name[1:]))


# The number of an agreement is the first bits of its id, so that it can't be guessed and needs no column.
NUMBER_BITS, ID_BITS = 39, 128
NUMBER_DIGITS = 12
WITHDRAWAL_FIELDS = ["withdrawn_at", "withdrawn_by", "withdrawal_reason"]


class AgreementMissing(Refusal):
    """The client has not agreed to the newest edition of `kind`, or has withdrawn it."""

    def __init__(self, kind: AgreementKind):
        self.kind = kind
        super().__init__(f"Сначала нужно {kind.label[0].lower()}{kind.label[1:]}.")


def contact_hash(client: Client) -> str:
    """Return the keyed hash of the client's phone and e-mail; "" if the app deleted the account."""
    account = client.account
    return cipher.keyed_hash(f"{account.shown_phone}|{account.shown_email}") if account else ""


class AgreementManager(models.Manager):
    def with_number(self, digits: str) -> models.QuerySet["Agreement"]:
        """Return the agreements whose number has these NUMBER_DIGITS digits: one or none, by rare chance two."""
        first = int(digits) << (ID_BITS - NUMBER_BITS)
        last = first + (1 << (ID_BITS - NUMBER_BITS)) - 1
        if last >> ID_BITS:
            return self.none()
        return self.filter(pk__range=(uuid.UUID(int=first), uuid.UUID(int=last)))

    def is_given(self, kind: str) -> bool:
        return self.given(kind) is not None

    def given(self, kind: str) -> "Agreement | None":
        """Return the client's agreement to the newest edition. Runs no query for a client of `get_client_for`.

        The agreement on electronic signatures names the phone and e-mail to which codes go: after a change of one of
        them it has to be given again.
        """
        version = AgreementKind(kind).current_version
        agreed = (row for row in self.all() if row.kind == kind and row.version == version and row.is_in_force)
        return next((row for row in agreed if row.contact_is_current(self.instance)), None)

    def visible_to(self, manager: Manager) -> models.QuerySet["Agreement"]:
        """Agreements since the client was claimed; all of them for admins. Combine with Client.visible_to()."""
        return self.all() if manager.is_admin else self.filter(given_at__gte=F("client__claimed_at"))


class Agreement(models.Model):
    """A recorded agreement: text, time and manager. Immutable, except that it can be withdrawn once.

    Consent to processing: 152-ФЗ art. 9. Agreement on electronic signatures: 63-ФЗ art. 9.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    client = models.ForeignKey(Client, on_delete=models.PROTECT, related_name="agreements", verbose_name="клиент")
    kind = models.CharField("документ", max_length=20, choices=AgreementKind)
    version = models.CharField("редакция", max_length=20)
    text_sha256 = models.CharField("SHA-256 текста", max_length=64)
    pdf_sha256 = models.CharField("SHA-256 файла", max_length=64)
    pdf_key = models.CharField("объект", max_length=200, unique=True, editable=False)
    given_at = models.DateTimeField("дано")
    given_by = models.ForeignKey(Manager, on_delete=models.PROTECT, related_name="+", verbose_name="кто записал")
    accepted_on = models.CharField(
        "кем отмечено", max_length=12, choices=Place, default=Place.MANAGER, db_default=Place.MANAGER
    )
    # Keyed hash of the phone and e-mail that the document names; "" where it names none, or nobody has recorded it.
    contact_hash = models.CharField(max_length=64, blank=True, default="", db_default="", editable=False)
    ip = models.GenericIPAddressField("адрес", null=True)
    user_agent = models.CharField("браузер", max_length=300, blank=True)
    withdrawn_at = models.DateTimeField("отозвано", null=True)
    # NULL: the agreement ended without a withdrawal.
    withdrawn_by = models.ForeignKey(
        Manager, on_delete=models.PROTECT, null=True, related_name="+", verbose_name="кто записал отзыв"
    )
    withdrawal_reason = models.CharField("причина отзыва", max_length=300, blank=True)

    objects = AgreementManager()

    class Meta:
        db_table = "manager_agreements"
        verbose_name = "согласие клиента"
        verbose_name_plural = "согласия клиентов"
        ordering = ["-given_at", "-id"]
        indexes = [models.Index(fields=["client", "-given_at"], name="agreements_of_client")]
        constraints = [
            models.UniqueConstraint(
                "client", "kind", "version", name="manager_agreements_once", condition=Q(withdrawn_at=None)
            ),
            models.CheckConstraint(condition=Q(kind__in=AgreementKind.values), name="manager_agreements_kind_known"),
            models.CheckConstraint(
                condition=Q(withdrawn_at__isnull=False) | Q(withdrawn_by=None),
                name="manager_agreements_withdrawn_with_time",
            ),
        ]
        triggers = [
            pgtrigger.Protect(name="agreements_stay", operation=pgtrigger.Delete),
            pgtrigger.ReadOnly(name="agreement_is_frozen", exclude=WITHDRAWAL_FIELDS),
            pgtrigger.Protect(
                name="withdrawn_once",
                operation=pgtrigger.Update,
                condition=pgtrigger.Condition("OLD.withdrawn_at IS NOT NULL AND OLD.* IS DISTINCT FROM NEW.*"),
            ),
        ]

    def __str__(self):
        return f"{self.get_kind_display()}, редакция {self.version}"

    @property
    def number(self) -> str:
        """The number by which the client gets a copy: «С-0123-4567-8901»."""
        digits = f"{self.pk.int >> (ID_BITS - NUMBER_BITS):0{NUMBER_DIGITS}}"
        return f"С-{digits[:4]}-{digits[4:8]}-{digits[8:]}"

    @property
    def is_in_force(self) -> bool:
        return self.withdrawn_at is None

    @property
    def is_withdrawn(self) -> bool:
        """Whether the client has withdrawn it; False if it ended in another way."""
        return self.withdrawn_by_id is not None

    def contact_is_current(self, client: Client) -> bool:
        """Whether the phone and e-mail that the document names are those of the account. True if it names none."""
        return not self.contact_hash or self.contact_hash == contact_hash(client)

    @property
    def status_label(self) -> str:
        if self.is_in_force:
            return "Действует"
        ended = "Отозвано" if self.is_withdrawn else "Прекращено"
        return f"{ended} {timezone.localtime(self.withdrawn_at):%d.%m.%Y %H:%M}"

    def withdraw(self, *, by: Manager | None, reason: str, now: datetime) -> None:
        self.withdrawn_at, self.withdrawn_by, self.withdrawal_reason = now, by, reason
        self.save(update_fields=WITHDRAWAL_FIELDS)
