import re

import pytest
from hypothesis import given, strategies

from clients.models import Client
from clients.search import index_parts, words
from clients.views import SEARCH_SESSION_KEY
from contracts import issuing

PYOTR = {"name": "Иванов Пётр Сергеевич", "phone": "9771232323", "email": "petr.ivanov@mail.example"}


@pytest.fixture
def people(make):
    """Return Пётр, who matches all queries of these tests, and other accounts, which match none."""
    others = [
        make.user(name="Кузнецова Ольга", phone="9160000001", address="г. Тверь, ул. Мира, д. 1"),
        make.user(name="Сидоров Семён", phone="9160000002", address="г. Тула, пр. Ленина, д. 2"),
    ]
    return make.client(**PYOTR, address="г. Москва, ул. Зелёная, д. 5"), others


QUERIES = [
    "иван",
    "Иванов Пётр",
    "петр ИВАНОВ",
    "Иванов, Пётр",
    "977 123",
    "+7(977)123-23-23",
    "8 977 123 23 23",
    "8977123",
    "7977123",
    "232323",
    "иванов 8-977-123-23-23",
    "petr.ivanov",
    "ivanov@mail",
    "зеленая",
    "ул. Зелёная",
    "пе зе",
    "Зеле\u0308ная",  # as some keyboards type ё
]


@pytest.mark.parametrize("text", QUERIES)
def test_query_finds_the_client(people, text):
    assert list(Client.objects.search(text)) == [people[0]]


@pytest.mark.parametrize("text", QUERIES)
def test_page_shows_the_match_and_the_query(people, as_anna, text):
    response = as_anna.post("/clients/search/", {"text": text, "tab": "new"}, follow=True)

    assert [card["id"] for card in response.context["page"].cards] == [str(people[0].pk)]
    assert response.context["text"] == text
    assert 'name="clear"' in response.text


@pytest.mark.parametrize("text", ["", "   ", "+7"])
def test_query_without_words_finds_all_clients(people, text):
    assert Client.objects.search(text).count() == 3


def test_page_shows_all_clients_for_a_query_of_punctuation(people, as_anna):
    page = as_anna.post("/clients/search/", {"text": " , +7 «»", "tab": "new"}, follow=True).context["page"]

    assert len(page.cards) == 3


@pytest.mark.parametrize("text", ["%", "_", "\\", "иван%", "и_анов", "'; DROP TABLE users; --", "\x00", "😀"])
def test_wildcards_are_literal(people, text):
    assert Client.objects.search(text).count() in ((3,) if text == "\x00" else (0,))


@pytest.mark.parametrize("text", ["100%", "%с", "%(pk)s", "a_b", "\\d", "о'нил", "%%"])
def test_page_treats_wildcards_literally(make, as_anna, text):
    client = make.client(name="Иванов Пётр", phone="9771232323", address=f"г. Тверь, {text}, д. 5")
    make.client(name="Иванов Олег", phone="9771232324", address="г. Тверь, 100 с, a-b, /d, онил, д. 5 pk s")

    for tab, attribute in (("new", "cards"), ("mine", "other_tabs")):
        page = as_anna.post("/clients/search/", {"text": text, "tab": tab}, follow=True).context["page"]
        assert len(getattr(page, attribute)) == 1
    assert list(Client.objects.search(text)) == [client]


@given(strategies.text())
def test_index_parts_are_parts_of_the_word(word):
    assert all(part in word for part in index_parts(word))
    assert index_parts(word)


def test_contract_number_is_found_with_and_without_its_letters(make, anna):
    client, other = make.awaiting_contract(anna), make.awaiting_contract(anna)
    number = issuing.issue(client, by=anna).number
    issuing.issue(other, by=anna)

    assert list(Client.objects.search(number)) == [client]
    assert list(Client.objects.search(number.lower())) == [client]
    assert list(Client.objects.search(number.split("-", 1)[1])) == [client]


def test_changed_data_is_found(make, anna):
    client = make.verified(anna, name="Иванов Пётр")
    make.passport(client, anna, last_name="Йорк-Ёлкин", registration_address="г. Пермь, ул. Сибирская, д. 3")
    client.confirm_contact(by=anna, name="Пётр", phone="9031112233", email="", address="г. Орёл")

    for text in ("йорк-елкин", "сибирская", "9031112233", "орел"):
        assert list(Client.objects.search(text)) == [client], text
    assert not Client.objects.search("иванов").exists()


def test_long_query_is_truncated(people):
    assert words("а" * 1_000_000) == ["а" * 100]


def test_search_text_is_not_in_the_url(people, as_anna):
    response = as_anna.post("/clients/search/", {"text": "Иванов", "tab": "new"})

    assert response.url == "/clients/?tab=new"


def test_search_while_typing_returns_only_the_results(people, as_anna):
    response = as_anna.post(
        "/clients/search/",
        {"text": "иванов", "tab": "new"},
        headers={"HX-Request": "true", "HX-Target": "list-results"},
    )

    assert response.text.strip().startswith('<div id="list-results"')
    assert "Иванов Пётр Сергеевич" in response.text
    assert "Кузнецова" not in response.text


def test_search_is_stored_until_it_is_cleared(people, as_anna):
    as_anna.post("/clients/search/", {"text": "иванов", "tab": "new"})
    as_anna.get(f"/clients/{people[0].pk}/contact/")

    assert len(as_anna.get("/clients/").context["page"].cards) == 1

    as_anna.post("/clients/search/", {"text": "иванов", "clear": "1", "tab": "new"})
    assert len(as_anna.get("/clients/").context["page"].cards) == 3
    assert SEARCH_SESSION_KEY in as_anna.session


def test_empty_result_links_to_tabs_with_matches(people, make, as_anna, anna):
    make.verified(anna, name="Ёжиков Фома")

    page = as_anna.post("/clients/search/", {"text": "ежиков", "tab": "new"}, follow=True).text
    assert "По запросу «ежиков» здесь никого нет" in page
    message = " ".join(re.sub("<[^>]+>", "", page[page.index("Нашлось на") :].partition("</p>")[0]).split())
    assert message == "Нашлось на вкладках: «В работе», «Мои»."


def test_search_does_not_find_clients_of_other_managers(make, as_boris, anna):
    make.verified(anna, name="Ёжиков Фома")

    for tab in ("new", "work", "processed", "mine"):
        page = as_boris.post("/clients/search/", {"text": "ежиков", "tab": tab}, follow=True)
        assert page.context["page"].cards == []
        assert page.context["page"].other_tabs == []


def test_admin_finds_clients_of_all_managers(make, as_gleb, anna):
    make.verified(anna, name="Ёжиков Фома")

    page = as_gleb.post("/clients/search/", {"text": "ежиков", "tab": "work"}, follow=True)
    assert [card["name"] for card in page.context["page"].cards] == ["Ёжиков Фома"]


@pytest.mark.parametrize("text", ["\x00", "а" * 1_000_000, "😀", "%_\\"])
def test_invalid_input_is_an_ordinary_search(people, as_anna, text):
    response = as_anna.post("/clients/search/", {"text": text, "tab": "нет такой"}, follow=True)

    assert response.status_code == 200
    assert response.context["tab"] == "new"


def test_support_gets_404(as_vera):
    assert as_vera.post("/clients/search/", {"text": "иванов"}).status_code == 404
