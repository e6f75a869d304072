"""Tickets and messages, shared with the client's app, and the client log, which is ours."""

import uuid
from datetime import datetime
from itertools import chain

import pgtrigger
from django.db import connection, models
from django.db.models import Q, Value
from django.db.models.functions import Coalesce, Left, Lower, Replace
from django.utils import timezone

from clients import search
from clients.fields import NaiveUtcDateTimeField, PgEnumField
from clients.models import AppUser, Client
from foundation.database import shared
from managers.models import Manager


class TicketStatus(models.TextChoices):
    OPEN = "open", "Открыто"
    PENDING = "pending", "Ждёт ответа клиента"
    CLOSED = "closed", "Закрыто"


# Statuses of open tickets. All others, including unknown ones of other app versions, count as closed.
OPEN_STATUSES = (TicketStatus.OPEN, TicketStatus.PENDING)


class TicketState(models.TextChoices):
    """Who has to act, computed from the messages (support/activity.py)."""

    WAITING = "waiting", "Ждёт ответа"
    ANSWERED = "answered", "Отвечено"
    CLOSED = "closed", "Закрыто"


class Author(models.TextChoices):
    USER = "user", "Клиент"
    SUPPORT = "support", "Поддержка"


# More clients than this are not listed by id in a query.
MAX_CLIENTS_IN_QUERY = 1000
MAX_RESULTS = 1000

# Labels of other versions of the app.
OTHER_APP_LABELS = {"resolved": "Решено", "rejected": "Отклонено"}


def status_label(status: str) -> str:
    """Return the display value of a status. Unknown ones are returned unchanged."""
    return dict(TicketStatus.choices).get(status) or OTHER_APP_LABELS.get(status, status)


def known_statuses() -> list[str]:
    """Return the labels of the enum type in this database, in its order. Comparing with others is a database error."""
    with connection.cursor() as cursor:
        # From the catalog: a cast of the enum to text may be the app's own function.
        cursor.execute(
            "SELECT enumlabel FROM pg_enum WHERE enumtypid = to_regtype('public.supportcasestatus')"
            " ORDER BY enumsortorder"
        )
        return [label for (label,) in cursor.fetchall()]


class TicketQuerySet(shared.SharedQuerySet):
    def search_clients(self, text: str) -> "TicketQuerySet":
        """Tickets of clients matching `text`: name, phone in any notation, e-mail, address, contract number."""
        found = Client.objects.search(text)
        if len(search.words(text)) > 1:
            # The planner assumes independent words and scans all tickets for a rare pair. Ordering by a column without
            # an index makes it find the clients first, through the trigram index.
            user_ids = list(found.order_by("claimed_at").values_list("user_id", flat=True)[: MAX_CLIENTS_IN_QUERY + 1])
            if len(user_ids) <= MAX_CLIENTS_IN_QUERY:
                return self.filter(user_id__in=user_ids)
        return self.filter(user_id__in=found.values("user_id"))

    def search_subject(self, text: str) -> "TicketQuerySet":
        """Tickets whose subject contains every word of `text`. Words too short for the trigram index are ignored."""
        words = [word for word in search.words(text) if len(word) > 2]
        if not words:
            return self.none()
        found = Q()
        for word in words:
            found &= Q(folded_subject__contains=word)
        # Must match the expression of the index support_tickets_privet_subject.
        return self.alias(folded_subject=Replace(Lower("subject"), Value("ё"), Value("е"))).filter(found)

    def search(self, text: str) -> "TicketQuerySet":
        """Tickets found by client or by subject; of each, the 1000 with the newest activity."""
        # Limited, because a common word is in a million tickets and one query with OR could not use the indexes.
        searches = self.search_clients(text), self.search_subject(text)
        newest = (found.newest_first().values_list("pk", flat=True)[:MAX_RESULTS] for found in searches)
        return self.filter(pk__in=set(chain.from_iterable(newest)))

    def newest_first(self) -> "TicketQuerySet":
        return self.order_by("-updated_at", "-id")

    def last_message_first(self) -> "TicketQuerySet":
        """Tickets whose activity is known, the newest message first."""
        found = self.filter(activity__isnull=False).select_related("activity")
        return found.order_by("-activity__last_message_at", "-activity__ticket_id")

    def older_than(self, last_message_at: datetime, pk: uuid.UUID) -> "TicketQuerySet":
        """Tickets after the one with these values, newest message first (keyset pagination)."""
        # The first condition is redundant, but lets the index scan start at the right position.
        earlier = Q(activity__last_message_at__lt=last_message_at) | Q(activity__ticket_id__lt=pk)
        return self.filter(earlier, activity__last_message_at__lte=last_message_at)


class Ticket(shared.SharedModel):
    """A conversation in «Привет Супер» (`support_tickets`, shared)."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(
        AppUser, on_delete=models.DO_NOTHING, db_constraint=False, related_name="tickets", verbose_name="клиент"
    )
    subject = models.CharField("тема", max_length=255)
    status = PgEnumField("статус", enum="public.supportcasestatus", choices=TicketStatus, default=TicketStatus.OPEN)
    created_at = NaiveUtcDateTimeField("создано", default=timezone.now)
    updated_at = models.DateTimeField("изменено", default=timezone.now)

    objects = TicketQuerySet.as_manager()

    class Meta:
        managed = False
        db_table = shared.table("support_tickets")
        verbose_name = "обращение"
        verbose_name_plural = "обращения"

    def __str__(self):
        return self.subject

    # Set by activity.load_last_messages.
    state: TicketState
    last_message: "Message | None"

    @property
    def status_label(self) -> str:
        return status_label(self.status)

    @property
    def state_label(self) -> str:
        """The display value of `state`; of a closed ticket that of the status. Needs `state`."""
        return self.status_label if self.state == TicketState.CLOSED else TicketState(self.state).label

    @property
    def client(self) -> Client | None:
        """The client, or None if the account was deleted or has no client. Needs `user__client` prefetched."""
        return getattr(self.user, "client", None)

    @property
    def is_open(self) -> bool:
        """Whether the app shows the ticket as open. A client's message reopens a ticket without changing its status."""
        return self.status in OPEN_STATUSES

    @property
    def last_message_at(self) -> datetime:
        """When the last message was written, or else the ticket was created. Needs `last_message`."""
        return self.last_message.created_at if self.last_message else self.created_at

    @property
    def is_reopened(self) -> bool:
        """Whether the client wrote after the ticket was closed. Needs `state`."""
        return self.state == TicketState.WAITING and not self.is_open


class MessageQuerySet(shared.SharedQuerySet):
    def with_staff_text(self, length: int) -> "MessageQuerySet":
        """Messages with the first `length` characters of what staff may read as `text`, and without the body.

        Every page reads messages through this method. The body may contain a signing code, or ten megabytes.
        """
        text = Coalesce(Left("masked__body", length), Left("body", length))
        return self.defer("body").annotate(text=text)


class Message(shared.SharedModel):
    """A message of a ticket (`support_messages`, shared), without its `Attachment`."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    ticket = models.ForeignKey(Ticket, on_delete=models.DO_NOTHING, related_name="messages")
    author = PgEnumField(enum="public.messageauthor", choices=Author)
    body = models.TextField("текст", null=True)
    created_at = NaiveUtcDateTimeField(default=timezone.now)
    updated_at = models.DateTimeField(default=timezone.now)

    objects = MessageQuerySet.as_manager()

    class Meta:
        managed = False
        db_table = shared.table("support_messages")
        verbose_name = "сообщение"
        verbose_name_plural = "сообщения"
        ordering = ["created_at", "id"]

    def __str__(self):
        return f"{self.get_author_display()} {timezone.localtime(self.created_at):%d.%m.%Y %H:%M}"


class MaskedMessage(models.Model):
    """Text that staff read instead of the body of a message, such as one with a signing code.

    Messages from before this table have no row; their codes have expired.
    """

    message = models.OneToOneField(
        Message, primary_key=True, on_delete=models.DO_NOTHING, db_constraint=False, related_name="masked"
    )
    body = models.TextField()

    class Meta:
        db_table = "manager_masked_messages"

    def __str__(self):
        return str(self.message_id)


class Attachment(shared.SharedModel):
    """The file of a message: a column of `support_messages` that older versions of the app lack."""

    optional = True

    id = models.UUIDField(primary_key=True)
    file_key = models.CharField(max_length=512, null=True)

    class Meta:
        managed = False
        db_table = shared.table("support_messages")

    def __str__(self):
        return str(self.id)  # not the key: it may contain a name


class TicketActivity(models.Model):
    """What the list of tickets is filtered and ordered by; a copy of facts from the shared tables, ours to index."""

    ticket = models.OneToOneField(
        Ticket, primary_key=True, on_delete=models.DO_NOTHING, db_constraint=False, related_name="activity"
    )
    state = models.CharField(max_length=8, choices=TicketState)
    # Of a ticket without messages: when it was created.
    last_message_at = models.DateTimeField()
    ticket_updated_at = models.DateTimeField()

    class Meta:
        db_table = "manager_ticket_activity"
        indexes = [
            models.Index(fields=["-last_message_at", "-ticket"], name="tickets_by_message"),
            models.Index(fields=["state", "-last_message_at", "-ticket"], name="tickets_by_state"),
        ]

    def __str__(self):
        return f"{self.ticket_id} {self.state}"


class Thread(models.Model):
    """The client log of one client."""

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
    """An event or a manager's note in the client log. Append-only."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    thread = models.ForeignKey(Thread, on_delete=models.PROTECT, related_name="entries")
    kind = models.CharField("вид", max_length=8, choices=LogKind)
    author = models.ForeignKey(Manager, on_delete=models.PROTECT, null=True, related_name="+", verbose_name="кто")
    body = models.TextField("текст")
    created_at = models.DateTimeField("когда", default=timezone.now)

    class Meta:
        db_table = "manager_support_messages"
        verbose_name = "запись журнала"
        verbose_name_plural = "записи журнала"
        ordering = ["created_at", "id"]
        indexes = [
            models.Index(fields=["thread", "-created_at"], name="log_of_client"),
            models.Index(fields=["-created_at", "-id"], name="log_by_time"),
        ]
        triggers = [pgtrigger.Protect(name="append_only", operation=pgtrigger.Update | pgtrigger.Delete)]

    def __str__(self):
        # Not the text: it may contain personal data or a signing code, and str() is shown and logged.
        return f"{self.get_kind_display()} {timezone.localtime(self.created_at):%d.%m.%Y %H:%M}"
