import threading
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection, transaction
from django.db.transaction import TransactionManagementError
from django.utils import timezone

from clients.models import Client
from conftest import as_owner, execute_as_owner
from support import bridge
from support.models import Author, LogEntry, MaskedMessage, Message, Ticket, TicketStatus

NOW = datetime(2026, 11, 23, 9, 30, 15, 123456, tzinfo=UTC)


def notify(client, anna, body="Договор подписан", now=NOW, **kwargs):
    with transaction.atomic():
        return bridge.notify_client(client, body, by=anna, now=now, **kwargs)


def bodies(ticket):
    return list(Message.objects.filter(ticket=ticket).order_by("created_at").values_list("body", flat=True))


def test_message_is_posted_to_the_ticket_and_the_client_log(make, anna):
    client = make.client()

    ticket = notify(client, anna)

    message = Message.objects.get()
    assert (message.ticket, message.author, message.body) == (ticket, Author.SUPPORT, "Договор подписан")
    entry = LogEntry.objects.get()
    assert (entry.thread.client, entry.body, entry.author) == (client, "Договор подписан", anna)
    assert make.fresh(client).support_ticket_id == ticket.pk
    assert (ticket.user_id, ticket.status) == (client.user_id, TicketStatus.OPEN)


def test_masked_message_is_read_by_the_client_alone(make, anna):
    notify(make.client(), anna, body="Код 123456", masked="Код ••••••")

    message = Message.objects.with_staff_text(100).get()
    assert message.body == "Код 123456"
    assert message.text == LogEntry.objects.get().body == "Код ••••••"


def test_log_text_can_differ_from_the_message(make, anna):
    notify(make.client(), anna, body="Паспорт уничтожен", log_text="Паспорт уничтожен. Акт № 1")

    assert Message.objects.with_staff_text(100).get().text == "Паспорт уничтожен"
    assert LogEntry.objects.get().body == "Паспорт уничтожен. Акт № 1"


def test_message_to_a_deleted_account_is_masked_in_the_log(make, anna):
    client = make.verified(anna)
    make.delete_account(client)

    client = Client.objects.get(pk=client.pk)
    notify(client, anna, body="Код 123456", masked="Код ••••••", now=timezone.now())

    assert LogEntry.objects.latest("created_at").body == "Код ••••••"
    assert not MaskedMessage.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_notifying_outside_a_transaction_raises_and_writes_nothing(make, anna):
    client = make.client()

    with pytest.raises(TransactionManagementError):
        bridge.notify_client(client, "Договор подписан", by=anna, now=NOW)

    assert not Ticket.objects.exists()
    assert not Message.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_rollback_undoes_the_message_and_the_log_entry(make, anna):
    client = make.client()

    with suppress(RuntimeError), transaction.atomic():
        bridge.notify_client(client, "Договор подписан", by=anna, now=NOW)
        raise RuntimeError("the operation fails")

    assert not Ticket.objects.exists()
    assert not Message.objects.exists()
    assert not LogEntry.objects.exists()
    assert make.fresh(client).support_ticket_id is None


def test_messages_of_one_operation_keep_their_order(make, anna):
    client = make.client()
    expected = [f"Сообщение {number}" for number in range(8)]

    for body in expected:
        ticket = notify(client, anna, body=body)

    assert bodies(ticket) == expected
    assert len(set(Message.objects.values_list("created_at", flat=True))) == 8
    assert list(LogEntry.objects.order_by("created_at").values_list("body", flat=True)) == expected


def test_notifications_never_go_to_an_open_complaint(make, anna):
    client = make.client()
    complaint = Ticket.objects.create(user=client.user, subject="Не работает холодильник")
    type(client).objects.filter(pk=client.pk).update(support_ticket_id=complaint.pk)  # by an earlier version

    ticket = notify(make.fresh(client), anna)

    assert (ticket.subject, bodies(ticket), bodies(complaint)) == (
        "Оформление договора",
        ["Договор подписан"],
        [],
    )
    assert make.fresh(client).support_ticket_id == ticket.pk


def test_existing_contract_ticket_is_found_by_its_subject(make, anna):
    client = make.client()
    existing = notify(client, anna)
    type(client).objects.filter(pk=client.pk).update(support_ticket_id=None)

    assert notify(make.fresh(client), anna) == existing
    assert make.fresh(client).support_ticket_id == existing.pk


def test_linked_ticket_is_preferred_to_a_newer_one(make, anna):
    client = make.client()
    linked = notify(client, anna)
    Ticket.objects.create(user=client.user, subject=bridge.CONTRACT_SUBJECT, created_at=NOW + timedelta(days=1))

    assert notify(client, anna) == linked


def test_linked_ticket_of_another_client_is_not_used(make, anna):
    client, other = make.client(), make.client()
    foreign = notify(other, anna)
    type(client).objects.filter(pk=client.pk).update(support_ticket_id=foreign.pk)

    ticket = notify(client, anna)

    assert ticket != foreign
    assert ticket.user_id == client.user_id
    assert len(bodies(foreign)) == 1


def test_deleted_ticket_is_replaced_by_a_new_linked_one(make, anna):
    client = make.client()
    first = notify(client, anna)
    execute_as_owner("DELETE FROM public.support_tickets WHERE id = %s", [first.pk])

    second = notify(client, anna)

    assert second.pk != first.pk
    assert make.fresh(client).support_ticket_id == second.pk
    assert bodies(second) == ["Договор подписан"]


@pytest.mark.parametrize("status", ["closed", "resolved"])
def test_closed_contract_ticket_is_reopened(make, anna, status):
    client = make.client()
    first = notify(client, anna)
    Ticket.objects.filter(pk=first.pk).update(status=status)

    assert notify(client, anna) == first
    assert Ticket.objects.get().status == TicketStatus.OPEN
    assert len(bodies(first)) == 2


def test_status_of_an_open_contract_ticket_stays(make, anna):
    client = make.client()
    Ticket.objects.filter(pk=notify(client, anna).pk).update(status=TicketStatus.PENDING)

    notify(client, anna)

    assert Ticket.objects.get().status == TicketStatus.PENDING


def test_unknown_status_counts_as_closed(make, anna):
    with as_owner(), connection.cursor() as cursor:
        cursor.execute("ALTER TABLE public.support_tickets ALTER status DROP DEFAULT, ALTER status TYPE text")
        cursor.execute("CREATE TYPE public.newer AS ENUM ('open', 'pending', 'closed', 'rejected', 'snoozed')")
        cursor.execute("ALTER TABLE public.support_tickets ALTER status TYPE public.newer USING status::public.newer")
    client = make.client()
    snoozed = Ticket.objects.create(user=client.user, subject=bridge.CONTRACT_SUBJECT, status="snoozed")

    ticket = Ticket.objects.get(pk=snoozed.pk)

    assert ticket.status_label == "snoozed"
    assert not ticket.is_open
    assert notify(client, anna) == snoozed
    assert Ticket.objects.get().status == TicketStatus.OPEN


@pytest.mark.parametrize("column", ["DROP COLUMN IF EXISTS", "ADD COLUMN IF NOT EXISTS"])
def test_messages_work_with_and_without_the_file_key_column(make, anna, column):
    kind = " varchar(512)" if column.startswith("ADD") else ""
    execute_as_owner(f"ALTER TABLE public.support_messages {column} file_key{kind}")

    ticket = notify(make.client(), anna)

    assert bodies(ticket) == ["Договор подписан"]
    assert [message.body for message in ticket.messages.all()] == ["Договор подписан"]


@pytest.mark.parametrize("zone", ["UTC", "Europe/Moscow"])
def test_naive_times_are_stored_in_utc_and_loaded_aware(make, anna, zone):
    with connection.cursor() as cursor:
        cursor.execute(f"SET LOCAL TIME ZONE '{zone}'")
    ticket = notify(make.client(), anna)

    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT created_at::text FROM public.support_tickets"
            " UNION ALL SELECT created_at::text FROM public.support_messages"
        )
        stored = cursor.fetchall()
    assert stored == [("2026-11-23 09:30:15.123456",)] * 2
    assert Ticket.objects.get().created_at == NOW
    assert Message.objects.get().created_at == NOW
    assert Ticket.objects.get().created_at.tzinfo is not None
    assert Ticket.objects.filter(pk=ticket.pk, created_at=NOW).exists()
    assert not Ticket.objects.filter(created_at__lt=NOW).exists()


class Caller(threading.Thread):
    """A thread that runs `operation` in a transaction on its own connection."""

    def __init__(self, operation):
        super().__init__(daemon=True)
        self.operation, self.result, self.error, self.backend = operation, None, None, None

    def run(self):
        try:
            with transaction.atomic():
                with connection.cursor() as cursor:
                    cursor.execute("SELECT pg_backend_pid()")
                    self.backend = cursor.fetchone()[0]
                self.result = self.operation()
        except Exception as error:  # the test asserts that there is none
            self.error = error
        finally:
            connection.close()


def wait_until_blocked(caller, timeout=20):
    """Return when the caller waits for a lock, according to the database. Raise AssertionError after the timeout."""
    end = timezone.now() + timedelta(seconds=timeout)
    while timezone.now() < end:
        if caller.backend:
            with connection.cursor() as cursor:
                cursor.execute("SELECT cardinality(pg_blocking_pids(%s))", [caller.backend])
                if cursor.fetchone()[0]:
                    return
    raise AssertionError("the second caller never waited: the calls did not overlap")


def test_concurrent_messages_use_one_ticket(race, make, anna):
    client = make.client()

    calls = [lambda body=body: notify(client, anna, body=body, now=timezone.now()) for body in ("Первое", "Второе")]
    first, second = race(*calls, at=client)

    assert first.pk == second.pk == Ticket.objects.get().pk
    assert set(bodies(first)) == {"Первое", "Второе"}
    assert LogEntry.objects.count() == 2


@pytest.mark.django_db(transaction=True)
def test_concurrently_closed_ticket_is_reopened(make, anna, vera):
    client = make.client()
    first = notify(client, anna)
    second = Caller(lambda: bridge.notify_client(client, "Второе", by=anna, now=timezone.now()))

    with transaction.atomic():
        bridge.set_status(first, TicketStatus.CLOSED, by=vera)
        second.start()
        wait_until_blocked(second)
    second.join(20)

    assert second.error is None
    assert second.result == first
    assert bodies(first) == ["Договор подписан", "Второе"]
    assert Ticket.objects.get().status == TicketStatus.OPEN


@pytest.mark.django_db(transaction=True)
def test_concurrently_deleted_ticket_is_replaced(make, anna):
    client = make.client()
    first = notify(client, anna)
    second = Caller(lambda: bridge.notify_client(client, "Второе", by=anna, now=timezone.now()))

    with transaction.atomic():
        execute_as_owner("DELETE FROM public.support_tickets WHERE id = %s", [first.pk])
        second.start()
        wait_until_blocked(second)
    second.join(20)

    assert second.error is None
    assert Ticket.objects.get().pk == second.result.pk
    assert bodies(second.result) == ["Второе"]


def test_concurrent_answers_are_both_posted(race, make, anna, vera, gleb):
    ticket = notify(make.client(), anna)

    race(
        lambda: bridge.answer(ticket, "Ответ Веры", by=vera),
        lambda: bridge.answer(ticket, "Ответ Глеба", by=gleb),
        at=ticket,
    )

    assert set(bodies(ticket)) == {"Договор подписан", "Ответ Веры", "Ответ Глеба"}
    assert len(set(Message.objects.values_list("created_at", flat=True))) == 3


def test_concurrent_answer_and_notification_do_not_deadlock(race, make, anna, vera):
    client = make.client()
    ticket = notify(client, anna)

    (message, _), used_ticket = race(
        lambda: bridge.answer(ticket, "Ответ", by=vera),
        lambda: notify(client, anna, body="Договор готов", now=timezone.now()),
        at=client,
    )

    assert message.ticket_id == used_ticket.pk == ticket.pk
    assert set(bodies(ticket)) == {"Договор подписан", "Ответ", "Договор готов"}
