"""Somebody works on the client at the very moment in which the data is destroyed: nothing of theirs is left either."""

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

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_photo_of_the_passport_that_comes_meanwhile(marked, gleb, anna, race):
    passport = Passport.objects.get()
    kept, erased = race(
        lambda: saving.replace_photo(passport, b"third", by=anna),
        lambda: erasing.erase(marked, ErasureReason.REQUEST, by=gleb, note="вх. 1"),
        at=marked,
    )
    assert kept is None or isinstance(kept, ClientErased)
    assert erased.act_key
    assert not Passport.objects.exists()
    assert keys("passports/") == set()


def test_a_note_that_comes_meanwhile(marked, gleb, anna, race):
    race(
        lambda: log.add_note(marked, f"{MARK} просил не звонить", by=anna, now=timezone.now()),
        lambda: erasing.erase(marked, ErasureReason.REQUEST, by=gleb, note="вх. 1"),
        at=marked,
    )
    assert not LogEntry.objects.filter(body__contains=MARK).exists()


def test_two_admins_at_once_destroy_once(marked, gleb, race):
    outcomes = race(*[lambda: erasing.erase(marked, ErasureReason.REQUEST, by=gleb, note="вх. 1")] * 2, at=marked)

    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["ClientErased", "Erasure"]
    assert Erasure.objects.count() == 1


def test_an_act_that_is_made_twice_at_once_is_one(marked, gleb, race):
    erasure = erasing.erase(marked, ErasureReason.REQUEST, by=gleb, note="вх. 1")
    Erasure.objects.update(act_key="", act_sha256="")
    waiting = Erasure.objects.get()

    race(lambda: erasing.finish(waiting), lambda: erasing.finish(Erasure.objects.get()), at=waiting)

    made = Erasure.objects.get()
    assert keys("erasures/") == {erasure.act_key, made.act_key}
    assert MARK in act_text(made)
