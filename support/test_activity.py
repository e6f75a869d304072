"""`TicketActivity` follows the shared tables (support/activity.py)."""

import importlib
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.core.management import call_command
from django.db import connection, transaction
from django.urls import reverse
from django.utils import timezone

from conftest import as_app, as_owner, run_on_own_connection
from foundation.database import advisory_lock
from support import activity, bridge
from support.models import Author, MaskedMessage, Message, Ticket, TicketActivity, TicketState, TicketStatus


def state_of(ticket) -> str | None:
    activity.refresh()
    return TicketActivity.objects.filter(ticket=ticket).values_list("state", flat=True).first()


def write(ticket, author=Author.USER, **times):
    return Message.objects.create(ticket=ticket, author=author, body="…", **times)


def test_refresh_follows_messages_answers_and_statuses(vera, ticket):
    assert state_of(ticket) == TicketState.WAITING
    bridge.answer(ticket, "Смотрим", by=vera)
    assert state_of(ticket) == TicketState.ANSWERED
    write(ticket)
    assert state_of(ticket) == TicketState.WAITING
    bridge.set_status(ticket, TicketStatus.CLOSED, by=vera)
    assert state_of(ticket) == TicketState.CLOSED
    write(ticket)
    assert state_of(ticket) == TicketState.WAITING
    bridge.set_status(ticket, TicketStatus.CLOSED, by=vera)  # the status is closed already, but the client reopened it
    assert state_of(ticket) == TicketState.CLOSED


def test_status_of_an_answered_ticket_does_not_make_it_wait(vera, ticket):
    bridge.answer(ticket, "Смотрим", by=vera)
    bridge.set_status(ticket, TicketStatus.OPEN, by=vera)
    assert state_of(ticket) == TicketState.ANSWERED


@pytest.mark.parametrize("ahead", [timedelta(minutes=2), timedelta(days=3650)])
def test_ticket_can_be_closed_if_the_clock_of_the_app_is_fast(vera, ticket, ahead):
    write(ticket, created_at=timezone.now() + ahead)
    bridge.set_status(ticket, TicketStatus.CLOSED, by=vera)
    assert state_of(ticket) == TicketState.CLOSED


def test_answer_is_the_last_message_if_the_clock_of_the_app_is_fast(vera, ticket):
    write(ticket, created_at=timezone.now() + timedelta(minutes=2))
    bridge.answer(ticket, "Смотрим", by=vera)
    assert state_of(ticket) == TicketState.ANSWERED


def test_answer_to_a_reopened_ticket_needs_no_confirmation(vera, as_vera, ticket):
    bridge.set_status(ticket, TicketStatus.CLOSED, by=vera)
    write(ticket)

    page = as_vera.get(reverse("support:ticket", args=[ticket.pk]))
    assert "Обращение закрыто" not in page.text
    assert page.context["status_form"]["status"].value() == TicketStatus.OPEN
    assert as_vera.post(reverse("support:answer", args=[ticket.pk]), {"body": "Смотрим"}).status_code == 302

    assert Ticket.objects.get().status == TicketStatus.PENDING


def test_migration_fills_the_same_as_the_code(make, create_ticket, vera):
    fill = importlib.import_module("support.migrations.0006_index_of_messages").FILL
    tickets = [create_ticket(make.client(), status=status) for status in ("open", "pending", "closed", "resolved") * 3]
    for number, ticket in enumerate(tickets):
        if number >= 4:
            write(ticket, Author.SUPPORT if number < 8 else Author.USER)
    for number, text in enumerate(("infinity", "-infinity", "9999-12-31")):
        with as_app(), connection.cursor() as cursor:
            cursor.execute(
                "UPDATE support_messages SET created_at = %s WHERE ticket_id = %s", [text, tickets[number].pk]
            )
            cursor.execute("UPDATE support_tickets SET updated_at = %s WHERE id = %s", [text, tickets[number + 3].pk])
    for status in ("open", "closed"):
        Ticket.objects.create(user=make.client().user, subject="Без сообщений", status=status)
    with as_owner():
        activity.rebuild()
    computed = set(TicketActivity.objects.values_list())
    with as_owner(), connection.cursor() as cursor:
        TicketActivity.objects.all().delete()
        cursor.execute(fill)

    assert set(TicketActivity.objects.values_list()) == computed
    assert {state for _, state, _, _ in computed} == set(TicketState)


def test_late_message_is_found(make, create_ticket):
    """It was committed after newer ones were read, or the app's clock is slow."""
    now = timezone.now()
    earlier = create_ticket(make.client(), created_at=now - timedelta(minutes=50), updated_at=now - timedelta(days=1))
    newer = create_ticket(make.client())
    assert (state_of(earlier), state_of(newer)) == (TicketState.WAITING, TicketState.WAITING)

    write(earlier, Author.SUPPORT, created_at=now - timedelta(minutes=40))

    assert state_of(earlier) == TicketState.ANSWERED


@pytest.mark.parametrize("text", ["infinity", "20000-01-01", "2040-01-01"])
def test_message_from_the_future_hides_no_later_message(make, create_ticket, ticket, text, django_assert_num_queries):
    with as_app(), connection.cursor() as cursor:
        cursor.execute("UPDATE support_messages SET created_at = %s", [text])
        cursor.execute("UPDATE support_tickets SET updated_at = %s", [text])
    assert state_of(ticket) == TicketState.WAITING
    with django_assert_num_queries(1):
        activity.refresh()

    other = create_ticket(make.client())

    assert state_of(other) == TicketState.WAITING


def test_refresh_reads_nothing_more_when_nothing_changed(ticket, django_assert_num_queries):
    activity.refresh()
    with django_assert_num_queries(1):
        activity.refresh()


def test_message_bodies_are_not_read(ticket, django_assert_max_num_queries):
    with django_assert_max_num_queries(10) as captured:
        activity.refresh()
    assert not [query["sql"] for query in captured.captured_queries if '"body"' in query["sql"]]


@pytest.mark.usefixtures("maintenance")
def test_rebuild_repairs_what_refresh_missed(make, create_ticket, ticket):
    gone = create_ticket(make.client())
    activity.refresh()
    Message.objects.filter(ticket=gone).delete()
    Ticket.objects.filter(pk=gone.pk).delete()
    long_ago = timezone.now() - timedelta(days=30)
    Message.objects.update(created_at=long_ago)
    TicketActivity.objects.filter(ticket=ticket).update(state=TicketState.CLOSED)
    Ticket.objects.update(updated_at=long_ago)

    call_command("sync_tickets", verbosity=0)

    row = TicketActivity.objects.get()
    assert (row.ticket_id, row.state, row.last_message_at) == (ticket.pk, TicketState.WAITING, long_ago)


def test_deleted_ticket_disappears_from_the_list_and_the_count(as_vera, make, create_ticket, ticket):
    create_ticket(make.client())
    activity.refresh()
    Message.objects.filter(ticket=ticket).delete()
    Ticket.objects.filter(pk=ticket.pk).delete()

    page = as_vera.get(reverse("support:tickets"))

    assert len(page.context["page"].rows) == 1
    assert "Ждут ответа: 1" in page.text


@pytest.mark.usefixtures("maintenance")
def test_concurrent_rebuilds_save_every_ticket_once(race, make, create_ticket):
    tickets = [create_ticket(make.client()) for _ in range(3)]

    assert race(activity.rebuild, activity.rebuild, at=TicketActivity) == [3, 3]

    assert {row.pk for row in TicketActivity.objects.all()} == {ticket.pk for ticket in tickets}


@pytest.mark.django_db(transaction=True)
def test_page_does_not_wait_for_another_refresh(ticket):
    with ThreadPoolExecutor(1) as pool, transaction.atomic():
        advisory_lock.lock(activity.LOCK)
        assert pool.submit(run_on_own_connection, activity.refresh).result(timeout=20) is None
    assert not TicketActivity.objects.exists()

    assert state_of(ticket) == TicketState.WAITING


@pytest.mark.usefixtures("maintenance")
def test_erasure_deletes_the_activity(ticket):
    activity.refresh()
    bridge.delete_conversation(ticket.user.client)
    assert not TicketActivity.objects.exists()


@pytest.mark.usefixtures("maintenance")
def test_erasure_deletes_the_masked_texts_of_this_client(make, ticket, create_ticket):
    other = create_ticket(make.client()).messages.get()
    for message in (ticket.messages.get(), other):
        MaskedMessage.objects.create(message=message, body="Код ••••••")

    assert bridge.delete_conversation(ticket.user.client)["manager_masked_messages"] == 1

    assert MaskedMessage.objects.get().message_id == other.pk


@pytest.mark.usefixtures("maintenance")
def test_rebuild_deletes_masked_texts_of_messages_that_the_app_deleted(make, ticket, create_ticket):
    other = create_ticket(make.client()).messages.get()
    for message in (ticket.messages.get(), other):
        MaskedMessage.objects.create(message=message, body="Код ••••••")
    ticket.messages.all().delete()

    activity.rebuild()

    assert MaskedMessage.objects.get().message_id == other.pk
