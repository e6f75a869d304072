"""«Исходящие сообщения»: read-only, for admins, without phones, codes and texts, except those of the outbox."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from conftest import ROLES, as_role
from messaging.conftest import queue
from messaging.delivery import send_next
from messaging.models import Channel, DeliveryState, OutgoingMessage, Purpose

pytestmark = pytest.mark.django_db

LIST = reverse("admin:messaging_outgoingmessage_changelist")
SECRETS = ("9771232323", "petr@mail.example", "123 456", "Ъюжн")


def page(message: OutgoingMessage) -> str:
    return reverse("admin:messaging_outgoingmessage_change", args=[message.pk])


def work() -> None:
    """Let the worker send one message."""
    with as_role(ROLES.maintenance):
        assert send_next() == 1


def found(browser, **query) -> set[OutgoingMessage]:
    return set(browser.get(LIST, query).context["cl"].queryset)


@pytest.fixture
def in_outbox(client, settings) -> OutgoingMessage:
    settings.SMS_GATEWAY = "outbox"
    message = queue(client)
    work()
    message.refresh_from_db()
    return message


@pytest.fixture
def failed(client) -> OutgoingMessage:
    message = queue(client, Channel.EMAIL, Purpose.NOTICE)
    with as_role(ROLES.maintenance):
        message.change_state(DeliveryState.FAILED, now=timezone.now(), problem="нет такого адреса")
    return message


def test_admins_see_delivery_but_no_contents(as_gleb, failed, in_outbox, client):
    text = as_gleb.get(LIST).text
    for shown in (str(client), "SMS", "Код подписания", "отправлено в ", "не доставлено: нет такого адреса", "Анна"):
        assert shown in text
    text += as_gleb.get(page(failed)).text + as_gleb.get(page(in_outbox)).text
    assert in_outbox.provider_id in text
    assert [secret for secret in SECRETS if secret in text] == []
    assert "что было бы отправлено" not in text.lower()


def test_outbox_shows_contents_in_development(as_gleb, failed, in_outbox, settings):
    settings.DEBUG = True
    for url in (LIST, page(in_outbox)):
        text = as_gleb.get(url).text
        assert all(secret in text for secret in ("9771232323", "123 456"))
    assert "123 456" not in as_gleb.get(page(failed)).text


def test_queued_contents_are_not_shown_in_development_either(as_gleb, client, settings):
    settings.DEBUG = True
    message = queue(client)
    assert "123 456" not in as_gleb.get(LIST).text + as_gleb.get(page(message)).text


def test_others_have_no_access(as_anna, as_vera, signed_out, failed):
    for browser in (as_anna, as_vera, signed_out):
        for url in (LIST, page(failed)):
            assert browser.get(url).status_code in (302, 403, 404)


def test_nobody_changes_messages(as_gleb, failed):
    assert as_gleb.post(page(failed), {"problem": "другое"}).status_code == 403
    assert as_gleb.post(page(failed).replace("change", "delete"), {"post": "yes"}).status_code == 403
    assert as_gleb.get(LIST.replace("outgoingmessage/", "outgoingmessage/add/")).status_code == 403


def test_filters_and_search(as_gleb, in_outbox, failed, make, anna):
    other = queue(make.verified(anna, name="Сидорова Ольга"))
    assert found(as_gleb, channel__exact="email") == {failed}
    assert found(as_gleb, state__exact="queued") == {other}
    assert found(as_gleb, purpose__exact="signing_code") == {in_outbox, other}
    assert found(as_gleb, q="сидорова") == {other}


def test_number_of_queries_does_not_depend_on_the_number_of_messages(as_gleb, client, failed):
    def queries() -> int:
        with CaptureQueriesContext(
            connection,
        ) as captured:
            as_gleb.get(LIST)
        return len(captured)

    before = queries()
    for _ in range(3):
        queue(client)
    assert queries() == before


def test_page_of_the_client_lists_the_messages(as_gleb, in_outbox, failed, client):
    text = as_gleb.get(reverse("admin:clients_client_change", args=[client.pk])).text
    assert page(failed) in text
    assert "не доставлено: нет такого адреса" in text
    assert "123 456" not in text
