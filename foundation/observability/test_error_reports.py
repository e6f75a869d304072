import json
import logging

import pytest
import sentry_sdk
from django.test import Client as Browser
from sentry_sdk.transport import Transport

from conftest import browser_for
from foundation.observability import error_reports

MARKERS = ("Меткин", "9770001122", "4613348353", "secret-cookie", "secret-header")


@pytest.fixture
def sent(settings):
    """The envelopes that would have been sent, as text."""
    envelopes = []

    class ListTransport(Transport):
        def capture_envelope(self, envelope):
            envelopes.append(envelope.serialize().decode())

    settings.SENTRY_DSN = "https://public@sentry.example/1"
    error_reports.init_sentry(transport=ListTransport)
    yield envelopes
    sentry_sdk.init()


def test_error_report_contains_no_personal_data(sent, anna, make, monkeypatch):
    subject = make.verified(anna, name="Меткин Марк", phone="9770001122")

    def breaks(*args, **kwargs):
        number, name = "4613348353", "Меткин"
        raise ValueError(f"{name} {number}")

    monkeypatch.setattr("contact.changes.save_contact", breaks)
    browser: Browser = browser_for(anna)
    browser.raise_request_exception = False
    browser.cookies["extra"] = "secret-cookie"
    response = browser.post(
        f"/clients/{subject.pk}/contact/?q=Меткин",
        {"name": "Меткин Марк", "phone": "9770001122", "address": "г. Тула"},
        headers={"X-Extra": "secret-header"},
    )
    assert response.status_code == 500

    text = "".join(sent)
    for marker in (*MARKERS, str(subject.pk), anna.email):
        assert marker not in text
        assert json.dumps(marker)[1:-1] not in text
    assert "ValueError" in text
    assert "save_contact" in text or "breaks" in text
    assert '"view":"clients:contact"' in text.replace(" ", "")


def test_logged_error_is_reported_without_its_arguments(sent):
    logging.getLogger("privet").error("object left behind: %s", "Меткин")
    assert "object left behind: %s" in "".join(sent)
    assert "Меткин" not in json.loads(json.dumps("".join(sent)))


def test_nothing_is_reported_without_a_dsn(settings):
    settings.SENTRY_DSN = ""
    sentry_sdk.init()
    error_reports.init_sentry()
    assert not sentry_sdk.get_client().is_active() or not sentry_sdk.get_client().dsn
