"""Concurrent work on a client during erasure leaves no data behind."""

import pytest
from django.utils import timezone

from clients.models import ClientErased
from erasure import erasing
from erasure.conftest import MARK, act_text, keys
from erasure.models import Erasure, ErasureReason
from passport import saving
from passport.models import Passport
from support import log
from support.models import LogEntry

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("maintenance")]


def test_concurrent_passport_photo_is_erased(marked_client, gleb, anna, race):
    passport = Passport.objects.get()
    saved, erased = race(
        lambda: saving.replace_photo(passport, b"third", by=anna),
        lambda: erasing.erase(marked_client, ErasureReason.REQUEST, by=gleb, note="вх. 1"),
        at=marked_client,
    )
    assert saved is None or isinstance(saved, ClientErased)
    assert erased.act_key
    assert not Passport.objects.exists()
    assert keys("passports/") == set()


def test_concurrent_note_is_erased(marked_client, gleb, anna, race):
    race(
        lambda: log.add_note(marked_client, f"{MARK} просил не звонить", by=anna, now=timezone.now()),
        lambda: erasing.erase(marked_client, ErasureReason.REQUEST, by=gleb, note="вх. 1"),
        at=marked_client,
    )
    assert not LogEntry.objects.filter(body__contains=MARK).exists()


def test_concurrent_erasures_erase_once(marked_client, gleb, race):
    outcomes = race(
        *[lambda: erasing.erase(marked_client, ErasureReason.REQUEST, by=gleb, note="вх. 1")] * 2, at=marked_client
    )

    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["ClientErased", "Erasure"]
    assert Erasure.objects.count() == 1


def test_concurrent_finishes_make_one_act(marked_client, gleb, race):
    erasure = erasing.erase(marked_client, ErasureReason.REQUEST, by=gleb, note="вх. 1")
    Erasure.objects.update(act_key="", act_sha256="")
    pending = Erasure.objects.get()

    race(lambda: erasing.finish(pending), lambda: erasing.finish(Erasure.objects.get()), at=pending)

    finished = Erasure.objects.get()
    assert keys("erasures/") == {erasure.act_key, finished.act_key}
    assert MARK in act_text(finished)
