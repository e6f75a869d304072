"""Payments of invoices: the method, who confirmed it and when, and whether it was undone."""

import uuid
from datetime import timedelta

import pgtrigger
from django.db import models
from django.db.models import F, Q

from managers.models import Manager

# The person who confirmed a payment may undo it for this long without a reason.
UNDO_WINDOW = timedelta(minutes=10)
MAX_NOTE = 300
# Replaces the reason when personal data is erased: a late undo must have one.
ERASED_REASON = "—"


class PaymentMethod(models.TextChoices):
    UNKNOWN = "", "Способ не указан"  # only of payments that earlier versions confirmed
    QR = "qr", "Перевод по QR-коду"
    APP = "app", "Карта в приложении"
    TERMINAL = "terminal", "Терминал"
    CASH = "cash", "Наличные"
    OTHER = "other", "Другой способ"


class PaymentQuerySet(models.QuerySet):
    def in_force(self) -> "PaymentQuerySet":
        """Payments that nobody has undone: at most one per invoice."""
        return self.filter(undone_at=None)


class Payment(models.Model):
    """A confirmed payment of a whole invoice. Invoices that earlier versions marked as paid have none until the undo.

    Undoing sets `undone_at` once; another confirmation of the invoice is another row.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    invoice = models.ForeignKey(
        "contracts.Invoice", on_delete=models.PROTECT, related_name="payments", verbose_name="счёт"
    )
    method = models.CharField("способ", max_length=10, choices=PaymentMethod, blank=True)
    confirmed_at = models.DateTimeField("подтверждена")
    # NULL: the app's claim was trusted (APP_PAYMENTS).
    confirmed_by = models.ForeignKey(
        Manager, on_delete=models.PROTECT, null=True, related_name="+", verbose_name="кто подтвердил"
    )
    note = models.CharField("примечание", max_length=MAX_NOTE, blank=True)
    undone_at = models.DateTimeField("отменена", null=True)
    undone_by = models.ForeignKey(
        Manager, on_delete=models.PROTECT, null=True, related_name="+", verbose_name="кто отменил"
    )
    undo_reason = models.CharField("причина отмены", max_length=MAX_NOTE, blank=True)

    objects = PaymentQuerySet.as_manager()

    class Meta:
        db_table = "manager_payments"
        verbose_name = "оплата"
        verbose_name_plural = "оплаты"
        ordering = ["-confirmed_at", "-id"]
        indexes = [models.Index(fields=["-confirmed_at", "-id"], name="payments_by_time")]
        constraints = [
            models.UniqueConstraint("invoice", name="manager_payments_one_in_force", condition=Q(undone_at=None)),
            models.CheckConstraint(condition=Q(method__in=PaymentMethod.values), name="manager_payments_method_known"),
            models.CheckConstraint(
                condition=Q(undone_at=None, undone_by=None, undo_reason="")
                | Q(undone_at__isnull=False, undone_by__isnull=False),
                name="manager_payments_undone_by_somebody",
            ),
            models.CheckConstraint(
                condition=Q(undone_at=None)
                | Q(undo_reason__gt="")
                | Q(undone_by=F("confirmed_by"), undone_at__lte=F("confirmed_at") + UNDO_WINDOW),
                name="manager_payments_late_undo_has_reason",
            ),
        ]
        triggers = [
            pgtrigger.ReadOnly(name="payment_is_frozen", exclude=["undone_at", "undone_by", "undo_reason"]),
            pgtrigger.Protect(
                name="undone_stays_undone",
                operation=pgtrigger.Update,
                condition=pgtrigger.Q(old__undone_at__isnull=False),
            ),
            pgtrigger.Protect(name="payments_stay", operation=pgtrigger.Delete),
            pgtrigger.Trigger(
                name="invoice_of_payment_is_paid",
                when=pgtrigger.Before,
                operation=pgtrigger.Insert,
                func=pgtrigger.Func(
                    """
                    IF NOT EXISTS (
                        SELECT FROM manager_invoices
                        WHERE id = NEW.invoice_id AND status = 'paid' AND paid_at = NEW.confirmed_at
                    ) THEN
                        RAISE EXCEPTION 'Payment % is not of a paid invoice', NEW.id;
                    END IF;
                    RETURN NEW;
                    """
                ),
            ),
        ]

    def __str__(self):
        return f"{self.invoice}: {self.get_method_display()}"
