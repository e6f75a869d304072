from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from conftest import appears_in
from support import log, tickets


def test_card_shows_contact_manager_tickets_and_log_but_no_passport(as_vera, make, anna, create_ticket):
    client = make.verified(anna, phone="9771232323")
    make.passport(client, anna, digits="4613348353", issued_by="ОВД района Тверской")
    ticket = create_ticket(client)
    log.add_note(client, "Звонить после шести", by=anna, now=timezone.now())

    text = as_vera.get(reverse("support:client_card", args=[client.pk])).text

    for shown in (
        client.user.name,
        "+7 (977) 123-23-23",
        client.user.email,
        "Лесная",
        "На проверке",
        "Анна Смирнова",
    ):
        assert shown in text, shown
    assert ticket.subject in text
    assert "Звонить после шести" in text
    for hidden in ("348353", "4613", "4613348353", "Тверской"):
        assert not appears_in(hidden, text), hidden


def test_call_link_accepts_a_phone_in_international_format(as_vera, make):
    client = make.client(phone="+79771232323")
    assert 'href="tel:+79771232323"' in as_vera.get(reverse("support:client_card", args=[client.pk])).text


def test_card_is_read_only(as_vera, make):
    text = as_vera.get(reverse("support:client_card", args=[make.client().pk])).text

    forms = text.split("<main", 1)[1].split("</main>")[0]
    assert "<textarea" not in forms
    assert 'method="post"' not in forms


def test_card_shows_empty_states(as_vera, make):
    text = as_vera.get(reverse("support:client_card", args=[make.client(email=None, address=None).pk])).text

    for shown in ("не указана", "не указан", "не назначен", "Обращений нет", "Записей пока нет"):
        assert shown in text


def test_long_log_is_paginated(as_vera, make, anna):
    client = make.client()
    for number in range(tickets.MESSAGES_PER_PAGE + 1):
        log.add_note(client, f"Заметка {number:03}.", by=anna, now=timezone.now())
    url = reverse("support:client_card", args=[client.pk])

    page = as_vera.get(url)

    assert "Заметка 000." not in page.text
    assert "Заметка 000." in as_vera.get(url, {"before": page.context["page"].next}).text


def test_query_count_does_not_grow_with_rows(as_vera, make, anna, create_ticket):
    client = make.client()
    url = reverse("support:client_card", args=[client.pk])

    def queries():
        with CaptureQueriesContext(connection) as captured:
            as_vera.get(url)
        return len(captured)

    def add_rows():
        create_ticket(client)
        log.add_note(client, "Заметка", by=anna, now=timezone.now())

    add_rows()
    one = queries()
    for _ in range(9):
        add_rows()

    assert queries() == one <= 8
