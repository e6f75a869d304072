import uuid

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from conftest import appears_in
from support import bridge
from support.models import LogEntry, Ticket

TICKETS = reverse("admin:support_ticket_changelist")
LOG = reverse("admin:support_logentry_changelist")


def found(browser, url, **query):
    return set(browser.get(url, query).context["cl"].queryset)


def notify(client, by, body="Договор ИВ-261123-01 подписан", **options):
    with transaction.atomic():
        return bridge.notify_client(client, body, by=by, now=timezone.now(), **options)


def test_tickets_are_found_by_client_phone_and_subject(as_gleb, make, ticket, create_ticket):
    create_ticket(make.client(name="Сидорова Анна", phone="9160000000"), subject="Счёт за ремонт")

    for query in ("иванов петр", "+7(977)123-23-23", "холодильник"):
        assert found(as_gleb, TICKETS, q=query) == {ticket}
    assert len(found(as_gleb, TICKETS)) == 2


def test_tickets_are_filtered_by_statuses_of_the_database(as_gleb, make, create_ticket):
    resolved = create_ticket(make.client(), status="resolved")
    create_ticket(make.client())

    page = as_gleb.get(TICKETS, {"status": "resolved"})

    assert set(page.context["cl"].queryset) == {resolved}
    assert "Решено" in page.text
    assert len(found(as_gleb, TICKETS, status="unheard-of")) == 2


def test_filter_by_an_unknown_status_is_rejected(as_gleb, ticket):
    assert as_gleb.get(TICKETS, {"status__exact": "unheard-of"}).status_code == 400


def test_tickets_and_log_entries_are_read_only(as_gleb, make, anna, ticket):
    notify(make.client(), anna)
    for row in (ticket, LogEntry.objects.get()):
        model = type(row)
        before = list(model.objects.order_by("pk").values())
        name = f"admin:support_{model._meta.model_name}"
        page = reverse(f"{name}_change", args=[row.pk])

        assert as_gleb.get(page).status_code == 200
        assert as_gleb.post(page, {"subject": "x", "status": "closed", "body": "x"}).status_code == 403
        assert as_gleb.post(reverse(f"{name}_delete", args=[row.pk]), {"post": "yes"}).status_code == 403
        assert as_gleb.post(reverse(f"{name}_add"), {"subject": "x"}).status_code == 403
        assert list(model.objects.order_by("pk").values()) == before


def test_ticket_page_links_to_the_conversation(as_gleb, ticket):
    page = as_gleb.get(reverse("admin:support_ticket_change", args=[ticket.pk]))

    assert reverse("support:ticket", args=[ticket.pk]) in page.text


def test_ticket_of_a_deleted_account_is_shown(as_gleb):
    orphan = Ticket.objects.create(user_id=uuid.uuid4(), subject="Без учётной записи")

    assert "Без учётной записи" in as_gleb.get(TICKETS).text
    assert as_gleb.get(reverse("admin:support_ticket_change", args=[orphan.pk])).status_code == 200


def test_log_masks_signing_codes(as_gleb, make, anna):
    notify(make.client(), anna, "Код 482913", masked="Код ••••••")
    entry = LogEntry.objects.get()

    for url in (LOG, reverse("admin:support_logentry_change", args=[entry.pk])):
        text = as_gleb.get(url).text
        assert "Код ••••••" in text
        assert not appears_in("482913", text)


def test_log_is_searched_by_client(as_gleb, make, anna):
    notify(make.client(name="Сидорова Анна"), anna)
    notify(make.client(), anna)

    assert {str(entry.thread.client) for entry in found(as_gleb, LOG, q="сидорова")} == {"Сидорова Анна"}


def test_log_of_a_client_without_an_account_is_listed_and_found(as_gleb, make, anna):
    client = make.verified(anna)
    make.passport(client, anna)
    notify(client, anna, "Договор подписан")
    make.delete_account(client)

    for query in ({}, {"q": "Иванов"}):
        text = as_gleb.get(LOG, query).text
        assert ("Договор подписан" in text, "Учётная запись удалена" in text) == (True, True), query
    page = as_gleb.get(reverse("admin:support_logentry_change", args=[LogEntry.objects.latest("created_at").pk]))
    assert "Учётная запись удалена" in page.text


@pytest.mark.parametrize("url", [TICKETS, LOG])
def test_query_count_does_not_grow_with_rows(as_gleb, make, anna, url):
    def queries():
        with CaptureQueriesContext(connection) as captured:
            as_gleb.get(url)
        return len(captured)

    notify(make.client(), anna)
    one = queries()
    for number in range(9):
        client = make.client()
        notify(client, anna)
        if number % 2:
            make.delete_account(client)

    assert queries() == one
