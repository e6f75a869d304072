"""Disclosures: who was shown which personal data. The row is written before the data is sent."""

from django.db import models
from django.utils import timezone

from managers.client_ip import client_ip
from managers.history import append_only_triggers
from managers.models import Manager


class DisclosureKind(models.TextChoices):
    PASSPORT_NUMBER = "passport_number", "Серия и номер паспорта"
    PASSPORT_PHOTO = "passport_photo", "Фото паспорта"
    CONTRACT_PDF = "contract_pdf", "Договор (PDF)"
    INVOICE_PDF = "invoice_pdf", "Счёт (PDF)"
    AGREEMENT_PDF = "agreement_pdf", "Согласие (PDF)"
    ERASURE_ACT = "erasure_act", "Акт об уничтожении (PDF)"
    CARD = "card", "Карточка клиента"
    HISTORY = "history", "История изменений"


class Disclosure(models.Model):
    """One disclosure of a client's personal data, with the manager, the time, the IP address and the request id.

    Append-only.
    """

    # No database constraint: the row must survive the deletion of the client.
    client = models.ForeignKey(
        "clients.Client", on_delete=models.DO_NOTHING, db_constraint=False, related_name="disclosures",
        db_index=False, verbose_name="клиент",
    )  # fmt: skip
    at = models.DateTimeField("когда", default=timezone.now)
    by = models.ForeignKey(
        Manager, on_delete=models.PROTECT, related_name="+", db_index=False, verbose_name="кому показано"
    )
    what = models.CharField("что показано", max_length=20, choices=DisclosureKind)
    document = models.CharField("документ", max_length=40, blank=True, help_text="Номер договора или счёта.")
    ip = models.GenericIPAddressField("адрес", null=True)
    request_id = models.CharField("запрос", max_length=32)

    class Meta:
        db_table = "manager_disclosures"
        verbose_name = "показ личных данных"
        verbose_name_plural = "кто видел клиентов"
        ordering = ["-at", "-id"]
        indexes = [
            models.Index(fields=["client", "-at", "-id"], name="disclosures_of_client"),
            models.Index(fields=["by", "-at", "-id"], name="disclosures_to_manager"),
            models.Index(fields=["-at", "-id"], name="disclosures_by_time"),
        ]
        constraints = [
            models.CheckConstraint(condition=models.Q(what__in=DisclosureKind.values), name="disclosures_what_known")
        ]
        triggers = append_only_triggers()

    def __str__(self):
        return f"{self.get_what_display()}, {timezone.localtime(self.at):%d.%m.%Y %H:%M}"


def record(client, what: DisclosureKind, *, request, document: str = "") -> Disclosure:
    """Record that `what` of `client` is shown to the user of `request`. Call it before showing anything.

    `document` is the number of a contract or an invoice. Database errors propagate, so data whose disclosure can't be
    recorded is not shown.
    """
    return Disclosure.objects.create(
        client=client,
        what=what,
        by=request.user,
        document=document,
        ip=client_ip(request) or None,
        request_id=request.id,
    )
