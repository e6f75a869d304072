"""The client's page and somebody else at the same moment, each on a connection of their own."""

import json

import pytest
from django.urls import reverse

from agreements.models import AgreementKind
from client_page.conftest import Phone, issue_link, path_of
from client_page.test_contract import without_agreement
from conftest import browser_for
from contracts import issuing, signature_consent
from contracts.conftest import wrong_code
from contracts.event_chain import EventKind
from contracts.evidence import evidence_is_intact
from contracts.models import Contract, Invoice, SigningCode
from links.models import MAX_PASSPORT_ATTEMPTS, Link, Place
from links.test_panel import shown_url
from support.models import LogEntry, Message

pytestmark = pytest.mark.django_db(transaction=True)


def managers_form(contract, code: str) -> dict:
    version = signature_consent.current_version()
    return {"contract": contract.pk, "code": code, "consent": "on", "pep_version": version}


def manager_posts(manager, contract, name: str, data: dict):
    """A function that posts the form of step 4 in the browser of `manager`."""
    browser, url = browser_for(manager), reverse(f"contracts:{name}", args=[contract.client_id])
    return lambda: browser.post(url, data)


def in_turn(race, functions: list, *, reverse_order: bool, at) -> list:
    """Run two functions at once; the first gets the lock first, or last. Return their outcomes in the order given."""
    if reverse_order:
        return race(*reversed(functions), at=at, in_order=True)[::-1]
    return race(*functions, at=at, in_order=True)


def check_signed_once(contract: Contract, way: Place) -> dict:
    """Check that exactly one signature was recorded, in that way. Return its evidence."""
    contract.refresh_from_db()
    assert contract.signed_at
    assert contract.code_entered_on == way
    assert evidence_is_intact(contract)
    assert Invoice.objects.count() == 1
    assert SigningCode.objects.filter(used_at__isnull=False).count() == 1
    assert Message.objects.filter(body__contains="подписан.").count() == 1
    evidence = json.loads(contract.evidence)
    assert evidence["code_entered_on"] == way
    return evidence


@pytest.mark.parametrize("page_is_first", [True, False])
def test_both_ways_of_entering_the_code(race, phone, issued, anna, managers_code, page_is_first):
    outcomes = in_turn(
        race,
        [
            lambda: phone.sign(managers_code),
            manager_posts(anna, issued, "signature", managers_form(issued, managers_code)),
        ],
        reverse_order=not page_is_first,
        at=issued.client,
    )

    page, step = outcomes
    assert path_of(page) == phone.url("page")
    assert path_of(step) == reverse("contracts:done", args=[issued.client_id])
    evidence = check_signed_once(issued, Place.CLIENT_PAGE if page_is_first else Place.MANAGER)
    assert bool(evidence["client_page"]) == page_is_first
    assert evidence["user_agent"] == ("Android" if page_is_first else "")
    assert bool(Link.objects.get().signed_at) == page_is_first
    text = phone.get().text
    assert "Договор подписан" in text
    assert ("код ввёл менеджер" in text) != page_is_first


@pytest.mark.parametrize("page_is_first", [True, False])
def test_code_of_the_page_signs_only_there(race, phone, issued, anna, code, page_is_first):
    page, step = in_turn(
        race,
        [lambda: phone.sign(code), manager_posts(anna, issued, "signature", managers_form(issued, code))],
        reverse_order=not page_is_first,
        at=issued.client,
    )

    assert page.status_code == 302
    assert step.status_code == (302 if page_is_first else 409)
    check_signed_once(issued, Place.CLIENT_PAGE)
    assert issued.failed_tries == 0


def test_code_entered_twice_on_the_page(race, phone, issued, code):
    for response in race(*[lambda: phone.sign(code)] * 2, at=issued.client):
        assert path_of(response) == phone.url("page")
    check_signed_once(issued, Place.CLIENT_PAGE)


def test_code_entered_twice_by_the_manager(race, phone, issued, anna, managers_code):
    post = manager_posts(anna, issued, "signature", managers_form(issued, managers_code))
    for response in race(post, post, at=issued.client):
        assert path_of(response) == reverse("contracts:done", args=[issued.client_id])
    check_signed_once(issued, Place.MANAGER)


def test_wrong_codes_of_both_ways_are_all_counted(race, phone, issued, anna, managers_code):
    wrong = wrong_code(managers_code)
    manager = manager_posts(anna, issued, "signature", managers_form(issued, wrong))
    outcomes = race(*[lambda: phone.sign(wrong), manager] * 3, at=issued.client)

    assert [response.status_code for response in outcomes] == [422] * 6
    issued.refresh_from_db()
    assert issued.failed_tries == SigningCode.objects.latest("sent_at").failed_tries == 5


def test_two_browsers_open_one_link(race, issued, anna):
    link, token = issue_link(issued.client, anna, issued)
    phones = [Phone(), Phone("198.51.100.66")]

    outcomes = race(*[lambda phone=phone: phone.open(link, token) for phone in phones], at=issued.client)

    assert sorted(response.status_code for response in outcomes) == [302, 403]
    assert sorted(phone.get().status_code for phone in phones) == [200, 404]
    assert LogEntry.objects.filter(body__startswith="Клиент открыл страницу").count() == 1


def test_double_click_opens_one_link(race, issued, anna):
    """Both requests of one new browser have no cookie yet: one of the two secrets is bound."""
    link, token = issue_link(issued.client, anna, issued)
    outcomes = race(*[lambda: Phone().open(link, token)] * 2, at=issued.client)
    assert sorted(response.status_code for response in outcomes) == [302, 403]


@pytest.mark.parametrize("opened_first", [True, False])
def test_link_replaced_while_it_is_opened(race, issued, anna, opened_first):
    link, token = issue_link(issued.client, anna, issued)
    phone = Phone()
    opened, (new, new_token) = in_turn(
        race,
        [lambda: phone.open(link, token), lambda: issue_link(issued.client, anna, issued)],
        reverse_order=not opened_first,
        at=issued.client,
    )

    assert opened.status_code == (302 if opened_first else 404)
    if not opened_first:
        assert "Попросите менеджера показать новый QR-код" in opened.text
    assert phone.get().status_code == 404
    assert Link.objects.get(replaced_at=None) == new
    assert phone.open(new, new_token).status_code == 302


@pytest.mark.parametrize("signed_first", [True, False])
def test_link_replaced_while_the_client_signs(race, phone, issued, anna, code, signed_first):
    signed, shown = in_turn(
        race,
        [lambda: phone.sign(code), manager_posts(anna, issued, "link", {"contract": issued.pk})],
        reverse_order=not signed_first,
        at=issued.client,
    )

    issued.refresh_from_db()
    assert bool(issued.signed_at) == signed_first
    if signed_first:  # the page with the copy stays
        assert (signed.status_code, path_of(shown)) == (302, reverse("contracts:done", args=[issued.client_id]))
        assert "Скачать договор" in phone.get().text
        assert phone.get("pdf").status_code == 200
        assert Link.objects.count() == 1
    else:
        assert (signed.status_code, shown.status_code) == (409, 200)
        assert "Эта страница больше не действует" in signed.text
        assert SigningCode.objects.get().used_at is None
        assert issued.failed_tries == 0


def test_two_screens_show_a_link(race, issued, anna, gleb):
    posts = [manager_posts(manager, issued, "link", {"contract": issued.pk}) for manager in (anna, gleb)]
    outcomes = race(*posts, at=issued.client)

    assert [response.status_code for response in outcomes] == [200, 200]
    tokens = [shown_url(response).split("/")[-2] for response in outcomes]
    statuses = [Phone().open(None, token).status_code for token in tokens]
    assert sorted(statuses) == [302, 404]
    assert Link.objects.filter(replaced_at=None).count() == 1


@pytest.mark.parametrize("signed_first", [True, False])
def test_data_changed_while_the_client_signs(race, phone, issued, anna, make, code, signed_first):
    client = make.fresh(issued.client)
    signed, _ = in_turn(
        race,
        [lambda: phone.sign(code), lambda: make.device(client, anna, title="Утюг")],
        reverse_order=not signed_first,
        at=issued.client,
    )

    assert signed.status_code == (302 if signed_first else 409)
    issued.refresh_from_db()
    assert bool(issued.signed_at) == signed_first
    assert make.fresh(client).status == "awaiting_contract"


@pytest.mark.parametrize("signed_first", [True, False])
def test_contract_issued_again_while_the_client_signs(race, phone, issued, anna, make, code, signed_first):
    make.device(make.fresh(issued.client), anna, title="Утюг")
    signed, again = in_turn(
        race,
        [lambda: phone.sign(code), lambda: issuing.issue(make.fresh(issued.client), by=anna)],
        reverse_order=not signed_first,
        at=issued.client,
    )

    assert signed.status_code == 409
    assert ("данные изменились" in signed.text) if signed_first else ("Этот договор заменён" in signed.text)
    assert not Contract.objects.signed().exists()
    assert issuing.open_contract(make.fresh(issued.client)) == again
    assert phone.get().status_code == 409
    phone.sign(code)
    assert not Contract.objects.signed().exists()


def test_digits_are_never_tried_more_than_five_times(race, phone, issued):
    right = issued.snapshot.contents.person.phone[-4:]
    wrong = f"{(int(right) + 1) % 10000:04}"
    outcomes = race(*[lambda: phone.post("passport", {"digits": wrong})] * 7, at=phone.link)

    assert [response.status_code for response in outcomes] == [422] * 7
    assert Link.objects.get().passport_attempts == MAX_PASSPORT_ATTEMPTS
    assert phone.post("passport", {"digits": right}).status_code == 422
    assert Link.objects.get().passport_shown_at is None


def test_code_requested_twice_is_sent_once(race, phone, issued):
    without_agreement(issued.client)
    data = phone.form("code") | {"agreed": "on", "consent": "on"}
    for response in race(*[lambda: phone.post("code", data)] * 2, at=issued.client):
        assert path_of(response) == phone.url("page")

    assert SigningCode.objects.count() == 1
    assert Message.objects.filter(body__startswith="Код").count() == 1
    kind = AgreementKind.ELECTRONIC_SIGNATURE
    assert issued.client.agreements.filter(kind=kind, withdrawn_at=None).count() == 1


def test_call_pressed_twice(race, phone, issued):
    assert [response.status_code for response in race(*[lambda: phone.post("call")] * 2, at=issued.client)] == [302] * 2


@pytest.mark.parametrize("name", ["read_at", "pdf_opened_at"])
def test_first_time_counts(race, phone, name):
    race(*[lambda: Link.objects.get().record_time(name)] * 2, at=phone.link)
    first = getattr(Link.objects.get(), name)
    Link.objects.get().record_time(name)
    assert getattr(Link.objects.get(), name) == first


def test_consents_given_twice_have_one_time(race, phone, issued):
    def agree():
        link = Link.objects.get()
        link.agree_to_sign(signature_consent.current_version())
        return link.agreed_at

    first, second = race(agree, agree, at=issued.client)
    assert first == second == Link.objects.get().agreed_at


def test_refusal_sent_twice_is_one_event(race, phone, issued):
    race(*[lambda: phone.post("refusal", {"reason": "later"})] * 2, at=issued.client)
    assert issued.events.filter(what=EventKind.DECLINED).count() == 1
    assert LogEntry.objects.filter(body__startswith="Клиент отказался").count() == 1
