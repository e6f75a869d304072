"""Out-of-range timestamps in the app's tickets and messages (foundation/database/clamped_times.py)."""

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from conftest import execute_as_owner
from support import bridge
from support.models import Author, Message, Ticket, TicketStatus

LIST = reverse("support:tickets")
OUT_OF_RANGE = ["infinity", "-infinity", "20000-01-01", "0044-03-15 BC", "9999-12-31 23:59:59"]


def write(table: str, column: str, text: str, rows: list) -> None:
    execute_as_owner(f"UPDATE public.{table} SET {column} = %s WHERE id = ANY(%s)", [text, rows])  # noqa: S608


def rows_of_all_pages(browser, url, key):
    """Follow the cursor, sent as the parameter `key`, and return the rows of all pages."""
    rows, position = [], ""
    for _ in range(20):
        page = browser.get(url, {key: position}).context["page"]
        rows += page.rows
        position = page.next
        if position is None:
            return rows
    raise AssertionError("the list has no end")


@pytest.mark.parametrize("text", OUT_OF_RANGE)
def test_support_pages_work_with_out_of_range_times(as_vera, as_gleb, make, create_ticket, ticket, text):
    other = create_ticket(make.client(), subject="Обычное")
    for column in ("created_at", "updated_at"):
        write("support_tickets", column, text, [ticket.pk])
        write("support_messages", column, text, [ticket.messages.get().pk])

    assert {row.pk for row in as_vera.get(LIST).context["page"].rows} == {ticket.pk, other.pk}
    as_vera.post(reverse("support:search"), {"query": "холодильник"})
    assert [row.pk for row in as_vera.get(LIST).context["page"].rows] == [ticket.pk]
    assert "Помогите" in as_vera.get(reverse("support:ticket", args=[ticket.pk])).text
    card = reverse("support:client_card", args=[ticket.user.client.pk])
    assert ticket.subject in as_vera.get(card).text
    assert as_gleb.get("/admin/support/ticket/").status_code == 200
    assert as_gleb.get(f"/admin/support/ticket/{ticket.pk}/change/").status_code == 200


@pytest.mark.parametrize("text", OUT_OF_RANGE)
def test_ticket_pages_show_each_ticket_once(as_vera, make, create_ticket, text):
    ordinary = [create_ticket(make.client()).pk for _ in range(30)]
    out_of_range = [create_ticket(make.client()).pk for _ in range(60)]
    write("support_tickets", "updated_at", text, out_of_range)

    listed = [ticket.pk for ticket in rows_of_all_pages(as_vera, LIST, "after")]

    assert len(listed) == 90
    assert set(listed) == set(ordinary + out_of_range)


@pytest.mark.parametrize("text", OUT_OF_RANGE)
def test_message_pages_show_each_message_once(as_vera, ticket, text):
    Message.objects.bulk_create(Message(ticket=ticket, author=Author.USER, body="") for _ in range(230))
    write("support_messages", "created_at", text, list(Message.objects.values_list("pk", flat=True)[:220]))

    listed = rows_of_all_pages(as_vera, reverse("support:ticket", args=[ticket.pk]), "before")

    assert len(listed) == len({message.pk for message in listed}) == 231


@pytest.mark.parametrize("text", ["infinity", "20000-01-01", "2040-01-01"])
def test_answer_gets_the_current_time_after_a_message_from_the_future(vera, ticket, text):
    earlier = Message.objects.create(ticket=ticket, author=Author.SUPPORT, body="Раньше")
    write("support_messages", "created_at", text, [earlier.pk])

    message, _ = bridge.answer(ticket, "Смотрим", by=vera)

    assert message.created_at < timezone.now() + timedelta(minutes=1)
    assert Ticket.objects.get().status == TicketStatus.PENDING
