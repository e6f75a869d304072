"""Client statuses and their transitions."""

from django.db import models

ERASED_NAME = "Данные удалены"


class Status(models.TextChoices):
    NEW = "new", "Новый"
    IN_VERIFICATION = "in_verification", "На проверке"
    AWAITING_CONTRACT = "awaiting_contract", "Ожидает договор"
    AWAITING_PAYMENT = "awaiting_payment", "Ожидает оплату"
    PROCESSED = "processed", "Оформлен"
    # Final. Only data that must be retained by law is left.
    ERASED = "erased", ERASED_NAME


IN_WORK = (Status.IN_VERIFICATION, Status.AWAITING_CONTRACT, Status.AWAITING_PAYMENT)
SIGNED = (Status.AWAITING_PAYMENT, Status.PROCESSED)

# Also enforced by the database. A signed client returns to awaiting_contract when their data changes, and to
# awaiting_payment when a payment is undone.
TRANSITIONS = [
    (Status.NEW, Status.IN_VERIFICATION),
    (Status.IN_VERIFICATION, Status.AWAITING_CONTRACT),
    (Status.AWAITING_CONTRACT, Status.AWAITING_PAYMENT),
    (Status.AWAITING_CONTRACT, Status.PROCESSED),
    (Status.AWAITING_PAYMENT, Status.PROCESSED),
    (Status.AWAITING_PAYMENT, Status.AWAITING_CONTRACT),
    (Status.PROCESSED, Status.AWAITING_CONTRACT),
    (Status.PROCESSED, Status.AWAITING_PAYMENT),
    *((status, Status.ERASED) for status in Status if status != Status.ERASED),
]
