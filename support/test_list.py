import re
import uuid
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from conftest import as_app
from support import activity
from support.models import Author, Message, Ticket, TicketState

LIST = reverse("support:tickets")
SEARCH = reverse("support:search")


def subjects(response):
    return [ticket.subject for ticket in response.context["page"].rows]


def search(browser, query):
    response = browser.post(SEARCH, {"query": query})
    assert response.status_code == 302
    assert response.url == LIST
    return subjects(browser.get(LIST))


def url(name, ticket):
    return reverse(f"support:{name}", args=[ticket.pk])


def write_as_client(ticket, body="Ещё вопрос"):
    """Write as the app does: it inserts the message and changes nothing else."""
    Message.objects.create(ticket=ticket, author=Author.USER, body=body, created_at=timezone.now())


def test_tickets_are_ordered_by_their_last_message(as_vera, make, create_ticket):
    now = timezone.now()
    old = create_ticket(make.client(), subject="Старое", created_at=now - timedelta(days=2))
    create_ticket(make.client(), subject="Новое", created_at=now - timedelta(days=1))
    assert subjects(as_vera.get(LIST)) == ["Новое", "Старое"]

    as_vera.post(url("answer", old), {"body": "Смотрим"})

    assert subjects(as_vera.get(LIST)) == ["Старое", "Новое"]


def test_row_shows_client_subject_and_last_message(as_vera, ticket):
    page = as_vera.get(LIST)

    for text in ("Иванов Пётр Сергеевич", "+7 (977) 123-23-23", ticket.subject, "Клиент: Помогите", "Ждёт ответа"):
        assert text in page.text


def test_last_author_decides_in_which_tab_a_ticket_is(as_vera, make, create_ticket):
    """The app changes neither the status nor the time of a ticket when the client writes."""
    create_ticket(make.client(), subject="Новое")
    answered = create_ticket(make.client(), subject="Отвеченное")
    replied = create_ticket(make.client(), subject="Снова спросил")
    closed = create_ticket(make.client(), subject="Закрытое")
    for ticket in (answered, replied):
        as_vera.post(url("answer", ticket), {"body": "Смотрим"})
    write_as_client(replied)
    as_vera.post(url("status", closed), {"status": "closed"})

    tabs = {state: set(subjects(as_vera.get(LIST, {"state": state}))) for state in ("", *TicketState)}

    assert tabs == {
        "": {"Новое", "Отвеченное", "Снова спросил", "Закрытое"},
        "waiting": {"Новое", "Снова спросил"},
        "answered": {"Отвеченное"},
        "closed": {"Закрытое"},
    }
    assert "Ждут ответа: 2" in as_vera.get(LIST).text
    assert len(subjects(as_vera.get(LIST, {"state": "'; drop table"}))) == 4


@pytest.mark.parametrize("status", ["closed", "resolved"])
def test_client_message_reopens_a_closed_ticket(as_vera, ticket, status):
    Ticket.objects.update(status=status, updated_at=timezone.now())
    assert subjects(as_vera.get(LIST, {"state": "closed"})) == [ticket.subject]

    write_as_client(ticket, "Снова сломался")

    page = as_vera.get(LIST, {"state": "waiting"})
    assert subjects(page) == [ticket.subject]
    assert "Снова сломался" in page.text
    assert subjects(as_vera.get(LIST, {"state": "closed"})) == []


def test_ticket_without_messages_waits_until_it_is_closed(as_vera, make):
    ticket = Ticket.objects.create(user=make.client().user, subject="Без сообщений")
    assert subjects(as_vera.get(LIST, {"state": "waiting"})) == ["Без сообщений"]

    as_vera.post(url("status", ticket), {"status": "closed"})

    assert subjects(as_vera.get(LIST, {"state": "closed"})) == ["Без сообщений"]


def test_labels_of_other_app_versions_are_shown(as_vera, make, create_ticket):
    with as_app(), connection.cursor() as cursor:
        cursor.execute("ALTER TABLE support_tickets ALTER status DROP DEFAULT, ALTER status TYPE text")
        cursor.execute("ALTER TABLE support_messages ALTER author TYPE text")
    snoozed = create_ticket(make.client(), subject="Отложенное", status="snoozed")
    Message.objects.create(ticket=snoozed, author="operator", body="Смотрим")
    create_ticket(make.client(), subject="Решённое", status="resolved")

    page = as_vera.get(LIST, {"state": "closed"})

    assert set(subjects(page)) == {"Отложенное", "Решённое"}
    for text in ("snoozed", "Решено", "operator: Смотрим"):
        assert text in page.text
    text = as_vera.get(url("ticket", snoozed)).text
    assert "operator" in text
    assert as_vera.get(reverse("support:client_card", args=[snoozed.user.client.pk])).status_code == 200


def test_pages_show_each_ticket_once(as_vera, make, create_ticket):
    now = timezone.now()
    for number in range(60):  # ten tickets have the same time and are ordered by id
        create_ticket(make.client(), subject=f"Обращение {number}", created_at=now - timedelta(minutes=number // 10))

    listed, after = [], ""
    while after is not None:
        page = as_vera.get(LIST, {"after": after}).context["page"]
        listed += page.rows
        after = page.next

    assert len(listed) == len({ticket.pk for ticket in listed}) == 60
    assert listed == sorted(listed, key=lambda ticket: (ticket.last_message_at, ticket.pk), reverse=True)


@pytest.mark.parametrize("after", ["x", "1_2", f"{10**30}_{uuid.UUID(int=7)}", "_", "9" * 5000])
def test_invalid_position_gets_404(as_vera, after):
    assert as_vera.get(LIST, {"after": after}).status_code == 404


def test_query_count_does_not_grow_with_rows(as_vera, make, create_ticket):
    def queries():
        activity.refresh()
        with CaptureQueriesContext(connection) as captured:
            assert as_vera.get(LIST).status_code == 200
        return len(captured)

    create_ticket(make.client())
    one = queries()
    for _ in range(9):
        create_ticket(make.client())

    assert queries() == one <= 8


def test_name_and_address_of_megabytes_are_not_read(as_vera, make, create_ticket):
    client = make.client()
    create_ticket(client)
    type(client.user).objects.filter(pk=client.user_id).update(name="Я" * 3_000_000, address="Я" * 3_000_000)

    with CaptureQueriesContext(connection) as captured:
        response = as_vera.get(LIST)

    assert len(response.content) < 50_000
    assert not [query["sql"] for query in captured if '"users"."address"' in query["sql"]]


def test_list_shows_empty_states(as_vera, make):
    assert "Обращений пока нет" in as_vera.get(LIST).text
    assert "Все обращения отвечены" in as_vera.get(LIST, {"state": "waiting"}).text
    assert "Таких обращений нет" in as_vera.get(LIST, {"state": "closed"}).text
    as_vera.post(SEARCH, {"query": "нетакого"})
    assert "Ничего не найдено" in as_vera.get(LIST).text


def test_ticket_of_a_deleted_account_is_shown_and_answered(as_vera):
    orphan = Ticket.objects.create(user_id=uuid.uuid4(), subject="Без учётной записи")

    assert "Учётная запись удалена" in as_vera.get(LIST).text
    assert as_vera.get(url("ticket", orphan)).status_code == 200
    assert as_vera.post(url("answer", orphan), {"body": "Ответ"}).status_code == 302
    assert Message.objects.get().body == "Ответ"


@pytest.mark.parametrize(
    "query",
    ["иванов", "ПЕТР", "Пётр иванов", "977 123", "+7(977)123-23-23", "8 977 1232323", "холодильник", "не работает"],
)
def test_search_finds_tickets_by_name_phone_and_subject(as_vera, make, ticket, query, create_ticket):
    create_ticket(make.client(name="Сидорова Анна", phone="9160000000", email="s@x.example"), subject="Счёт")

    assert search(as_vera, query) == [ticket.subject]


def test_search_treats_yo_and_ye_alike(as_vera, make, create_ticket):
    create_ticket(make.client(), subject="Счёт за ремонт")

    assert search(as_vera, "счет") == search(as_vera, "СЧЁТ") == ["Счёт за ремонт"]


def test_ticket_matching_by_client_and_subject_is_shown_once(as_vera, make, create_ticket):
    create_ticket(make.client(name="Холодильников Иван"), subject="Холодильник")

    assert search(as_vera, "холодильник") == ["Холодильник"]


def test_search_and_tab_are_combined(as_vera, make, ticket, create_ticket):
    create_ticket(make.client(name="Иванова Мария"), subject="Закрытое", status="closed")
    search(as_vera, "иванов")

    assert subjects(as_vera.get(LIST, {"state": "closed"})) == ["Закрытое"]


def test_search_text_is_not_in_the_url_and_can_be_cleared(as_vera, make, ticket, create_ticket):
    create_ticket(make.client(name="Сидорова Анна"), subject="Счёт")
    search(as_vera, "иванов")
    assert "иванов" in as_vera.get(LIST).text

    assert len(search(as_vera, "")) == 2


@pytest.mark.parametrize("wildcard", ["%", "_", "\\", "x'y", "100%"])
def test_wildcards_are_literal(as_vera, ticket, wildcard):
    assert search(as_vera, wildcard) == []


@pytest.mark.parametrize("query", ["и\x00ван", "и" * 101, "и" * 1_000_000])
def test_invalid_query_gets_422_with_an_error(as_vera, ticket, query):
    response = as_vera.post(SEARCH, {"query": query})

    assert response.status_code == 422
    assert response.context["form"].errors["query"]
    assert "ticket_search" not in as_vera.session


def test_query_of_punctuation_is_ignored(as_vera, ticket):
    assert search(as_vera, "'") == [ticket.subject]


def test_emoji_query_finds_nothing(as_vera, ticket):
    assert search(as_vera, "🙂") == []


def test_search_while_typing_returns_only_the_results(as_vera, ticket):
    headers = {"HX-Request": "true", "HX-Target": "tickets-results"}

    response = as_vera.post(SEARCH, {"query": "холод", "state": ""}, headers=headers)

    assert response.status_code == 200
    assert ticket.subject in response.text
    assert "<form" not in response.text
    assert as_vera.post(SEARCH, {"query": "x" * 101}, headers=headers).status_code == 422


def test_scrolling_returns_only_the_next_rows(as_vera, make, create_ticket):
    for number in range(26):
        create_ticket(make.client(), subject=f"Обращение {number}")
    after = as_vera.get(LIST).context["page"].next

    response = as_vera.get(LIST, {"after": after}, headers={"HX-Request": "true", "HX-Target": "tickets-more"})

    assert response.text.count('class="client"') == 1
    assert "<form" not in response.text


def test_tab_survives_a_search_and_the_button_clears_the_search(as_vera, ticket):
    response = as_vera.post(SEARCH, {"query": "нетакого", "state": "waiting"})
    assert response.url == f"{LIST}?state=waiting"

    as_vera.post(SEARCH, {"query": "нетакого", "clear": "1", "state": "unheard-of"})

    assert subjects(as_vera.get(LIST)) == [ticket.subject]


def test_link_in_the_menu_forgets_the_search(as_vera, ticket):
    search(as_vera, "нетакого")
    menu = re.search(r'<a href="([^"]+)">[^>]*>.*?</svg>\s*Обращения</a>', as_vera.get(LIST).text, re.DOTALL)[1]

    assert subjects(as_vera.get(LIST)) == []
    assert subjects(as_vera.get(menu, follow=True)) == [ticket.subject]
    assert subjects(as_vera.get(LIST)) == [ticket.subject]


def test_rare_word_pairs_are_found(as_vera, make, create_ticket, monkeypatch):
    create_ticket(make.client(name="Смирнова Анна"), subject="Одно")
    create_ticket(make.client(name="Смирнова Вера"), subject="Другое")

    for limit in (0, 1000):
        monkeypatch.setattr("support.models.MAX_CLIENTS_IN_QUERY", limit)
        assert search(as_vera, "смирнова анна") == ["Одно"]
