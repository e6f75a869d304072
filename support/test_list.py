import uuid
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from support.models import Message, Ticket, TicketStatus

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


def test_tickets_are_ordered_by_newest_activity(as_vera, make, create_ticket):
    now = timezone.now()
    old = create_ticket(make.client(), subject="Старое", updated_at=now - timedelta(days=2))
    create_ticket(make.client(), subject="Новое", updated_at=now - timedelta(days=1))
    assert subjects(as_vera.get(LIST)) == ["Новое", "Старое"]

    as_vera.post(url("answer", old), {"body": "Смотрим"})

    assert subjects(as_vera.get(LIST)) == ["Старое", "Новое"]


def test_row_shows_client_subject_and_last_message(as_vera, ticket):
    page = as_vera.get(LIST)

    for text in ("Иванов Пётр Сергеевич", "+7 (977) 123-23-23", ticket.subject, "Клиент: Помогите", "Открыто"):
        assert text in page.text


def test_list_is_filtered_by_status(as_vera, make, create_ticket):
    for status in TicketStatus:
        create_ticket(make.client(), subject=status, status=status)

    assert subjects(as_vera.get(LIST, {"status": "closed"})) == ["closed"]
    assert len(subjects(as_vera.get(LIST))) == 3
    assert len(subjects(as_vera.get(LIST, {"status": "'; drop table"}))) == 3


def test_list_is_filtered_by_a_status_of_another_app_version(as_vera, make, create_ticket):
    create_ticket(make.client(), subject="Решённое", status="resolved")
    create_ticket(make.client(), subject="Открытое")

    page = as_vera.get(LIST, {"status": "resolved"})

    assert subjects(page) == ["Решённое"]
    assert "Решено" in page.text


def test_pages_show_each_ticket_once(as_vera, make, create_ticket):
    now = timezone.now()
    for number in range(60):  # ten tickets have the same time and are ordered by id
        create_ticket(make.client(), subject=f"Обращение {number}", updated_at=now - timedelta(minutes=number // 10))

    listed, after = [], ""
    while after is not None:
        page = as_vera.get(LIST, {"after": after}).context["page"]
        listed += page.rows
        after = page.next

    assert len(listed) == len({ticket.pk for ticket in listed}) == 60
    assert listed == sorted(listed, key=lambda ticket: (ticket.updated_at, ticket.pk), reverse=True)


@pytest.mark.parametrize("after", ["x", "1_2", f"{10**30}_{uuid.UUID(int=7)}", "_", "9" * 5000])
def test_invalid_position_gets_404(as_vera, after):
    assert as_vera.get(LIST, {"after": after}).status_code == 404


def test_query_count_does_not_grow_with_rows(as_vera, make, create_ticket):
    def queries():
        with CaptureQueriesContext(connection) as captured:
            assert as_vera.get(LIST).status_code == 200
        return len(captured)

    create_ticket(make.client())
    one = queries()
    for _ in range(9):
        create_ticket(make.client())

    assert queries() == one <= 8


def test_list_shows_empty_states(as_vera, make):
    assert "Обращений пока нет" in as_vera.get(LIST).text
    assert "с таким статусом нет" in as_vera.get(LIST, {"status": "closed"}).text
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


def test_search_and_status_filter_are_combined(as_vera, make, ticket, create_ticket):
    create_ticket(make.client(name="Иванова Мария"), subject="Закрытое", status="closed")
    search(as_vera, "иванов")

    assert subjects(as_vera.get(LIST, {"status": "closed"})) == ["Закрытое"]


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

    response = as_vera.post(SEARCH, {"query": "холод", "status": ""}, headers=headers)

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


def test_status_filter_survives_a_search_and_the_button_clears_the_search(as_vera, ticket):
    response = as_vera.post(SEARCH, {"query": "нетакого", "status": "open"})
    assert response.url == f"{LIST}?status=open"

    as_vera.post(SEARCH, {"query": "нетакого", "clear": "1", "status": "unheard-of"})

    assert subjects(as_vera.get(LIST)) == [ticket.subject]


def test_rare_word_pairs_are_found(as_vera, make, create_ticket, monkeypatch):
    create_ticket(make.client(name="Смирнова Анна"), subject="Одно")
    create_ticket(make.client(name="Смирнова Вера"), subject="Другое")

    for limit in (0, 1000):
        monkeypatch.setattr("support.models.MAX_CLIENTS_IN_QUERY", limit)
        assert search(as_vera, "смирнова анна") == ["Одно"]
