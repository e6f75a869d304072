"""What is dear is refused with a 429 when somebody asks for too much of it, and what was typed stays."""

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
    # For longer than a slow test takes.
    Spending.objects.update(spent_until=timezone.now() + allowance.per + timedelta(minutes=5))


def refused(answer, of: str) -> bool:
    return answer.status_code == 429 and int(answer["Retry-After"]) >= 1 and f"Слишком много {of}" in answer.text


@pytest.mark.parametrize(
    ("allowance", "times", "per"),
    [
        (limits.SEARCHES, 120, timedelta(minutes=1)),
        (limits.UPLOADS, 60, timedelta(hours=1)),
        (limits.DOCUMENTS, 30, timedelta(minutes=10)),
        (limits.CODES, 30, timedelta(hours=1)),
    ],
)
def test_how_much_of_each_thing_a_person_may_do(anna, allowance, times, per, time_machine):
    time_machine.move_to(timezone.now(), tick=False)
    for _ in range(times):
        allowance.consume(anna)

    with pytest.raises(limits.TooManyTries):
        allowance.consume(anna)
    assert allowance.per == per


def test_too_many_searches_for_clients_are_refused_and_what_was_typed_stays(as_anna, anna, make):
    make.client(name="Петров Иван")
    use_up(limits.SEARCHES, anna)

    typing = as_anna.post(CLIENT_SEARCH, {"text": "Петров"}, headers=into("list-results"))
    page = as_anna.post(CLIENT_SEARCH, {"text": "Петров"}, follow=True)

    for answer in (typing, page):
        assert refused(answer, "поисковых запросов")
        assert "Петров Иван" not in answer.text
        assert "Никого не нашлось" not in answer.text
    assert typing.text.lstrip().startswith('<div id="list-results"')
    assert 'value="Петров"' in page.text


def test_list_without_search_is_not_limited(as_anna, anna, make):
    make.client(name="Петров Иван")
    use_up(limits.SEARCHES, anna)

    assert "Петров Иван" in as_anna.get(CLIENTS).text


def test_more_cards_of_a_search_are_refused_above_those_that_are_there(as_anna, anna):
    as_anna.post(CLIENT_SEARCH, {"text": "Петров"})
    use_up(limits.SEARCHES, anna)

    answer = as_anna.get(CLIENTS, {"after": "x"}, headers=into("list-more"))

    assert refused(answer, "поисковых запросов")
    assert answer["HX-Retarget"] == "#main"


def test_too_many_searches_for_tickets_are_refused_and_what_was_typed_stays(as_vera, vera, make):
    Ticket.objects.create(user=make.client().user, subject="Не греет плита")
    use_up(limits.SEARCHES, vera)

    typing = as_vera.post(TICKET_SEARCH, {"query": "плита"}, headers=into("tickets-results"))
    page = as_vera.post(TICKET_SEARCH, {"query": "плита"}, follow=True)
    more = as_vera.get(TICKETS, headers=into("tickets-more"))

    for answer in (typing, page, more):
        assert refused(answer, "поисковых запросов")
        assert "Не греет плита" not in answer.text
    assert 'value="плита"' in page.text
    assert more["HX-Retarget"] == "#main"


def test_too_many_contracts_are_refused_and_nothing_is_issued(as_anna, anna, make):
    client = make.awaiting_contract(anna)
    use_up(limits.DOCUMENTS, anna)

    answer = as_anna.post(reverse("contracts:contract", args=[client.pk]))

    assert refused(answer, "документов")
    assert not Contract.objects.exists()


def test_invoice_rendering_is_limited(as_anna, anna, make, monkeypatch):
    contract = issuing.issue(make.awaiting_contract(anna), by=anna)
    signing.request_code(contract, by=anna)
    invoice = sign(contract, anna, code_sent_to(contract.client)).invoices.get()
    use_up(limits.DOCUMENTS, anna)
    monkeypatch.setattr(pdf, "render_invoice", lambda *args: 1 / 0)

    assert refused(as_anna.get(reverse("contracts:invoice_pdf", args=[invoice.pk])), "документов")


def test_too_many_codes_over_all_clients_are_refused_and_none_is_sent(as_anna, anna, make):
    contract = issuing.issue(make.awaiting_contract(anna), by=anna)
    use_up(limits.CODES, anna)

    answer = as_anna.post(
        reverse("contracts:code", args=[contract.client.pk]), {"contract": contract.pk}, headers=into("code")
    )

    assert refused(answer, "кодов")
    assert answer.text.lstrip().startswith('<div id="code"')
    assert not SigningCode.objects.exists()


def test_a_code_asked_for_too_soon_says_when_in_its_header_too(as_anna, anna, make, time_machine):
    time_machine.move_to(timezone.now(), tick=False)
    contract = issuing.issue(make.awaiting_contract(anna), by=anna)
    url = reverse("contracts:code", args=[contract.client.pk])
    as_anna.post(url, {"contract": contract.pk})

    answer = as_anna.post(url, {"contract": contract.pk})

    assert answer.status_code == 429
    assert answer["Retry-After"] == "60"
