import uuid
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from clients import cursor, tabs
from clients.models import Client, Status, Tab
from clients.tabs import MAX_SHOWN, PAGE_SIZE


def names(response) -> list[str]:
    return [card["name"] for card in response.context["page"].cards]


def many(make, count: int, start: datetime | None = None) -> None:
    """New clients, the first of them the newest."""
    start = start or timezone.now()
    for number in range(count):
        make.user(name=f"Клиент {number:03}", created_at=start - timedelta(minutes=number))


@pytest.fixture
def office(make, anna, boris):
    """One client of each kind."""
    make.user(name="Ничей")
    make.verified(anna, name="На проверке у Анны")
    make.verified(boris, name="На проверке у Бориса")
    make.awaiting_contract(anna, name="Ждёт договор")
    done = make.verified(anna, name="Оформлен")
    for status in ("awaiting_contract", "processed"):
        Client.objects.filter(pk=done.pk).update(status=status)
    brought = make.client(name="Приведённый Анной")
    brought.reassign(to=anna, by=anna)


@pytest.mark.parametrize(
    ("tab", "expected"),
    [
        ("new", {"Ничей"}),
        ("work", {"На проверке у Анны", "Ждёт договор"}),
        ("processed", {"Оформлен"}),
        ("mine", {"На проверке у Анны", "Ждёт договор", "Оформлен", "Приведённый Анной"}),
    ],
)
def test_each_tab_shows_its_clients(office, as_anna, tab, expected):
    response = as_anna.get(f"/clients/?tab={tab}")

    assert set(names(response)) == expected
    assert dict(response.context["counts"])[tab] == str(len(expected))
    assert f'tab={tab}" aria-current="page"' in response.text


def test_an_admin_sees_the_work_of_all(office, as_gleb):
    assert len(names(as_gleb.get("/clients/?tab=work"))) == 3
    assert names(as_gleb.get("/clients/?tab=mine")) == []


def test_support_goes_to_the_tickets(office, as_vera):
    assert as_vera.get("/clients/").url == "/support/"


def test_signed_out_goes_to_the_sign_in(signed_out, db):
    assert signed_out.get("/clients/").url.startswith("/sign-in/")


def test_a_card_shows_the_address_of_the_passport_before_the_accounts(make, anna, as_anna):
    client = make.verified(anna, name="Ёлкин Пётр", phone="9771232323", address="г. Тула")
    card = as_anna.get("/clients/?tab=mine").text
    assert "г. Тула" in card
    assert "+7 (977) 123-23-23" in card
    assert "ЁП" in card
    assert "На проверке" in card

    make.passport(client, anna, registration_address="г. Пермь")
    card = as_anna.get("/clients/?tab=mine").text
    assert "г. Пермь" in card
    assert "г. Тула" not in card


def test_no_markup_of_a_name_reaches_the_page(make, as_anna):
    make.user(name="<script>alert(1)</script>")

    assert "<script>alert" not in as_anna.get("/clients/").text


def test_an_unknown_tab_is_the_first(office, as_anna):
    assert names(as_anna.get("/clients/?tab=drop")) == ["Ничей"]


def test_the_tab_is_remembered(office, as_anna):
    as_anna.get("/clients/?tab=processed")

    assert names(as_anna.get("/clients/")) == ["Оформлен"]


@pytest.mark.parametrize(
    "address", ["/clients/?tab=new", "/clients/?tab=work", "/clients/?tab=processed", "/clients/?tab=mine"]
)
def test_a_page_takes_few_queries_whatever_it_shows(make, anna, as_anna, address):
    def queries() -> int:
        with CaptureQueriesContext(
            connection,
        ) as captured:
            assert as_anna.get(address).status_code == 200
        return len(captured)

    empty = queries()
    many(make, PAGE_SIZE + 5)
    for number in range(PAGE_SIZE + 5):
        client = make.verified(anna)
        if number % 2:
            make.passport(client, anna)

    assert queries() == empty <= 6


def test_a_search_takes_few_queries_too(make, as_anna):
    many(make, 5)
    as_anna.post("/clients/search/", {"text": "никого такого", "tab": "new"})

    with CaptureQueriesContext(connection) as captured:
        as_anna.get("/clients/?tab=new")
    assert len(captured) <= 6


def test_pages_follow_one_another_to_the_end(make, as_anna):
    many(make, 2 * PAGE_SIZE + 5)

    seen, address = [], "/clients/?tab=new"
    while address:
        response = as_anna.get(address)
        seen += names(response)
        after = response.context["page"].next_cursor
        address = after and f"/clients/?tab=new&after={after}"

    assert seen == [f"Клиент {number:03}" for number in range(2 * PAGE_SIZE + 5)]


def test_paging_is_stable_while_new_clients_arrive(make, as_anna):
    many(make, 3 * PAGE_SIZE)

    seen, after = [], ""
    for number in range(3):
        response = as_anna.get(f"/clients/?tab=new&after={after}")
        seen += names(response)
        after = response.context["page"].next_cursor
        make.user(name=f"Только что {number}")

    assert seen == [f"Клиент {number:03}" for number in range(3 * PAGE_SIZE)]


def test_clients_with_equal_times_are_listed_once(make, as_anna):
    moment = timezone.now()
    for number in range(PAGE_SIZE + 10):
        make.user(name=f"Клиент {number}", created_at=moment)

    first = as_anna.get("/clients/?tab=new")
    second = as_anna.get(f"/clients/?tab=new&after={first.context['page'].next_cursor}")
    assert len(set(names(first) + names(second))) == PAGE_SIZE + 10


def test_the_list_sends_every_client_of_a_tab_at_once(make, as_anna):
    """Fault of the older system: it sent them all. Ours never sends more than a page, whatever is asked for."""
    many(make, MAX_SHOWN + 50)

    assert len(names(as_anna.get("/clients/?tab=new"))) == PAGE_SIZE
    for shown in ("250", "9999", "99999999999", "-1", "٣٣٣", "²", "1e9", ""):
        assert len(names(as_anna.get("/clients/", {"tab": "new", "shown": shown}))) <= MAX_SHOWN, shown


def test_going_back_shows_as_many_cards_as_before(make, as_anna):
    many(make, 60)

    response = as_anna.get("/clients/?tab=new&shown=40")
    assert names(response) == [f"Клиент {number:03}" for number in range(40)]
    assert response.context["page"].next_cursor
    # Of all sizes that may be asked for ten are statements that PostgreSQL plans.
    assert [len(names(as_anna.get(f"/clients/?tab=new&shown={shown}"))) for shown in (0, 20, 21, 41)] == [
        20,
        20,
        40,
        60,
    ]


@pytest.mark.parametrize(
    "after", ["x", "!!!!", "ы", "AAAA", "А" * 5000, "'; --", "f" * 32, "-" * 32, "A" * 31 + "=", "\u2028"]
)
def test_a_malformed_cursor_is_the_first_page(make, as_anna, after):
    many(make, 3)

    response = as_anna.get("/clients/", {"tab": "new", "after": after})
    assert response.status_code == 200
    assert len(names(response)) == 3


def test_a_cursor_keeps_its_place_to_the_microsecond(make):
    client = make.client(created_at=datetime(2026, 11, 23, 10, 20, 30, 123457, tzinfo=UTC))

    assert cursor.decode(cursor.encode(client.created_at, client.pk)) == (client.created_at, client.pk)


def test_counts_are_capped(make, anna, monkeypatch):
    monkeypatch.setattr(tabs, "MAX_COUNT", 3)
    many(make, 2)
    assert dict(tabs.counts(anna))[Tab.NEW] == "2"

    many(make, 2)
    assert dict(tabs.counts(anna))[Tab.NEW] == "2+"


@pytest.mark.parametrize("tab", Tab)
@pytest.mark.parametrize("after", ["", cursor.encode(datetime(2000, 1, 1, tzinfo=UTC), uuid.UUID(int=7))])
def test_counts_come_along_with_a_page_even_if_it_is_empty(office, anna, django_assert_num_queries, tab, after):
    with django_assert_num_queries(1):
        page = tabs.page(tab, anna, "", after, 0, counted=True)

    assert page.counts == tabs.counts(anna)
    assert page.cards == tabs.page(tab, anna, "", after, 0).cards
    assert bool(page.cards) == (not after)


@pytest.mark.parametrize(
    ("target", "start", "has_tabs"),
    [
        ("list-more", "<li", False),
        ("beside-more", "<li", False),
        ("list-results", '<div id="list-results"', False),
        ("beside", '<div class="card panel"', True),
        ("main", "<title>", True),
    ],
)
def test_htmx_gets_the_part_that_it_fills(make, as_anna, target, start, has_tabs):
    many(make, 30)

    response = as_anna.get("/clients/?tab=new", headers={"HX-Request": "true", "HX-Target": target})
    assert response.text.strip().startswith(start)
    assert ('class="bar"' in response.text) is has_tabs
    place = target.split("-")[0] if "-" in target or target == "beside" else "list"
    assert f'id="{place}-more"' in response.text


def test_more_cards_are_a_plain_link_too(make, as_anna):
    many(make, 30)

    assert 'href="/clients/?tab=new&amp;after=' in as_anna.get("/clients/?tab=new").text


def test_every_empty_tab_says_what_will_be_there(as_anna):
    words = {"new": "Новых клиентов пока нет", "work": "В работе никого", "processed": "Оформленных клиентов пока нет"}
    for tab, expected in (words | {"mine": "У вас пока нет клиентов"}).items():
        assert expected in as_anna.get(f"/clients/?tab={tab}").text


def test_client_url_redirects_to_the_current_step(make, anna, as_anna):
    new, verified = make.client(), make.verified(anna)

    assert as_anna.get(f"/clients/{new.pk}/").url == f"/clients/{new.pk}/contact/"
    assert as_anna.get(f"/clients/{verified.pk}/").url == f"/clients/{verified.pk}/passport/"
    assert Status(verified.status) == Status.IN_VERIFICATION
