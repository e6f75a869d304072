"""Error pages, and what is logged of an error, say nothing of what was sent."""

import re

import pytest
from django.core import mail
from django.db import DatabaseError
from django.urls import reverse

from clients.models import Client
from foundation.storage import object_storage
from passport.test_passport_form import payload

SENT = payload(last_name="Зюзьмаркова", digits="46 99 918273", registration_address="ул. Хрюмаркерная", issued_by="Чух")
MARKERS = ("Зюзьмарков", "918273", "Хрюмаркерн")
IDS = re.compile(r"[0-9a-f]{32}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def marked(told: str) -> list[str]:
    """The markers in it; those within ids of requests and rows are there by chance."""
    return [marker for marker in MARKERS if marker in IDS.sub("id", told)]


@pytest.fixture
def page(make, anna):
    client = make.verified(anna)
    make.agreement(client, anna)
    return reverse("passport:passport", args=[client.pk])


def refused(*args, **kwargs):
    raise DatabaseError("the database refuses")


def away(*args, **kwargs):
    raise object_storage.StorageUnavailable("away")


@pytest.mark.parametrize("fault", [refused, away], ids=["500", "503"])
def test_a_fault_while_a_passport_is_kept(as_anna, page, logged, monkeypatch, settings, fault):
    settings.ADMINS = ["admin@privet.example"]
    as_anna.raise_request_exception = False
    monkeypatch.setattr("passport.saving.save_passport", fault)

    answer = as_anna.post(page, SENT)

    assert answer.status_code in (500, 503)
    told = str(answer.headers) + "".join(logged)
    if answer.status_code == 500:  # a page that keeps what was typed shows it to who typed it
        told += answer.text
    assert marked(told) == []
    assert mail.outbox == []


def test_pages_that_are_not_there_and_forms_that_are_not_ours(as_anna, as_boris, anna, page, logged):
    as_anna.handler.enforce_csrf_checks = True
    answers = [as_boris.post(page, SENT), as_boris.post("/nowhere/", SENT), as_anna.post(page, SENT)]

    assert [answer.status_code for answer in answers] == [404, 404, 403]
    told = "".join(logged) + "".join(answer.text + str(answer.headers) for answer in answers)
    assert marked(told) == []
    assert Client.objects.filter(manager=anna).exists()
