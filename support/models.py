"""The conversation shared with the client's app, and the manager's own log of a client."""

import uuid

import pgtrigger
from django.db import models
from django.utils import timezone

from clients.fields import NaiveUtcDateTimeField, PgEnumField
from clients.models import AppUser, Client
from managers.models import Manager


class TicketStatus(models.TextChoices):
    OPEN = "open", "Открыто"
    PENDING = "pending", "Ждёт ответа клиента"
    CLOSED = "closed", "Закрыто"


# What counts as a conversation that goes on; whatever other versions of the app call the rest, it is over.
GOING_ON = (TicketStatus.OPEN, TicketStatus.PENDING)


class Author(models.TextChoices):
    USER = "user", "Клиент"
    SUPPORT = "support", "Поддержка"


class Ticket(models.Model):
    """A conversation in «Привет Супер» (`support_tickets`, shared)."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(
        AppUser, on_delete=models.DO_NOTHING, db_constraint=False, related_name="tickets", verbose_name="клиент"
    )
    subject = models.CharField("тема", max_length=255)
    status = PgEnumField("статус", enum="supportcasestatus", choices=TicketStatus, default=TicketStatus.OPEN)
    created_at = NaiveUtcDateTimeField("создано", default=timezone.now)
    updated_at = models.DateTimeField("изменено", default=timezone.now)

    class Meta:
        managed = False
        db_table = "support_tickets"
        verbose_name = "обращение"
        verbose_name_plural = "обращения"

    def __str__(self):
        return self.subject

    @property
    def status_label(self) -> str:
        """In words; a label that only another version of the app knows is shown as it is."""
        return {"resolved": "Решено", "rejected": "Отклонено"}.get(self.status, self.get_status_display())

    @property
    def is_going_on(self) -> bool:
        return self.status in GOING_ON


class Message(models.Model):
    """A message of a ticket (`support_messages`, shared). Newer versions have a column `file_key`; it is left alone."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    ticket = models.ForeignKey(Ticket, on_delete=models.DO_NOTHING, related_name="messages")
    author = PgEnumField(enum="messageauthor", choices=Author)
    body = models.TextField("текст", null=True)
    created_at = NaiveUtcDateTimeField(default=timezone.now)
    updated_at = models.DateTimeField(default=timezone.now)

    class Meta:
        managed = False
        db_table = "support_messages"
        verbose_name = "сообщение"
        verbose_name_plural = "сообщения"
        ordering = ["created_at", "id"]

    def __str__(self):
        return (self.body or "")[:60]


class Thread(models.Model):
    """The manager's log of one client."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    client = models.OneToOneField(Client, on_delete=models.PROTECT, related_name="thread", verbose_name="клиент")
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        db_table = "manager_support_threads"
        verbose_name = "журнал клиента"
        verbose_name_plural = "журналы клиентов"

    def __str__(self):
        return str(self.client_id)


class LogKind(models.TextChoices):
    EVENT = "event", "Событие"
    NOTE = "note", "Заметка"


class LogEntry(models.Model):
    """An event or a manager's note in the log; kept as written."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    thread = models.ForeignKey(Thread, on_delete=models.PROTECT, related_name="entries")
    kind = models.CharField(max_length=8, choices=LogKind)
    author = models.ForeignKey(Manager, on_delete=models.PROTECT, null=True, related_name="+", verbose_name="кто")
    body = models.TextField("текст")
    created_at = models.DateTimeField("когда", default=timezone.now)

    class Meta:
        db_table = "manager_support_messages"
        verbose_name = "запись журнала"
        verbose_name_plural = "записи журнала"
        ordering = ["created_at", "id"]
        indexes = [models.Index(fields=["thread", "-created_at"], name="log_of_client")]
        triggers = [pgtrigger.Protect(name="append_only", operation=pgtrigger.Update | pgtrigger.Delete)]

    def __str__(self):
        return self.body[:60]
