"""What the app reports as paid, and what somebody found out about it."""

import uuid

import pgtrigger
from django.db import models
from django.db.models import Q
from django.utils import timezone

from clients.models import Client
from managers.models import Manager


class ClaimOutcome(models.TextChoices):
    OPEN = "", "Не сверена"
    CONFIRMED = "confirmed", "Подтверждена"
    REJECTED = "rejected", "Не поступила"
    CLOSED = "closed", "Разобрана"  # the invoice was cancelled or paid already, or the client's data was erased


class PaymentClaimQuerySet(models.QuerySet):
    def open(self) -> "PaymentClaimQuerySet":
        return self.filter(resolved_at=None)


class PaymentClaim(models.Model):
    """A payment that the app reports. Any client can set it there, so it is a claim until somebody confirms it."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    client = models.ForeignKey(Client, on_delete=models.PROTECT, related_name="payment_claims", verbose_name="клиент")
    invoice = models.ForeignKey(
        "contracts.Invoice", on_delete=models.PROTECT, related_name="claims", verbose_name="счёт"
    )
    # The row of `user_invoice_payments`. NULL: the app marked the invoice as paid without such a row.
    payment_id = models.UUIDField(null=True, editable=False)
    payer_id = models.UUIDField("учётная запись плательщика", null=True)
    amount = models.DecimalField("сумма в приложении, ₽", max_digits=12, decimal_places=2, null=True)
    paid_at = models.DateTimeField("оплачен в приложении")
    noted_at = models.DateTimeField("замечена")
    outcome = models.CharField("итог", max_length=10, choices=ClaimOutcome, default=ClaimOutcome.OPEN, blank=True)
    resolved_at = models.DateTimeField("сверена", null=True)
    resolved_by = models.ForeignKey(
        Manager, on_delete=models.PROTECT, null=True, related_name="+", verbose_name="кто сверил"
    )

    objects = PaymentClaimQuerySet.as_manager()

    class Meta:
        db_table = "manager_payment_claims"
        verbose_name = "оплата в приложении"
        verbose_name_plural = "оплаты в приложении"
        ordering = ["paid_at", "id"]
        indexes = [
            models.Index(fields=["client"], name="claims_open", condition=Q(resolved_at=None)),
            models.Index(fields=["noted_at"], name="claims_by_time"),
        ]
        constraints = [
            models.UniqueConstraint("payment_id", name="manager_payment_claims_once"),
            models.UniqueConstraint(
                "invoice", name="manager_payment_claims_one_mark", condition=Q(payment_id=None, resolved_at=None)
            ),
            models.CheckConstraint(
                condition=Q(outcome="", resolved_at=None) | ~Q(outcome="") & Q(resolved_at__isnull=False),
                name="manager_payment_claims_resolved_with_time",
            ),
        ]
        triggers = [
            pgtrigger.ReadOnly(name="claim_is_frozen", exclude=["outcome", "resolved_at", "resolved_by"]),
            # Except that a confirmed claim is open again when the payment is undone.
            pgtrigger.Protect(
                name="resolved_is_immutable",
                operation=pgtrigger.Update,
                condition=pgtrigger.Condition(
                    "OLD.resolved_at IS NOT NULL"
                    " AND NOT (OLD.outcome = 'confirmed' AND NEW.resolved_at IS NULL AND NEW.resolved_by_id IS NULL)"
                ),
            ),
            pgtrigger.Protect(name="claims_stay", operation=pgtrigger.Delete),
        ]

    def __str__(self):
        return f"{self.invoice}: {timezone.localtime(self.paid_at):%d.%m.%Y %H:%M}"

    @property
    def is_from_another_account(self) -> bool:
        return self.payer_id is not None and self.payer_id != self.client.user_id

    @property
    def differs_from_invoice(self) -> bool:
        """Whether the app reports another amount. Its column may hold whole rubles only."""
        return self.amount is None or abs(self.amount - self.invoice.amount) >= 1
