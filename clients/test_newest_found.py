"""A search in a list finds the same by walking the list and by asking the index, in the order of the list."""

from datetime import timedelta

import django
import pytest
from django.utils import timezone

from clients import finding, tabs
from clients.models import Client, Status, Tab

NOW = timezone.now()


@pytest.fixture
def pool(make) -> list[Client]:
    """Twelve new clients, the newest first; every third is Ирина, the oldest one Зоя."""
    names = ["Ирина Белова", "Пётр Орлов", "Олег Ким"] * 4
    names[-1] = "Зоя Ким"
    return [
        make.client(name=name, created_at=NOW - timedelta(days=place), address="г. Химки, ул. Лесная, д. 5")
        for place, name in enumerate(names)
    ]


def test_condition_of_a_queryset_can_be_compiled_alone():
    versions = f"Django {django.__version__} changed"
    sql, parameters = finding._condition(Client.objects.filter(status=Status.NEW))
    assert sql == '"manager_clients"."status" = %s', f"{versions} SQLCompiler.compile: adapt clients/finding.py"
    assert parameters == ["new"] or parameters == ("new",), f"{versions} the parameters: adapt clients/finding.py"
    assert finding._condition(Client.objects.all()) == ("TRUE", ()), (
        f"{versions} FullResultSet: adapt clients/finding.py"
    )


def found(text: str, most: int = 20, **before) -> list[str]:
    """Names, as the list shows them."""
    rows = Client.objects.filter(status=Status.NEW)
    return [client.user.name for client in newest(rows.before(**before) if before else rows, text, most)]


def newest(rows, text: str, most: int) -> list[Client]:
    search = finding.SearchSql(text)
    ids = f"{search.newest(finding.ClientListSql.from_queryset(rows), most)} SELECT id FROM newest"  # noqa: S608
    return list(Client.objects.filter(pk__in=[row.pk for row in Client.objects.raw(ids, search.values)]).newest_first())


@pytest.fixture(params=[1, 2, 5, 12, 13, 8000])
def walked(request, monkeypatch, by_parts) -> int:
    """How many of the newest rows are read before the index is asked."""
    monkeypatch.setattr(finding, "NEWEST_ROWS_SCANNED", request.param)
    monkeypatch.setattr(finding, "SAMPLE_SIZE", (request.param + 1) // 2)
    return request.param


@pytest.fixture(params=[False, True])
def by_parts(request, monkeypatch) -> bool:
    """Whether the index is asked for parts of words or for whole ones, however common they are."""
    monkeypatch.setattr(finding, "MAX_FALSE_MATCHES", 10**6 if request.param else -1)
    return request.param


@pytest.mark.usefixtures("walked")
def test_a_common_word_is_found_in_list_order(pool):
    assert found("ирина") == ["Ирина Белова"] * 4
    ids = [client.pk for client in newest(Client.objects.all(), "ирина", 3)]
    assert ids == [pool[place].pk for place in (0, 3, 6)]


@pytest.mark.usefixtures("walked")
def test_a_rare_word_far_down_the_list_is_found(pool):
    assert found("зоя") == ["Зоя Ким"]


@pytest.mark.usefixtures("walked")
def test_short_words_also_restrict_the_result(pool):
    assert len(found("г. химки ул. 5 ирина")) == 4
    assert found("щ. химки") == []
    assert len(found("г.")) == 12


@pytest.mark.usefixtures("walked")
def test_digits_go_to_the_index_and_keep_the_list_order(pool):
    phones = [client.user.phone for client in pool]
    assert found(phones[7]) == ["Пётр Орлов"]
    assert newest(Client.objects.all(), "97700", 3) == pool[:3]


@pytest.mark.usefixtures("walked")
def test_the_next_page_goes_on_after_the_last_card(pool):
    last = pool[3]
    assert found("ирина", created_at=last.created_at, pk=last.pk) == ["Ирина Белова"] * 2
    assert found("зоя", created_at=last.created_at, pk=last.pk) == ["Зоя Ким"]


@pytest.mark.usefixtures("walked")
def test_others_clients_are_not_found(pool, make, anna, boris):
    theirs = make.verified(boris, name="Зоя Чужая")
    assert [card["id"] for card in tabs.page(Tab.MINE, boris, "зоя", "", 0).cards] == [str(theirs.pk)]
    assert tabs.page(Tab.MINE, anna, "зоя", "", 0).cards == []


@pytest.mark.usefixtures("walked")
@pytest.mark.parametrize("phone", [False, True])
def test_empty_result_names_other_tabs_with_matches(pool, make, anna, boris, phone):
    theirs = make.verified(boris, name="Зоя Чужая")
    text, of_the_pool = (theirs.user.phone, pool[-1].user.phone) if phone else ("чужая", "зоя")

    assert tabs.page(Tab.PROCESSED, boris, text, "", 0) == tabs.Page([], "", other_tabs=[Tab.IN_WORK, Tab.MINE])
    assert tabs.page(Tab.PROCESSED, anna, text, "", 0) == tabs.Page([], "", other_tabs=[])
    assert tabs.page(Tab.PROCESSED, anna, of_the_pool, "", 0).other_tabs == [Tab.NEW]
    assert tabs.page(Tab.NEW, anna, of_the_pool, "", 0).other_tabs == ()


def is_by_parts(text: str) -> bool:
    """Whether the index is asked for parts of the words."""
    search = finding.SearchSql(text)
    newest = search.newest(finding.ClientListSql.from_queryset(Client.objects.all()), 1)
    asked = f"{newest} SELECT id, is_by_parts FROM manager_clients, sample LIMIT 1"  # noqa: S608
    (row,) = Client.objects.raw(asked, search.values)
    return row.is_by_parts


def test_the_index_is_asked_for_whole_words_when_their_beginnings_are_common(pool, monkeypatch):
    monkeypatch.setattr(finding, "MAX_FALSE_MATCHES", 4)
    assert is_by_parts("лесная")  # everybody has «лесна», and the word too
    assert is_by_parts("беловежский")  # four have «белов» and not the word
    assert not is_by_parts("леснаков")
    assert not is_by_parts("химкинский 977")


def test_support_finds_nobody_in_any_tab(pool, vera):
    assert [tabs.page(tab, vera, text, "", 0).cards for tab in Tab for text in ("", "зоя", "977")] == [[]] * 12
