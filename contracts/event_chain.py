"""Hash chain of contract events: each event has an HMAC over itself and the previous HMAC.

There is one chain for all contracts, because the deletion of a whole per-contract chain would not be noticed. The head
is stored separately with its own HMAC, so that truncation is detected. `contracts.audit` verifies the chain.
"""

import hashlib
import hmac
import json
from datetime import UTC, datetime

from django.conf import settings
from django.db import models

from managers.history import append_only_triggers
from managers.models import Manager

START = ""  # the previous HMAC of the first event


class EventKind(models.TextChoices):
    ISSUED = "issued", "Сформирован"
    ADOPTED = "adopted", "Взят под учёт"
    CODE_REQUESTED = "code_requested", "Запрошен код"
    CODE_DELIVERY = "code_delivery", "Сведения о доставке кода"
    CODE_WRONG = "code_wrong", "Введён неверный код"
    DECLINED = "declined", "Клиент отказался"
    UNLOCKED = "unlocked", "Подписание разблокировано"
    SIGNED = "signed", "Подписан"
    BILLED = "billed", "Выставлен счёт"
    BILL_CANCELLED = "bill_cancelled", "Счёт отменён"
    BILL_PAID = "bill_paid", "Счёт оплачен"
    PAID = "paid", "Оплачен полностью"
    PAYMENT_UNDONE = "payment_undone", "Оплата счёта отменена"
    UNPAID = "unpaid", "Больше не оплачен полностью"
    KEPT = "kept", "Оставлен в силе"
    VOID = "void", "Аннулирован"
    ERASED = "erased", "Содержание уничтожено"


class ContractEvent(models.Model):
    """One link of the chain. `number` counts the events of all contracts, without gaps."""

    number = models.BigIntegerField("номер", primary_key=True)
    contract = models.ForeignKey(
        "contracts.Contract", on_delete=models.PROTECT, related_name="events", verbose_name="договор"
    )
    at = models.DateTimeField("когда")
    what = models.CharField("что", max_length=20, choices=EventKind)
    by = models.ForeignKey(
        Manager, on_delete=models.PROTECT, null=True, related_name="+", db_index=False, verbose_name="кто"
    )
    facts = models.TextField("подробности", help_text="Канонический JSON, без личных данных.")
    previous = models.CharField(max_length=64, blank=True)
    hmac = models.CharField(max_length=64)

    class Meta:
        db_table = "manager_contract_events"
        verbose_name = "событие договора"
        verbose_name_plural = "события договоров"
        ordering = ["number"]
        triggers = append_only_triggers()

    def __str__(self):
        return f"{self.number}: {self.get_what_display()}"

    @property
    def expected_hmac(self) -> str:
        """HMAC-SHA-256 over all values of the event and the previous HMAC; 64 hexadecimal digits."""
        at = self.at.astimezone(UTC).isoformat()
        values = [self.number, str(self.contract_id), at, self.what, str(self.by_id or ""), self.facts, self.previous]
        return _hmac(json.dumps(values, separators=(",", ":"), ensure_ascii=False))


class ChainHead(models.Model):
    """The last event of the chain: a single row, locked while an event is appended."""

    number = models.BigIntegerField(default=0)
    hmac = models.CharField(max_length=64, blank=True)
    seal = models.CharField(max_length=64)

    class Meta:
        db_table = "manager_contract_events_head"
        verbose_name = "конец цепочки событий"
        verbose_name_plural = "конец цепочки событий"
        constraints = [models.CheckConstraint(condition=models.Q(pk=1), name="manager_contract_events_one_head")]

    def __str__(self):
        return f"{self.number}:{self.hmac}"

    @property
    def expected_seal(self) -> str:
        return _hmac(f"head|{self.number}|{self.hmac}")

    def advance_to(self, event: ContractEvent) -> None:
        self.number, self.hmac = event.number, event.hmac
        self.seal = self.expected_seal
        self.save()


def append_event(contract, kind: EventKind, *, by: Manager | None, at: datetime, **facts: str) -> ContractEvent:
    """Append an event in the caller's transaction. `facts` must not contain personal data.

    Appending locks the chain head until the transaction ends: call it last, after all other locks.
    """
    empty_head = ChainHead(pk=1)
    head, _ = ChainHead.objects.select_for_update().get_or_create(pk=1, defaults={"seal": empty_head.expected_seal})
    event = ContractEvent(
        number=head.number + 1,
        contract_id=contract.pk,
        at=at,
        what=kind,
        by=by,
        facts=json.dumps(facts, sort_keys=True, separators=(",", ":"), ensure_ascii=False),
        previous=head.hmac,
    )
    event.hmac = event.expected_hmac
    event.save(force_insert=True)
    head.advance_to(event)
    return event


def _hmac(text: str) -> str:
    # Derived key, so that HMACs of events and of signature evidence are not interchangeable.
    key = hmac.digest(settings.CONTRACT_SIGNATURE_SECRET.encode(), b"contract-events", hashlib.sha256)
    return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()
