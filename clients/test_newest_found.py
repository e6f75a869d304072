"""A search finds the same clients by scanning the list and by the index, in list order."""

from datetime import timedelta

import django
import pytest
from django.utils import timezone

from clients import finding, tabs
from clients.models import Client, Status, Tab

NOW = timezone.now()


@pytest.fixture
def pool(make) -> list[Client]:
    """Twelve new clients, newest first. Every third one is Ирина, the oldest one is Зоя."""
    names = ["Ирина Белова", "Пётр Орлов", "Олег Ким"] * 4
    names[-1] = "Зоя Ким"
    return [
        make.client(name=name, created_at=NOW - timedelta(days=days), address="г. Химки, ул. Лесная, д. 5")
        for days, name in enumerate(names)
    ]


def test_condition_of_a_queryset_can_be_compiled_alone():
    versions = f"Django {django.__version__} changed"
    sql, parameters = finding._condition(Client.objects.filter(status=Status.NEW))
    assert sql == '"manager_clients"."status" = %s', f"{versions} SQLCompiler.compile: adapt clients/finding.py"
    assert parameters == ["new"] or parameters == ("new",), f"{versions} the parameters: adapt clients/finding.py"
    assert finding._condition(Client.objects.all()) == ("TRUE", ()), (
        f"{versions} FullResultSet: adapt clients/finding.py"
    )


def found(text: str, limit: int = 20, **position) -> list[str]:
    """Return the names of the matches in list order."""
    rows = Client.objects.filter(status=Status.NEW)
    return [client.user.name for client in newest(rows.older_than(**position) if position else rows, text, limit)]


def newest(rows, text: str, limit: int) -> list[Client]:
    search = finding.SearchSql(text)
    ids = f"{search.newest(finding.ClientListSql.from_queryset(rows), limit)} SELECT id FROM newest"  # noqa: S608
    return list(Client.objects.filter(pk__in=[row.pk for row in Client.objects.raw(ids, search.values)]).newest_first())


@pytest.fixture(params=[1, 2, 5, 12, 13, 8000])
def scanned_rows(request, monkeypatch, by_parts) -> int:
    """The number of newest rows that are read before the index is used."""
    monkeypatch.setattr(finding, "NEWEST_ROWS_SCANNED", request.param)
    monkeypatch.setattr(finding, "SAMPLE_SIZE", (request.param + 1) // 2)
    return request.param


@pytest.fixture(params=[False, True])
def by_parts(request, monkeypatch) -> bool:
    """Make the index look for parts of words (True) or whole words (False), no matter how common they are."""
    monkeypatch.setattr(finding, "MAX_FALSE_MATCHES", 10**6 if request.param else -1)
    return request.param


@pytest.mark.usefixtures("scanned_rows")
def test_common_word_is_found_in_list_order(pool):
    assert found("ирина") == ["Ирина Белова"] * 4
    ids = [client.pk for client in newest(Client.objects.all(), "ирина", 3)]
    assert ids == [pool[index].pk for index in (0, 3, 6)]


@pytest.mark.usefixtures("scanned_rows")
def test_rare_word_far_down_the_list_is_found(pool):
    assert found("зоя") == ["Зоя Ким"]


@pytest.mark.usefixtures("scanned_rows")
def test_short_words_also_restrict_the_result(pool):
    assert len(found("г. химки ул. 5 ирина")) == 4
    assert found("щ. химки") == []
    assert len(found("г.")) == 12


@pytest.mark.usefixtures("scanned_rows")
def test_digits_are_searched_by_the_index_in_list_order(pool):
    phones = [client.user.phone for client in pool]
    assert found(phones[7]) == ["Пётр Орлов"]
    assert newest(Client.objects.all(), "97700", 3) == pool[:3]


@pytest.mark.usefixtures("scanned_rows")
def test_next_page_starts_after_the_last_card(pool):
    last = pool[3]
    assert found("ирина", created_at=last.created_at, pk=last.pk) == ["Ирина Белова"] * 2
    assert found("зоя", created_at=last.created_at, pk=last.pk) == ["Зоя Ким"]


@pytest.mark.usefixtures("scanned_rows")
def test_clients_of_other_managers_are_not_found(pool, make, anna, boris):
    client = make.verified(boris, name="Зоя Чужая")
    assert [card["id"] for card in tabs.page(Tab.MINE, boris, "зоя", "", 0).cards] == [str(client.pk)]
    assert tabs.page(Tab.MINE, anna, "зоя", "", 0).cards == []


@pytest.mark.usefixtures("scanned_rows")
@pytest.mark.parametrize("phone", [False, True])
def test_empty_result_names_other_tabs_with_matches(pool, make, anna, boris, phone):
    client = make.verified(boris, name="Зоя Чужая")
    text, text_of_new = (client.user.phone, pool[-1].user.phone) if phone else ("чужая", "зоя")

    assert tabs.page(Tab.PROCESSED, boris, text, "", 0) == tabs.Page([], "", other_tabs=[Tab.IN_WORK, Tab.MINE])
    assert tabs.page(Tab.PROCESSED, anna, text, "", 0) == tabs.Page([], "", other_tabs=[])
    assert tabs.page(Tab.PROCESSED, anna, text_of_new, "", 0).other_tabs == [Tab.NEW]
    assert tabs.page(Tab.NEW, anna, text_of_new, "", 0).other_tabs == ()


def is_by_parts(text: str) -> bool:
    """Whether the index looks for parts of the words."""
    search = finding.SearchSql(text)
    newest = search.newest(finding.ClientListSql.from_queryset(Client.objects.all()), 1)
    query = f"{newest} SELECT id, is_by_parts FROM manager_clients, sample LIMIT 1"  # noqa: S608
    (row,) = Client.objects.raw(query, search.values)
    return row.is_by_parts


def test_index_uses_whole_words_when_their_prefixes_are_common(pool, monkeypatch):
    monkeypatch.setattr(finding, "MAX_FALSE_MATCHES", 4)
    assert is_by_parts("лесная")  # all clients match «лесна», and the word too
    assert is_by_parts("беловежский")  # four clients match «белов», but not the word
    assert not is_by_parts("леснаков")
    assert not is_by_parts("химкинский 977")


def test_support_finds_no_clients_in_any_tab(pool, vera):
    assert [tabs.page(tab, vera, text, "", 0).cards for tab in Tab for text in ("", "зоя", "977")] == [[]] * 12
