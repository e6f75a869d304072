"""Where the work with a client stands, and from where it can go on to where."""

from django.db import models

ERASED_NAME = "Данные удалены"


class Status(models.TextChoices):
    NEW = "new", "Новый"
    IN_VERIFICATION = "in_verification", "На проверке"
    AWAITING_CONTRACT = "awaiting_contract", "Ожидает договор"
    AWAITING_PAYMENT = "awaiting_payment", "Ожидает оплату"
    PROCESSED = "processed", "Оформлен"
    # For good: of the person nothing is left here but what the law has us keep.
    ERASED = "erased", ERASED_NAME


IN_WORK = (Status.IN_VERIFICATION, Status.AWAITING_CONTRACT, Status.AWAITING_PAYMENT)
SIGNED = (Status.AWAITING_PAYMENT, Status.PROCESSED)

# Also enforced by the database. The way back to awaiting_contract is a client who changed after signing.
TRANSITIONS = [
    (Status.NEW, Status.IN_VERIFICATION),
    (Status.IN_VERIFICATION, Status.AWAITING_CONTRACT),
    (Status.AWAITING_CONTRACT, Status.AWAITING_PAYMENT),
    (Status.AWAITING_CONTRACT, Status.PROCESSED),
    (Status.AWAITING_PAYMENT, Status.PROCESSED),
    (Status.AWAITING_PAYMENT, Status.AWAITING_CONTRACT),
    (Status.PROCESSED, Status.AWAITING_CONTRACT),
    *((status, Status.ERASED) for status in Status if status != Status.ERASED),
]
