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


def make_new_clients(make, count: int, start: datetime | None = None) -> None:
    """Make `count` new clients, newest first."""
    start = start or timezone.now()
    for number in range(count):
        make.user(name=f"Клиент {number:03}", created_at=start - timedelta(minutes=number))


@pytest.fixture
def office(make, anna, boris):
    """One client of each status and manager."""
    make.user(name="Ничей")
    make.verified(anna, name="На проверке у Анны")
    make.verified(boris, name="На проверке у Бориса")
    make.awaiting_contract(anna, name="Ждёт договор")
    processed = make.verified(anna, name="Оформлен")
    for status in ("awaiting_contract", "processed"):
        Client.objects.filter(pk=processed.pk).update(status=status)
    added = make.client(name="Приведённый Анной")
    added.reassign(to=anna, by=anna)


@pytest.mark.parametrize(
    ("tab", "expected"),
    [
        ("new", {"Ничей"}),
        ("work", {"На проверке у Анны", "Ждёт договор"}),
        ("processed", {"Оформлен"}),
        ("mine", {"На проверке у Анны", "Ждёт договор", "Оформлен", "Приведённый Анной"}),
    ],
)
def test_tab_shows_its_clients(office, as_anna, tab, expected):
    response = as_anna.get(f"/clients/?tab={tab}")

    assert set(names(response)) == expected
    assert dict(response.context["counts"])[tab] == str(len(expected))
    assert f'tab={tab}" aria-current="page"' in response.text


def test_admin_sees_clients_of_all_managers(office, as_gleb):
    assert len(names(as_gleb.get("/clients/?tab=work"))) == 3
    assert names(as_gleb.get("/clients/?tab=mine")) == []


def test_support_is_redirected_to_the_tickets(office, as_vera):
    assert as_vera.get("/clients/").url == "/support/"


def test_signed_out_user_is_redirected_to_sign_in(signed_out, db):
    assert signed_out.get("/clients/").url.startswith("/sign-in/")


def test_card_prefers_the_address_of_the_passport(make, anna, as_anna):
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


def test_client_name_is_escaped(make, as_anna):
    make.user(name="<script>alert(1)</script>")

    assert "<script>alert" not in as_anna.get("/clients/").text


def test_unknown_tab_shows_the_first_tab(office, as_anna):
    assert names(as_anna.get("/clients/?tab=drop")) == ["Ничей"]


def test_last_tab_is_stored(office, as_anna):
    as_anna.get("/clients/?tab=processed")

    assert names(as_anna.get("/clients/")) == ["Оформлен"]


@pytest.mark.parametrize(
    "url", ["/clients/?tab=new", "/clients/?tab=work", "/clients/?tab=processed", "/clients/?tab=mine"]
)
def test_query_count_does_not_grow_with_rows(make, anna, as_anna, url):
    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            assert as_anna.get(url).status_code == 200
        return len(captured)

    empty = queries()
    make_new_clients(make, PAGE_SIZE + 5)
    for number in range(PAGE_SIZE + 5):
        client = make.verified(anna)
        if number % 2:
            make.passport(client, anna)

    assert queries() == empty <= 6


def test_search_takes_few_queries(make, as_anna):
    make_new_clients(make, 5)
    as_anna.post("/clients/search/", {"text": "никого такого", "tab": "new"})

    with CaptureQueriesContext(connection) as captured:
        as_anna.get("/clients/?tab=new")
    assert len(captured) <= 6


def test_pages_list_all_clients_in_order(make, as_anna):
    make_new_clients(make, 2 * PAGE_SIZE + 5)

    listed, url = [], "/clients/?tab=new"
    while url:
        response = as_anna.get(url)
        listed += names(response)
        after = response.context["page"].next_cursor
        url = after and f"/clients/?tab=new&after={after}"

    assert listed == [f"Клиент {number:03}" for number in range(2 * PAGE_SIZE + 5)]


def test_paging_is_stable_while_new_clients_arrive(make, as_anna):
    make_new_clients(make, 3 * PAGE_SIZE)

    listed, after = [], ""
    for number in range(3):
        response = as_anna.get(f"/clients/?tab=new&after={after}")
        listed += names(response)
        after = response.context["page"].next_cursor
        make.user(name=f"Только что {number}")

    assert listed == [f"Клиент {number:03}" for number in range(3 * PAGE_SIZE)]


def test_clients_with_equal_times_are_listed_once(make, as_anna):
    now = timezone.now()
    for number in range(PAGE_SIZE + 10):
        make.user(name=f"Клиент {number}", created_at=now)

    first = as_anna.get("/clients/?tab=new")
    second = as_anna.get(f"/clients/?tab=new&after={first.context['page'].next_cursor}")
    assert len(set(names(first) + names(second))) == PAGE_SIZE + 10


def test_response_never_has_more_than_the_maximum_of_cards(make, as_anna):
    """The older system sent all clients of a tab at once."""
    make_new_clients(make, MAX_SHOWN + 50)

    assert len(names(as_anna.get("/clients/?tab=new"))) == PAGE_SIZE
    for shown in ("250", "9999", "99999999999", "-1", "٣٣٣", "²", "1e9", ""):
        assert len(names(as_anna.get("/clients/", {"tab": "new", "shown": shown}))) <= MAX_SHOWN, shown


def test_parameter_shown_restores_the_number_of_cards(make, as_anna):
    make_new_clients(make, 60)

    response = as_anna.get("/clients/?tab=new&shown=40")
    assert names(response) == [f"Клиент {number:03}" for number in range(40)]
    assert response.context["page"].next_cursor
    # Sizes are rounded up to whole pages, so there are only ten different statements.
    assert [len(names(as_anna.get(f"/clients/?tab=new&shown={shown}"))) for shown in (0, 20, 21, 41)] == [
        20,
        20,
        40,
        60,
    ]


@pytest.mark.parametrize(
    "after", ["x", "!!!!", "ы", "AAAA", "А" * 5000, "'; --", "f" * 32, "-" * 32, "A" * 31 + "=", "\u2028"]
)
def test_malformed_cursor_shows_the_first_page(make, as_anna, after):
    make_new_clients(make, 3)

    response = as_anna.get("/clients/", {"tab": "new", "after": after})
    assert response.status_code == 200
    assert len(names(response)) == 3


def test_cursor_is_exact_to_the_microsecond(make):
    client = make.client(created_at=datetime(2026, 11, 23, 10, 20, 30, 123457, tzinfo=UTC))

    assert cursor.decode(cursor.encode(client.created_at, client.pk)) == (client.created_at, client.pk)


def test_counts_are_capped(make, anna, monkeypatch):
    monkeypatch.setattr(tabs, "MAX_COUNT", 3)
    make_new_clients(make, 2)
    assert dict(tabs.counts(anna))[Tab.NEW] == "2"

    make_new_clients(make, 2)
    assert dict(tabs.counts(anna))[Tab.NEW] == "2+"


@pytest.mark.parametrize("tab", Tab)
@pytest.mark.parametrize("after", ["", cursor.encode(datetime(2000, 1, 1, tzinfo=UTC), uuid.UUID(int=7))])
def test_counts_are_loaded_with_the_page_in_one_query(office, anna, django_assert_num_queries, tab, after):
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
def test_htmx_gets_the_fragment_of_its_target(make, as_anna, target, start, has_tabs):
    make_new_clients(make, 30)

    response = as_anna.get("/clients/?tab=new", headers={"HX-Request": "true", "HX-Target": target})
    assert response.text.strip().startswith(start)
    assert ('class="bar"' in response.text) is has_tabs
    place = target.split("-")[0] if "-" in target or target == "beside" else "list"
    assert f'id="{place}-more"' in response.text


def test_next_page_works_as_a_plain_link(make, as_anna):
    make_new_clients(make, 30)

    assert 'href="/clients/?tab=new&amp;after=' in as_anna.get("/clients/?tab=new").text


def test_empty_tabs_explain_themselves(as_anna):
    words = {"new": "Новых клиентов пока нет", "work": "В работе никого", "processed": "Оформленных клиентов пока нет"}
    for tab, expected in (words | {"mine": "У вас пока нет клиентов"}).items():
        assert expected in as_anna.get(f"/clients/?tab={tab}").text


def test_client_url_redirects_to_the_current_step(make, anna, as_anna):
    new, verified = make.client(), make.verified(anna)

    assert as_anna.get(f"/clients/{new.pk}/").url == f"/clients/{new.pk}/contact/"
    assert as_anna.get(f"/clients/{verified.pk}/").url == f"/clients/{verified.pk}/passport/"
    assert Status(verified.status) == Status.IN_VERIFICATION
