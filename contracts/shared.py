"""The app's tables `user_invoices` and `user_invoice_payments`, which we share.

`user_invoices` has two shapes (contracts/mirror.py). The fields here fit both: PostgreSQL casts the values on writing,
and `amount` and `due_date` may be read as `int` and `date`.
"""

from django.db import models

from clients.fields import LabelField
from clients.models import AppUser
from foundation.database import shared

PAID = "paid"  # the status in both shapes
SUCCESS = "success"


class SharedInvoice(shared.SharedModel):
    optional = True  # contracts/mirror.py

    id = models.UUIDField(primary_key=True)
    client = models.ForeignKey(AppUser, on_delete=models.DO_NOTHING, db_constraint=False, related_name="+")
    amount = models.DecimalField(max_digits=12, decimal_places=2)
    description = models.TextField(null=True)
    contract_number = models.CharField(max_length=64, null=True)
    due_date = models.DateTimeField(null=True)
    status = LabelField(max_length=32)
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField()

    class Meta:
        managed = False
        db_table = shared.table("user_invoices")

    def __str__(self):
        return str(self.pk)


class SharedPayment(shared.SharedModel):
    optional = True

    id = models.UUIDField(primary_key=True)
    invoice = models.ForeignKey(SharedInvoice, on_delete=models.DO_NOTHING, related_name="payments")
    client = models.ForeignKey(AppUser, on_delete=models.DO_NOTHING, db_constraint=False, related_name="+")
    amount = models.DecimalField(max_digits=12, decimal_places=2)
    status = LabelField(max_length=32)
    paid_at = models.DateTimeField()

    class Meta:
        managed = False
        db_table = shared.table("user_invoice_payments")

    def __str__(self):
        return str(self.pk)
