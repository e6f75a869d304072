"""Expensive operations over the rate limit get a 429, and typed values stay."""

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from contracts import issuing, pdf, signing
from contracts.conftest import code_sent_to, sign
from contracts.models import Contract, SigningCode
from managers import limits
from managers.models import Spending
from support.models import Ticket

pytestmark = pytest.mark.django_db

CLIENT_SEARCH, TICKET_SEARCH = reverse("clients:search"), reverse("support:search")
CLIENTS, TICKETS = reverse("clients:list"), reverse("support:tickets")


def into(target: str) -> dict:
    return {"HX-Request": "true", "HX-Target": target}


def use_up(allowance: limits.RateLimit, manager) -> None:
    allowance.consume(manager)
    # Longer than a slow test runs.
    Spending.objects.update(spent_until=timezone.now() + allowance.per + timedelta(minutes=5))


def refused(response, of: str) -> bool:
    return response.status_code == 429 and int(response["Retry-After"]) >= 1 and f"Слишком много {of}" in response.text


@pytest.mark.parametrize(
    ("allowance", "times", "per"),
    [
        (limits.SEARCHES, 120, timedelta(minutes=1)),
        (limits.UPLOADS, 60, timedelta(hours=1)),
        (limits.DOCUMENTS, 30, timedelta(minutes=10)),
        (limits.CODES, 30, timedelta(hours=1)),
    ],
)
def test_rate_limits_of_expensive_operations(anna, allowance, times, per, time_machine):
    time_machine.move_to(timezone.now(), tick=False)
    for _ in range(times):
        allowance.consume(anna)

    with pytest.raises(limits.TooManyTries):
        allowance.consume(anna)
    assert allowance.per == per


def test_client_search_over_the_limit_returns_429_and_keeps_the_query(as_anna, anna, make):
    make.client(name="Петров Иван")
    use_up(limits.SEARCHES, anna)

    typing = as_anna.post(CLIENT_SEARCH, {"text": "Петров"}, headers=into("list-results"))
    page = as_anna.post(CLIENT_SEARCH, {"text": "Петров"}, follow=True)

    for response in (typing, page):
        assert refused(response, "поисковых запросов")
        assert "Петров Иван" not in response.text
        assert "Никого не нашлось" not in response.text
    assert typing.text.lstrip().startswith('<div id="list-results"')
    assert 'value="Петров"' in page.text


def test_list_without_search_is_not_limited(as_anna, anna, make):
    make.client(name="Петров Иван")
    use_up(limits.SEARCHES, anna)

    assert "Петров Иван" in as_anna.get(CLIENTS).text


def test_next_page_of_a_search_over_the_limit_shows_a_notice_above_the_list(as_anna, anna):
    as_anna.post(CLIENT_SEARCH, {"text": "Петров"})
    use_up(limits.SEARCHES, anna)

    response = as_anna.get(CLIENTS, {"after": "x"}, headers=into("list-more"))

    assert refused(response, "поисковых запросов")
    assert response["HX-Retarget"] == "#main"


def test_ticket_search_over_the_limit_returns_429_and_keeps_the_query(as_vera, vera, make):
    Ticket.objects.create(user=make.client().user, subject="Не греет плита")
    use_up(limits.SEARCHES, vera)

    typing = as_vera.post(TICKET_SEARCH, {"query": "плита"}, headers=into("tickets-results"))
    page = as_vera.post(TICKET_SEARCH, {"query": "плита"}, follow=True)
    more = as_vera.get(TICKETS, headers=into("tickets-more"))

    for response in (typing, page, more):
        assert refused(response, "поисковых запросов")
        assert "Не греет плита" not in response.text
    assert 'value="плита"' in page.text
    assert more["HX-Retarget"] == "#main"


def test_issuing_over_the_limit_returns_429_and_issues_nothing(as_anna, anna, make):
    client = make.awaiting_contract(anna)
    use_up(limits.DOCUMENTS, anna)

    response = as_anna.post(reverse("contracts:contract", args=[client.pk]))

    assert refused(response, "документов")
    assert not Contract.objects.exists()


def test_invoice_rendering_is_limited(as_anna, anna, make, monkeypatch):
    contract = issuing.issue(make.awaiting_contract(anna), by=anna)
    signing.request_code(contract, by=anna)
    invoice = sign(contract, anna, code_sent_to(contract.client)).invoices.get()
    use_up(limits.DOCUMENTS, anna)
    monkeypatch.setattr(pdf, "render_invoice", lambda *args: 1 / 0)

    assert refused(as_anna.get(reverse("contracts:invoice_pdf", args=[invoice.pk])), "документов")


def test_code_requests_over_the_limit_return_429_and_send_nothing(as_anna, anna, make):
    contract = issuing.issue(make.awaiting_contract(anna), by=anna)
    use_up(limits.CODES, anna)

    response = as_anna.post(
        reverse("contracts:code", args=[contract.client.pk]), {"contract": contract.pk}, headers=into("code")
    )

    assert refused(response, "кодов")
    assert response.text.lstrip().startswith('<div id="code"')
    assert not SigningCode.objects.exists()


def test_code_request_within_the_delay_has_a_retry_after_header(as_anna, anna, make, time_machine):
    time_machine.move_to(timezone.now(), tick=False)
    contract = issuing.issue(make.awaiting_contract(anna), by=anna)
    url = reverse("contracts:code", args=[contract.client.pk])
    as_anna.post(url, {"contract": contract.pk})

    response = as_anna.post(url, {"contract": contract.pk})

    assert response.status_code == 429
    assert response["Retry-After"] == "60"
