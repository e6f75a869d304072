"""The client's card: timeline and notes."""

import pytest

from contracts.test_pages import url
from support.models import LogEntry, LogKind


def test_card_shows_the_timeline(as_anna, signed):
    page = as_anna.get(url("card", signed.client)).text

    for text in ("Новый → На проверке", "Сформирован договор", "подписан", "Выставлен счёт", signed.number):
        assert text in page


def test_note_is_added(as_anna, issued, anna):
    as_anna.post(url("notes", issued.client), {"body": "Звонить после шести 🙂"})

    note = LogEntry.objects.get(kind=LogKind.NOTE)
    assert (note.body, note.author) == ("Звонить после шести 🙂", anna)
    assert "Звонить после шести 🙂" in as_anna.get(url("card", issued.client)).text


def test_repeated_submit_of_a_note_is_saved_once_but_another_text_is_new(as_anna, issued):
    shown = {"form_id": as_anna.get(url("card", issued.client)).context["form"]["form_id"].value()}

    for body in ("Ключ у соседки", "Ключ у соседки", "Ключ у соседки справа"):
        assert as_anna.post(url("notes", issued.client), shown | {"body": body}).status_code == 302

    notes = LogEntry.objects.filter(kind=LogKind.NOTE)
    assert sorted(notes.values_list("body", flat=True)) == ["Ключ у соседки", "Ключ у соседки справа"]


@pytest.mark.parametrize("body", ["", "   ", "x" * 1_000_000, "a\x00b"])
def test_invalid_note_returns_422_and_saves_nothing(as_anna, issued, body):
    assert as_anna.post(url("notes", issued.client), {"body": body}).status_code == 422
    assert not LogEntry.objects.filter(kind=LogKind.NOTE).exists()


def test_note_is_escaped(as_anna, issued):
    as_anna.post(url("notes", issued.client), {"body": "<script>alert(1)</script>"})

    assert "<script>alert" not in as_anna.get(url("card", issued.client)).text
