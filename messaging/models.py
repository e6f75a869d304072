"""Messages to clients by the channels we know, with their delivery states."""

import json
import uuid
from dataclasses import asdict, dataclass
from datetime import datetime

import pgtrigger
from django.db import models
from django.db.models import Q
from django.utils import timezone

from clients.models import Client
from foundation.worker import RetriedWork
from managers import cipher
from managers.models import Manager


class Channel(models.TextChoices):
    APP = "app", "Привет Супер"
    SMS = "sms", "SMS"
    EMAIL = "email", "Электронная почта"


class Purpose(models.TextChoices):
    SIGNING_CODE = "signing_code", "Код подписания"
    CONTACT_CODE = "contact_code", "Код для изменения контакта"
    COPY_CODE = "copy_code", "Код для копий документов"
    LINK = "link", "Ссылка на страницу клиента"
    NOTICE = "notice", "Уведомление"
    REQUEST = "request", "Запрос администратору"


class DeliveryState(models.TextChoices):
    """QUEUED: not sent yet. ACCEPTED: the channel has it; whether it arrived may never be known."""

    QUEUED = "queued", "отправляется"
    ACCEPTED = "accepted", "отправлено"
    DELIVERED = "delivered", "доставлено"
    FAILED = "failed", "не доставлено"


# The state may still change.
PENDING = (DeliveryState.QUEUED, DeliveryState.ACCEPTED)
TRANSITIONS = [
    (DeliveryState.QUEUED, DeliveryState.ACCEPTED),
    (DeliveryState.QUEUED, DeliveryState.FAILED),
    (DeliveryState.ACCEPTED, DeliveryState.DELIVERED),
    (DeliveryState.ACCEPTED, DeliveryState.FAILED),
]


@dataclass(frozen=True)
class Content:
    """What the worker sends. `recipient`: ten digits of a phone, or an e-mail address."""

    recipient: str
    subject: str
    body: str


class OutgoingMessage(RetriedWork):
    """A message to a client, or to an admin about a client.

    The worker sends it. The content is encrypted and is deleted once the message is sent or has failed; the keyed hash
    of the recipient stays until the client's data is erased.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    client = models.ForeignKey(Client, on_delete=models.PROTECT, related_name="messages", verbose_name="клиент")
    channel = models.CharField("канал", max_length=10, choices=Channel)
    purpose = models.CharField("что", max_length=20, choices=Purpose)
    # "" for the app, which has one recipient, and after erasure.
    recipient_hash = models.CharField(max_length=64, blank=True, editable=False)
    encrypted_content = models.TextField(blank=True, editable=False)
    created_at = models.DateTimeField("создано")
    created_by = models.ForeignKey(
        Manager, on_delete=models.PROTECT, null=True, related_name="+", verbose_name="кто отправил"
    )
    # Not sent later than this.
    expires_at = models.DateTimeField("отправить до", null=True)
    state = models.CharField("доставка", max_length=10, choices=DeliveryState, default=DeliveryState.QUEUED)
    # The id that the channel gave the message: of the app's message, or of the SMS at the gateway.
    provider_id = models.CharField("номер у оператора", max_length=100, blank=True)
    accepted_at = models.DateTimeField("отправлено", null=True)
    delivered_at = models.DateTimeField("доставлено", null=True)
    failed_at = models.DateTimeField("не доставлено", null=True)
    problem = models.CharField("что помешало", max_length=200, blank=True)

    class Meta:
        db_table = "manager_outgoing_messages"
        verbose_name = "исходящее сообщение"
        verbose_name_plural = "исходящие сообщения"
        ordering = ["-created_at", "-id"]
        indexes = [
            models.Index(fields=["client", "-created_at"], name="messages_of_client"),
            models.Index(fields=["-created_at", "-id"], name="messages_by_time"),
            models.Index(fields=["next_attempt_at"], name="messages_queued", condition=Q(state="queued")),
            # By accepted_at, because old messages are not asked for any more, and their number grows.
            models.Index(
                fields=["accepted_at"], name="messages_to_check", condition=Q(state="accepted", channel="sms")
            ),
            # Finds messages of other clients to the same phone.
            models.Index(fields=["recipient_hash"], name="messages_by_phone", condition=Q(channel="sms")),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(state="queued") | Q(accepted_at__isnull=False) | Q(failed_at__isnull=False),
                name="manager_outgoing_messages_state_has_a_time",
            ),
        ]
        triggers = [
            pgtrigger.FSM(name="delivery_transitions", field="state", transitions=TRANSITIONS),
            pgtrigger.ReadOnly(
                name="message_is_frozen",
                exclude=[
                    "attempts", "next_attempt_at", "state", "provider_id", "accepted_at", "delivered_at", "failed_at",
                    "problem", "encrypted_content", "recipient_hash",
                ],
            ),
        ]  # fmt: skip

    def __str__(self):
        return f"{self.get_channel_display()}: {self.get_purpose_display()}"

    @property
    def content(self) -> Content | None:
        """The content; None once it was deleted."""
        return Content(**json.loads(cipher.decrypt(self.encrypted_content))) if self.encrypted_content else None

    @content.setter
    def content(self, content: Content | None) -> None:
        self.encrypted_content = cipher.encrypt(json.dumps(asdict(content))) if content else ""

    @property
    def is_in_outbox(self) -> bool:
        """Whether the message was not sent, in development, and its content stays."""
        return bool(self.state == DeliveryState.ACCEPTED and self.encrypted_content)

    @property
    def is_pending(self) -> bool:
        return self.state in PENDING

    @property
    def is_failed(self) -> bool:
        return self.state == DeliveryState.FAILED

    @property
    def state_label(self) -> str:
        """«отправлено», «не доставлено: нет такого номера». Never «прочитано», which no channel reports."""
        label = DeliveryState(self.state).label
        return f"{label}: {self.problem}" if self.is_failed else label

    @property
    def delivery_label(self) -> str:
        """The state with its time: «отправлено в 14:03»."""
        at = self.delivered_at or self.failed_at or self.accepted_at
        return f"{self.state_label} в {timezone.localtime(at):%H:%M}" if at and not self.is_failed else self.state_label

    def change_state(
        self,
        state: DeliveryState,
        *,
        now: datetime,
        keep_content: bool = False,
        provider_id: str = "",
        problem: str = "",
    ) -> bool:
        """Change the state with a guarded update, and delete the content.

        Returns False if the transition is not allowed, or if the state changed after the message was loaded.
        """
        if (self.state, state) not in TRANSITIONS:
            return False
        values = {"state": state, f"{state}_at": now, "problem": problem, "attempts": 0, "next_attempt_at": now}
        if provider_id:
            values["provider_id"] = provider_id
        if not keep_content:
            values["encrypted_content"] = ""
        changed = OutgoingMessage.objects.filter(pk=self.pk, state=self.state).update(**values)
        if changed:
            for name, value in values.items():
                setattr(self, name, value)
        return bool(changed)
