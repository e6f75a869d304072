import re
import time
import uuid
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from conftest import appears_in, execute_as_owner
from support import bridge
from support.models import Author, LogEntry, MaskedMessage, Message, Ticket, TicketStatus

LIST = reverse("support:tickets")


def url(name, ticket):
    return reverse(f"support:{name}", args=[ticket.pk])


def test_messages_are_oldest_first_with_author_and_moscow_time(as_vera, ticket):
    Message.objects.all().delete()
    for hour, author, body in [(23, "support", "Вторая"), (21, "user", "Первая")]:
        at = datetime(2026, 11, 22, hour, 5, tzinfo=UTC)
        Message.objects.create(ticket=ticket, author=author, body=body, created_at=at)

    text = as_vera.get(url("ticket", ticket)).text

    assert text.index("Первая") < text.index("Вторая")
    assert "23.11.2026 00:05" in text
    assert "23.11.2026 02:05" in text
    assert text.index("<strong>Клиент") < text.index("<strong>Поддержка")


def test_ticket_links_to_the_client_card(as_vera, ticket):
    card = reverse("support:client_card", args=[ticket.user.client.pk])

    assert card in as_vera.get(url("ticket", ticket)).text


def test_call_link_accepts_a_phone_in_international_format(as_vera, make, create_ticket):
    ticket = create_ticket(make.client(phone="+79771232323"))
    assert 'href="tel:+79771232323"' in as_vera.get(url("ticket", ticket)).text


def test_client_text_is_escaped(as_vera, make, create_ticket):
    ticket = create_ticket(make.client(), subject="<script>1</script>", body="<img src=x onerror=alert(1)>")

    for page in (LIST, url("ticket", ticket)):
        text = as_vera.get(page).text
        assert "<script>1" not in text
        assert "<img src=x" not in text


@pytest.mark.parametrize("body", ["", None])
def test_message_without_text_is_shown(as_vera, ticket, body):
    execute_as_owner("ALTER TABLE public.support_messages ALTER body DROP NOT NULL")
    Message.objects.update(body=body)

    assert "Сообщение без текста" in as_vera.get(url("ticket", ticket)).text
    assert "вложение" in as_vera.get(LIST).text


def test_line_breaks_of_a_message_are_shown(as_vera, ticket):
    Message.objects.update(body="Первая строка\nВторая & третья")

    assert "Первая строка<br>Вторая &amp; третья" in as_vera.get(url("ticket", ticket)).text


def test_long_message_is_cut_and_shown_in_full_on_request(as_vera, ticket):
    Message.objects.update(body="я" * 4000 + "конец")

    page = as_vera.get(url("ticket", ticket))
    assert "я" * 4000 in page.text
    assert "конец" not in page.text
    full = re.search(r'href="([^"#]+)#[^"]+">Показать полностью', page.text)[1]

    text = as_vera.get(full.replace("&amp;", "&")).text
    assert "конец" in text
    assert "Показать полностью" not in text


def test_message_of_ten_megabytes_is_not_read(as_vera, ticket):
    Message.objects.update(body="код " * 2_500_000)
    pages = [(url("ticket", ticket), {}), (LIST, {}), (url("ticket", ticket), {"full": ticket.messages.get().pk})]

    for page, query in pages:
        with CaptureQueriesContext(connection) as captured:
            start = time.monotonic()
            response = as_vera.get(page, query)
            assert time.monotonic() - start < 2
        assert len(response.content) < 300_000
        whole_body = re.compile(r'(?<!LEFT\()"public"."support_messages"."body"')
        assert not [sent["sql"] for sent in captured if whole_body.search(sent["sql"])]
    assert "слишком длинное" in response.text


@pytest.mark.parametrize("full", ["x", "", "6f9619ff-8b86-4d01-b42d-00cf4fc964ff", "\x01"])
def test_invalid_message_to_show_in_full_is_ignored(as_vera, ticket, full):
    assert as_vera.get(url("ticket", ticket), {"full": full}).status_code == 200


@pytest.mark.parametrize("body", ["Мой код: 482913.", "482913", "код " * 30_000, "код " * 250_000])
def test_client_message_is_shown_as_typed(as_vera, ticket, body):
    Message.objects.update(body=body)

    page = as_vera.get(url("ticket", ticket), {"full": ticket.messages.get().pk})

    assert body[:100_000] in page.text


def test_long_conversation_is_paginated(as_vera, ticket):
    start = datetime(2026, 1, 1, tzinfo=UTC)
    Message.objects.all().delete()
    Message.objects.bulk_create(
        Message(ticket=ticket, author="user", body=f"{number}", created_at=start + timedelta(minutes=number // 3))
        for number in range(250)
    )

    shown, before = [], ""
    while before is not None:
        page = as_vera.get(url("ticket", ticket), {"before": before}).context["page"]
        shown = [message.pk for message in page.rows] + shown
        before = page.next

    assert shown == list(Message.objects.values_list("pk", flat=True))
    assert as_vera.get(url("ticket", ticket), {"before": "x"}).status_code == 404


def test_masked_text_is_shown_instead_of_the_message(as_vera, make, anna):
    client = make.client()
    with transaction.atomic():
        texts = {"body": "ИВ-261123-01 подпишет 482913", "masked": "ИВ-261123-01 подпишет ••••••"}
        ticket = bridge.notify_client(client, **texts, by=anna, now=timezone.now())

    full = f"{url('ticket', ticket)}?full={ticket.messages.get().pk}"
    for page in (LIST, url("ticket", ticket), full, reverse("support:client_card", args=[client.pk])):
        text = as_vera.get(page).text
        assert not appears_in("482913", text), page
        assert texts["masked"] in text, page


def test_masked_message_is_masked_in_full_even_if_it_is_long(as_vera, ticket):
    message = ticket.messages.get()
    Message.objects.update(body="482913 " * 1000)
    MaskedMessage.objects.create(message=message, body="•••••• " * 1000)

    for query in ({}, {"full": message.pk}):
        text = as_vera.get(url("ticket", ticket), query).text
        assert "••••••" in text
        assert not appears_in("482913", text), query


def test_query_count_does_not_grow_with_messages(as_vera, ticket):
    def queries():
        with CaptureQueriesContext(connection) as captured:
            as_vera.get(url("ticket", ticket))
        return len(captured)

    one = queries()
    for number in range(9):
        Message.objects.create(ticket=ticket, author=Author.USER, body=str(number))

    assert queries() == one <= 8


def test_answer_is_posted_and_the_ticket_waits_for_the_client(as_vera, vera, ticket):
    response = as_vera.post(url("answer", ticket), {"body": "Мастер приедет завтра 🙂"})

    assert response.status_code == 302
    assert response.url == url("ticket", ticket)
    message = Message.objects.get(author=Author.SUPPORT)
    assert (message.ticket, message.body) == (ticket, "Мастер приедет завтра 🙂")
    assert Ticket.objects.get().status == TicketStatus.PENDING
    entry = LogEntry.objects.get()
    assert (entry.author, entry.thread.client) == (vera, ticket.user.client)
    assert "Мастер приедет завтра" in entry.body


def test_answer_sent_twice_is_posted_once(as_vera, ticket):
    form_id = {"form_id": as_vera.get(url("ticket", ticket)).context["form"]["form_id"].value()}

    messages = []
    for _ in range(2):
        response = as_vera.post(url("answer", ticket), form_id | {"body": "Мастер приедет завтра"}, follow=True)
        messages += map(str, response.context["messages"])

    assert messages == ["Ответ отправлен.", "Этот ответ уже отправлен раньше, второй раз он не ушёл."]
    assert Message.objects.filter(author=Author.SUPPORT).count() == LogEntry.objects.count() == 1

    Ticket.objects.update(status=TicketStatus.CLOSED)  # the repeated submit still succeeds
    assert as_vera.post(url("answer", ticket), form_id | {"body": "Мастер приедет завтра"}).status_code == 302
    assert Ticket.objects.get().status == TicketStatus.CLOSED


def test_other_text_or_other_form_is_another_answer(as_vera, make, create_ticket, ticket):
    other, form_id = create_ticket(make.client()), {"form_id": uuid.uuid4()}
    answers = [
        (ticket, form_id | {"body": "Да"}),
        (ticket, form_id | {"body": "Да, завтра"}),  # edited because the connection was lost after the first submit
        (ticket, {"form_id": uuid.uuid4(), "body": "Да"}),
        (other, form_id | {"body": "Да"}),
        (ticket, {"body": "Да"}),
        (ticket, {"form_id": "\x00 no id", "body": "Да"}),
    ]

    for answered, data in answers:
        assert as_vera.post(url("answer", answered), data).status_code == 302

    assert Message.objects.filter(author=Author.SUPPORT).count() == len(answers)


def test_concurrent_copies_of_an_answer_are_posted_once(race, make, create_ticket, vera):
    ticket, form_id = create_ticket(make.client()), uuid.uuid4()

    outcomes = race(*[lambda: bridge.answer(ticket, "Да", by=vera, form_id=form_id)] * 2, at=ticket.user.client)

    message = Message.objects.get(author=Author.SUPPORT)
    assert sorted(outcomes, key=lambda outcome: outcome[1]) == [(message, False), (message, True)]
    assert LogEntry.objects.count() == 1


def test_closed_ticket_rejects_an_answer_without_reopen(as_vera, ticket):
    Ticket.objects.update(status=TicketStatus.CLOSED)

    response = as_vera.post(url("answer", ticket), {"body": "Мастер приедет завтра"})

    assert response.status_code == 409
    assert "Обращение закрыто, ответ не отправлен" in response.text
    assert "Мастер приедет завтра" in response.text
    assert "Открыть и ответить" in response.text
    assert Ticket.objects.get().status == TicketStatus.CLOSED
    assert not Message.objects.filter(author=Author.SUPPORT).exists()


def test_closed_ticket_can_be_reopened_with_an_answer(as_vera, ticket):
    Ticket.objects.update(status=TicketStatus.CLOSED)
    page = as_vera.get(url("ticket", ticket)).text
    assert 'name="reopen"' in page

    as_vera.post(url("answer", ticket), {"body": "Мастер приедет завтра", "reopen": "on"})

    assert Ticket.objects.get().status == TicketStatus.PENDING
    assert Message.objects.filter(author=Author.SUPPORT).exists()


@pytest.mark.parametrize("body", ["", "   ", "при\x00вет", "я" * 4001, "я" * 900_000])
def test_invalid_answer_gets_422_and_writes_nothing(as_vera, ticket, body, create_ticket):
    response = as_vera.post(url("answer", ticket), {"body": body})

    assert response.status_code == 422
    assert response.context["form"].errors["body"]
    assert Message.objects.count() == 1
    assert Ticket.objects.get().status == TicketStatus.OPEN


def test_missing_answer_gets_422_with_a_russian_error(as_vera, ticket):
    response = as_vera.post(url("answer", ticket))

    assert response.status_code == 422
    assert "Напишите ответ." in response.text


def test_too_long_answer_stays_in_the_form(as_vera, ticket):
    assert "я" * 4001 in as_vera.post(url("answer", ticket), {"body": "я" * 4001}).text


@pytest.mark.parametrize("status", TicketStatus)
def test_support_changes_the_status(as_vera, ticket, status):
    response = as_vera.post(url("status", ticket), {"status": status})

    assert response.status_code == 302
    assert Ticket.objects.get().status == status


def test_status_change_is_logged_once_with_its_author(as_vera, vera, ticket):
    as_vera.post(url("status", ticket), {"status": "closed"})
    as_vera.post(url("status", ticket), {"status": "closed"})

    entry = LogEntry.objects.get()
    assert entry.author == vera
    assert entry.body == "Обращение «Не работает холодильник»: закрыто"


def test_ticket_is_not_closed_over_an_unread_message(as_vera, ticket):
    form = as_vera.get(url("ticket", ticket)).context["status_form"]
    data = {"status": "closed", "last_seen": form["last_seen"].value()}
    Message.objects.create(ticket=ticket, author=Author.USER, body="Ещё и морозилка")

    response = as_vera.post(url("status", ticket), data)

    assert response.status_code == 409
    assert "Клиент написал ещё, обращение не закрыто" in response.text
    assert "Ещё и морозилка" in response.text
    assert Ticket.objects.get().status == TicketStatus.OPEN
    data["last_seen"] = response.context["status_form"]["last_seen"].value()
    assert as_vera.post(url("status", ticket), data).status_code == 302
    assert Ticket.objects.get().status == TicketStatus.CLOSED


@pytest.mark.parametrize("status", ["", "resolved", "unknown", "о\x00", "я" * 900_000])
def test_invalid_status_gets_422(as_vera, ticket, status):
    response = as_vera.post(url("status", ticket), {"status": status})

    assert response.status_code == 422
    assert response.context["status_form"].errors["status"]
    assert Ticket.objects.get().status == TicketStatus.OPEN


def test_status_of_another_app_version_preselects_no_status(as_vera, ticket):
    assert "Выберите статус" not in as_vera.get(url("ticket", ticket)).text
    Ticket.objects.update(status="resolved")

    page = as_vera.get(url("ticket", ticket)).text

    assert page.index("Выберите статус") < page.index('<option value="open">')


def test_ticket_of_a_deleted_account_can_be_answered_and_closed(as_vera, make, anna):
    client = make.verified(anna)
    with transaction.atomic():
        ticket = bridge.contract_ticket(client, now=timezone.now())
    make.delete_account(client)

    assert as_vera.post(url("answer", ticket), {"body": "Здравствуйте"}).status_code == 302
    assert as_vera.post(url("status", ticket), {"status": TicketStatus.CLOSED}).status_code == 302

    ticket.refresh_from_db()
    assert ticket.status == TicketStatus.CLOSED
    assert ticket.messages.get().body == "Здравствуйте"
    assert LogEntry.objects.filter(thread__client=client.pk, body__contains="Здравствуйте").exists()


def test_long_conversation_links_to_the_answer_form(as_vera, ticket):
    short = as_vera.get(url("ticket", ticket)).text
    for number in range(9):
        Message.objects.create(ticket=ticket, author=Author.USER, body=f"{number}")
    long = as_vera.get(url("ticket", ticket)).text

    assert "К ответу" not in short
    anchor = re.search(r'href="#([^"]+)"[^>]*>К ответу', long)[1]
    assert re.search(rf'<textarea[^>]* id="{anchor}"', long)
