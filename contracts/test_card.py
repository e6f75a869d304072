"""The client's card: what happened, and what managers note."""

import pytest

from contracts.test_pages import url
from support.models import LogEntry, LogKind


def test_the_card_tells_everything_that_happened(as_anna, signed):
    page = as_anna.get(url("card", signed.client)).text

    for said in ("Новый → На проверке", "Сформирован договор", "подписан", "Выставлен счёт", signed.number):
        assert said in page


def test_a_note_is_added(as_anna, issued, anna):
    as_anna.post(url("notes", issued.client), {"body": "Звонить после шести 🙂"})

    note = LogEntry.objects.get(kind=LogKind.NOTE)
    assert (note.body, note.author) == ("Звонить после шести 🙂", anna)
    assert "Звонить после шести 🙂" in as_anna.get(url("card", issued.client)).text


def test_a_note_that_is_sent_twice_is_one_and_another_text_is_another(as_anna, issued):
    shown = {"form_id": as_anna.get(url("card", issued.client)).context["form"]["form_id"].value()}

    for body in ("Ключ у соседки", "Ключ у соседки", "Ключ у соседки справа"):
        assert as_anna.post(url("notes", issued.client), shown | {"body": body}).status_code == 302

    notes = LogEntry.objects.filter(kind=LogKind.NOTE)
    assert sorted(notes.values_list("body", flat=True)) == ["Ключ у соседки", "Ключ у соседки справа"]


@pytest.mark.parametrize("body", ["", "   ", "x" * 1_000_000, "a\x00b"])
def test_a_bad_note_is_422_and_nothing_is_written(as_anna, issued, body):
    assert as_anna.post(url("notes", issued.client), {"body": body}).status_code == 422
    assert not LogEntry.objects.filter(kind=LogKind.NOTE).exists()


def test_a_note_is_shown_as_text(as_anna, issued):
    as_anna.post(url("notes", issued.client), {"body": "<script>alert(1)</script>"})

    assert "<script>alert" not in as_anna.get(url("card", issued.client)).text
