"""Step 4: contracts with frozen contents, their signing codes and invoices."""

import uuid
from datetime import datetime, timedelta
from decimal import Decimal

import pgtrigger
from django.core.validators import MinValueValidator
from django.db import models
from django.db.models import F, OuterRef, Q, Subquery
from django.utils import timezone
from django.utils.functional import cached_property

from clients.models import Client
from contracts.event_chain import ChainHead, ContractEvent
from contracts.fraud_signals import FraudSignal, SignalKind
from contracts.payment_claims import PaymentClaim
from contracts.payment_records import Payment, PaymentMethod
from contracts.shared import SharedInvoice, SharedPayment
from contracts.snapshot import Snapshot
from links.models import Place
from managers.history import track_history
from managers.models import Manager
from messaging.codes import OneTimeCode

__all__ = [
    "ChainHead", "Contract", "ContractEvent", "FraudSignal", "Invoice", "Payment", "PaymentClaim", "PaymentMethod",
    "SharedInvoice", "SharedPayment", "SignalKind", "SigningCode",
]  # fmt: skip

MAX_ATTEMPTS_PER_CONTRACT = 10
# The term of a contract, by clause 8.1 of its general terms: a year, counted as a leap year.
CONTRACT_TERM = timedelta(days=366)

# Values of the personal fields after erasure.
ERASED_VALUES = {"encrypted_snapshot": "", "evidence": "", "signer_ip": None, "user_agent": ""}

# The only fields that signing and payment may write; all others are frozen after issuing.
SIGNATURE_FIELDS = [
    "signed_at", "signed_by", "pep_agreed_at", "pep_text_version", "evidence", "evidence_hmac", "signer_ip",
    "user_agent", "code_channel", "code_sent_at", "code_entered_at", "code_entered_on", "due",
]  # fmt: skip
PAYMENT_FIELDS = ["paid_at", "paid_by"]
UNSIGNED_FIELDS = ["failed_tries", "void_at", "voided_by"]
FREEZE_TRIGGERS = ("contents_are_frozen", "signed_is_immutable", "void_stays_void")


class NumberOfDay(models.Model):
    """The last contract number of a day in Moscow time."""

    day = models.DateField(primary_key=True)
    last = models.PositiveIntegerField()

    class Meta:
        db_table = "manager_contract_numbers"

    def __str__(self):
        return f"{self.day}: {self.last}"


class ContractQuerySet(models.QuerySet):
    def open(self) -> "ContractQuerySet":
        """Contracts that are neither signed nor void: at most one per client."""
        return self.filter(signed_at=None, void_at=None)

    def signed(self) -> "ContractQuerySet":
        return self.filter(signed_at__isnull=False)

    def visible_to(self, manager: Manager) -> "ContractQuerySet":
        """Contracts since the client was claimed; all of them for admins. Combine with Client.visible_to()."""
        return self if manager.is_admin else self.since_claimed()

    def since_claimed(self) -> "ContractQuerySet":
        """Contracts since the client was last claimed. Earlier ones belong to data that was erased."""
        return self.filter(issued_at__gte=F("client__claimed_at"))

    def newest_first(self) -> "ContractQuerySet":
        return self.order_by("-issued_at", "-id")

    def with_signals_for(self, manager: Manager) -> "ContractQuerySet":
        """Load the fraud signals as `shown_signals`, in one query. Only admins see them: others get no attribute."""
        signals = models.Prefetch("signals", FraudSignal.objects.order_by("kind"), to_attr="shown_signals")
        return self.prefetch_related(signals) if manager.is_admin else self


# Fields that are frozen when a contract is issued have no history.
@track_history(
    "manager_contracts_history",
    fields=[
        "client", "number", "surcharge", "failed_tries", "void_at", "voided_by", "signed_at", "signed_by", "due",
        "paid_at", "paid_by",
    ],
)  # fmt: skip
class Contract(models.Model):
    """An issued contract. Its contents are frozen; database triggers make signed contracts immutable."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    client = models.ForeignKey(Client, on_delete=models.PROTECT, related_name="contracts", verbose_name="клиент")
    number = models.CharField("номер", max_length=30, unique=True)
    template_version = models.CharField("редакция текста", max_length=20)
    encrypted_snapshot = models.TextField(editable=False)
    surcharge = models.DecimalField("доплата, ₽", max_digits=12, decimal_places=2)
    pdf_key = models.CharField("объект", max_length=200, unique=True, editable=False)
    pdf_sha256 = models.CharField("SHA-256 файла", max_length=64)
    issued_at = models.DateTimeField("сформирован")
    issued_by = models.ForeignKey(Manager, on_delete=models.PROTECT, related_name="+", verbose_name="кто сформировал")

    # Number of wrong codes, carried over from a replaced contract. An admin can reset it.
    failed_tries = models.PositiveSmallIntegerField("неверных кодов", default=0)
    void_at = models.DateTimeField("аннулирован", null=True)
    voided_by = models.ForeignKey(
        Manager, on_delete=models.PROTECT, null=True, related_name="+", verbose_name="кто аннулировал"
    )

    signed_at = models.DateTimeField("подписан", null=True)
    signed_by = models.ForeignKey(
        Manager, on_delete=models.PROTECT, null=True, related_name="+", verbose_name="кто принял подпись"
    )
    due = models.DecimalField("к оплате при подписании, ₽", max_digits=12, decimal_places=2, null=True)
    pep_agreed_at = models.DateTimeField("согласие на ПЭП", null=True)
    pep_text_version = models.CharField("редакция согласия на ПЭП", max_length=20, blank=True)
    code_channel = models.CharField("канал кода", max_length=60, blank=True)
    code_sent_at = models.DateTimeField("код отправлен", null=True)
    code_entered_at = models.DateTimeField("код введён", null=True)
    # "" in contracts that were signed before clients had a page.
    code_entered_on = models.CharField(
        "кем введён код", max_length=12, choices=Place, blank=True, default="", db_default=""
    )
    signer_ip = models.GenericIPAddressField("адрес", null=True)
    user_agent = models.CharField("браузер", max_length=300, blank=True)
    evidence = models.TextField("доказательство", blank=True)
    evidence_hmac = models.CharField("HMAC доказательства", max_length=64, blank=True)

    paid_at = models.DateTimeField("оплачен", null=True)
    paid_by = models.ForeignKey(
        Manager, on_delete=models.PROTECT, null=True, related_name="+", verbose_name="кто подтвердил оплату"
    )

    erased_at = models.DateTimeField("содержание уничтожено", null=True)

    objects = ContractQuerySet.as_manager()

    class Meta:
        db_table = "manager_contracts"
        verbose_name = "договор"
        verbose_name_plural = "договоры"
        ordering = ["-issued_at", "-id"]
        indexes = [
            models.Index(fields=["client", "-issued_at"], name="contracts_of_client"),
            models.Index(fields=["-issued_at", "-id"], name="contracts_by_time"),
            models.Index(
                fields=["signed_at"],
                include=["signed_by", "code_entered_on"],
                name="contracts_signed_by",
                condition=Q(signed_at__isnull=False),
            ),
        ]
        constraints = [
            models.UniqueConstraint(
                "client", name="manager_contracts_one_open", condition=Q(signed_at=None, void_at=None)
            ),
            models.CheckConstraint(
                condition=Q(signed_at=None) | Q(void_at=None), name="manager_contracts_signed_or_void"
            ),
            models.CheckConstraint(
                condition=Q(signed_at=None)
                | Q(
                    signed_by__isnull=False,
                    pep_agreed_at__isnull=False,
                    due__isnull=False,
                    code_entered_at__isnull=False,
                    evidence_hmac__gt="",
                ),  # fmt: skip
                name="manager_contracts_signed_with_evidence",
            ),
            models.CheckConstraint(
                condition=Q(paid_at=None) | Q(signed_at__isnull=False),
                name="manager_contracts_paid_after_signing",
            ),
            models.CheckConstraint(
                condition=Q(erased_at=None) | Q(**ERASED_VALUES), name="manager_contracts_erased_name_nobody"
            ),
        ]
        triggers = [
            pgtrigger.Protect(name="contracts_stay", operation=pgtrigger.Delete),
            pgtrigger.ReadOnly(name="contents_are_frozen", exclude=SIGNATURE_FIELDS + PAYMENT_FIELDS + UNSIGNED_FIELDS),
            pgtrigger.Protect(
                name="signed_is_immutable",
                operation=pgtrigger.Update,
                condition=pgtrigger.Condition(
                    "OLD.signed_at IS NOT NULL AND to_jsonb(OLD) - '{paid_at,paid_by_id}'::text[]"
                    " IS DISTINCT FROM to_jsonb(NEW) - '{paid_at,paid_by_id}'::text[]"
                ),
            ),
            pgtrigger.Protect(
                name="void_stays_void",
                operation=pgtrigger.Update,
                condition=pgtrigger.Condition("OLD.void_at IS NOT NULL AND OLD.* IS DISTINCT FROM NEW.*"),
            ),
        ]

    def __str__(self):
        return self.number

    @property
    def snapshot(self) -> Snapshot:
        return Snapshot.decrypt(self.encrypted_snapshot)

    @property
    def ends_at(self) -> datetime | None:
        """When a signed contract expires, unless it is replaced earlier."""
        return self.signed_at and self.signed_at + CONTRACT_TERM

    def erase(self, *, now: datetime) -> None:
        """Erase the personal data; number, amounts and times stay. Call it in a transaction."""
        erased = ERASED_VALUES | {"erased_at": now}
        with pgtrigger.ignore(*(f"contracts.Contract:{name}" for name in FREEZE_TRIGGERS)):
            Contract.objects.filter(pk=self.pk).update(**erased)
        for name, value in erased.items():
            setattr(self, name, value)

    @property
    def is_open(self) -> bool:
        return self.signed_at is None and self.void_at is None

    @property
    def is_locked(self) -> bool:
        """Locked after too many wrong codes, until an admin unlocks it."""
        return self.failed_tries >= MAX_ATTEMPTS_PER_CONTRACT

    @property
    def status_label(self) -> str:
        if self.void_at:
            return "Аннулирован"
        if not self.signed_at:
            return "Ожидает подписи"
        return "Подписан, оплачен" if self.paid_at or not self.due else "Подписан"


class SigningCode(OneTimeCode):
    """A one-time code bound to a contract and its PDF."""

    contract = models.ForeignKey(Contract, on_delete=models.PROTECT, related_name="codes")
    pdf_sha256 = models.CharField(max_length=64)
    # Whether the chain of events has all that is known of the delivery (contracts/code_deliveries.py). No delivery of a
    # code in the app is ever reported.
    delivery_recorded = models.BooleanField(default=False, db_default=True, editable=False)
    requested_on = models.CharField(
        "кем запрошен", max_length=12, choices=Place, default=Place.MANAGER, db_default=Place.MANAGER
    )

    class Meta:
        db_table = "manager_signing_codes"
        verbose_name = "код подписания"
        verbose_name_plural = "коды подписания"
        indexes = [
            models.Index(fields=["contract", "-sent_at"], name="codes_of_contract"),
            models.Index(fields=["sent_at"], name="codes_delivery", condition=Q(delivery_recorded=False)),
        ]
        constraints = [
            models.CheckConstraint(condition=Q(expires_at__gt=F("sent_at")), name="manager_signing_codes_expire"),
        ]

    @property
    def bound_to(self) -> str:
        return f"signing-code|{self.pk}|{self.contract_id}|{self.pdf_sha256}"


class InvoiceStatus(models.TextChoices):
    PENDING = "pending", "Ожидает оплаты"
    PAID = "paid", "Оплачен"
    CANCELLED = "cancelled", "Отменён"


class InvoiceQuerySet(models.QuerySet):
    def with_payment(self) -> "InvoiceQuerySet":
        """Load who confirmed the payment, and add `payment_method` and `payment_note` of the payment in force.

        They are None if nobody paid, or if an earlier version confirmed the payment.
        """
        in_force = Payment.objects.in_force().filter(invoice=OuterRef("pk"))
        values = {f"payment_{name}": Subquery(in_force.values(name)) for name in ("method", "note")}
        return self.select_related("contract", "paid_by").annotate(**values)


@track_history(
    "manager_invoices_history",
    fields=["contract", "number", "amount", "due_on", "status", "paid_at", "paid_by", "cancelled_at"],
)
class Invoice(models.Model):
    """An invoice for a signed contract; at most one is pending per contract."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    contract = models.ForeignKey(Contract, on_delete=models.PROTECT, related_name="invoices", verbose_name="договор")
    number = models.CharField("номер", max_length=40, unique=True)
    amount = models.DecimalField(
        "сумма, ₽", max_digits=12, decimal_places=2, validators=[MinValueValidator(Decimal("0.01"))]
    )
    description = models.CharField("назначение", max_length=500)
    due_on = models.DateField("оплатить до")
    status = models.CharField("статус", max_length=10, choices=InvoiceStatus, default=InvoiceStatus.PENDING)
    created_at = models.DateTimeField("выставлен", default=timezone.now)
    created_by = models.ForeignKey(Manager, on_delete=models.PROTECT, related_name="+", verbose_name="кто выставил")
    paid_at = models.DateTimeField("оплачен", null=True)
    paid_by = models.ForeignKey(
        Manager, on_delete=models.PROTECT, null=True, related_name="+", verbose_name="кто подтвердил"
    )
    cancelled_at = models.DateTimeField("отменён", null=True)

    objects = InvoiceQuerySet.as_manager()

    class Meta:
        db_table = "manager_invoices"
        verbose_name = "счёт"
        verbose_name_plural = "счета"
        ordering = ["-created_at", "-id"]
        indexes = [
            models.Index(fields=["contract", "-created_at"], name="invoices_of_contract"),
            models.Index(fields=["-created_at", "-id"], name="invoices_by_time"),
            models.Index(fields=["created_at"], name="invoices_waiting", condition=Q(status="pending")),
            models.Index(
                fields=["paid_at"], include=["paid_by", "amount"], name="invoices_paid", condition=Q(status="paid")
            ),
            models.Index(fields=["cancelled_at"], name="invoices_cancelled", condition=Q(status="cancelled")),
        ]
        constraints = [
            models.UniqueConstraint("contract", name="manager_invoices_one_open", condition=Q(status="pending")),
            models.CheckConstraint(condition=Q(amount__gt=0), name="manager_invoices_amount_positive"),
            models.CheckConstraint(
                condition=(Q(status="paid", paid_at__isnull=False) | ~Q(status="paid") & Q(paid_at=None)),
                name="manager_invoices_paid_with_time",
            ),
        ]
        triggers = [
            pgtrigger.FSM(
                name="invoice_status_transitions",
                field="status",
                transitions=[("pending", "paid"), ("pending", "cancelled"), ("paid", "pending")],
            ),
            pgtrigger.Trigger(
                name="undone_payment_is_recorded",
                when=pgtrigger.Before,
                operation=pgtrigger.Update,
                condition=pgtrigger.Q(old__status="paid", new__status="pending"),
                func=pgtrigger.Func(
                    """
                    IF NOT EXISTS (
                        SELECT FROM manager_payments
                        WHERE invoice_id = OLD.id AND confirmed_at = OLD.paid_at AND undone_at IS NOT NULL
                    ) THEN
                        RAISE EXCEPTION 'The undone payment of invoice % is not recorded', OLD.number;
                    END IF;
                    RETURN NEW;
                    """
                ),
            ),
            pgtrigger.ReadOnly(name="invoice_is_frozen", exclude=["status", "paid_at", "paid_by", "cancelled_at"]),
            pgtrigger.Protect(name="invoices_stay", operation=pgtrigger.Delete),
        ]

    def __str__(self):
        return self.number

    @property
    def is_payable(self) -> bool:
        """Whether there is something to pay. Not if the app reports it as paid, so that nobody pays twice."""
        return self.status == InvoiceStatus.PENDING and not self.open_claims

    @property
    def method_label(self) -> str:
        """How a paid invoice of InvoiceQuerySet.with_payment() was paid."""
        return PaymentMethod(self.payment_method or "").label

    @cached_property
    def open_claims(self) -> list[PaymentClaim]:
        """Payments in the app that nobody has checked. Reads nothing if the annotation `has_open_claims` is false."""
        return list(self.claims.open().select_related("client")) if getattr(self, "has_open_claims", True) else []
