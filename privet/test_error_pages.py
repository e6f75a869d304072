"""Error pages and error logs do not contain submitted data."""

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


def leaked(text: str) -> list[str]:
    """Return the markers in the text, ignoring chance matches within ids of requests and rows."""
    return [marker for marker in MARKERS if marker in IDS.sub("id", text)]


@pytest.fixture
def page(make, anna):
    client = make.verified(anna)
    make.agreement(client, anna)
    return reverse("passport:passport", args=[client.pk])


def database_error(*args, **kwargs):
    raise DatabaseError("database error")


def storage_outage(*args, **kwargs):
    raise object_storage.StorageUnavailable("outage")


@pytest.mark.parametrize("fault", [database_error, storage_outage], ids=["500", "503"])
def test_error_while_saving_a_passport_leaks_nothing(as_anna, page, logged, monkeypatch, settings, fault):
    settings.ADMINS = ["admin@privet.example"]
    as_anna.raise_request_exception = False
    monkeypatch.setattr("passport.models.Passport.save", fault)

    response = as_anna.post(page, SENT)

    assert response.status_code in (500, 503)
    output = str(response.headers) + "".join(logged)
    if response.status_code == 500:  # the page with 503 shows the form again with the typed values
        output += response.text
    assert leaked(output) == []
    assert mail.outbox == []


def test_404_and_403_responses_leak_nothing(as_anna, as_boris, anna, page, logged):
    as_anna.handler.enforce_csrf_checks = True
    responses = [as_boris.post(page, SENT), as_boris.post("/nowhere/", SENT), as_anna.post(page, SENT)]

    assert [response.status_code for response in responses] == [404, 404, 403]
    output = "".join(logged) + "".join(response.text + str(response.headers) for response in responses)
    assert leaked(output) == []
    assert Client.objects.filter(manager=anna).exists()
