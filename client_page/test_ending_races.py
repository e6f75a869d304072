"""The page ends or is refused at the moment when the client answers on it: two connections each."""

import pytest

from agreements.models import Agreement
from client_page.conftest import Phone, backdate_codes, issue_link
from client_page.test_contract import without_agreement
from client_page.test_races import in_turn, manager_posts, managers_form
from conftest import ROLES, as_role
from contracts.models import Contract, Invoice, SigningCode
from contracts.test_races import outcome_while_the_account_is_closed
from erasure import erasing
from erasure.models import Erasure, ErasureReason
from links.models import Link
from support.models import LogEntry, Message

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.mark.parametrize("post", ["code", "signature"])
def test_account_closed_by_the_app(phone, issued, make, code, post):
    backdate_codes()
    response = outcome_while_the_account_is_closed(make, lambda: phone.post(post, {"code": code}))

    assert response.status_code == 409
    assert "ваша учётная запись в «Привет Супер» закрыта" in response.text
    issued.refresh_from_db()
    assert issued.signed_at is None
    assert (SigningCode.objects.get().used_at, issued.failed_tries) == (None, 0)


def erase(client, gleb) -> Erasure:
    with as_role(ROLES.maintenance):
        return erasing.erase(client, ErasureReason.REQUEST, by=gleb, note="вх. 1")


@pytest.mark.parametrize("signed_first", [True, False])
def test_client_erased_while_signing(race, phone, issued, gleb, make, code, signed_first):
    client = make.fresh(issued.client)
    signed, erasure = in_turn(
        race,
        [lambda: phone.sign(code), lambda: erase(client, gleb)],
        reverse_order=not signed_first,
        at=client,
    )

    assert isinstance(erasure, Erasure)
    assert bool(Contract.objects.get().signed_at) == signed_first
    if signed_first:  # the contract binds
        assert signed.status_code == 302
        assert erasure.scope == "passport"
    else:
        assert signed.status_code == 404
        assert not Link.objects.exists()
        assert not Invoice.objects.exists()


def test_client_erased_while_accepting(race, phone, issued, gleb, make):
    without_agreement(issued.client)
    data = phone.form("code") | {"agreed": "on", "consent": "on"}
    client = make.fresh(issued.client)
    _, response = race(lambda: erase(client, gleb), lambda: phone.post("code", data), at=client, in_order=True)

    assert response.status_code == 404
    assert not Agreement.objects.filter(withdrawn_at=None).exists()
    assert not SigningCode.objects.exists()


def test_client_erased_while_the_digits_are_checked(race, phone, issued, gleb, make):
    client = make.fresh(issued.client)
    digits = issued.snapshot.contents.person.phone[-4:]
    _, response = race(
        lambda: erase(client, gleb), lambda: phone.post("passport", {"digits": digits}), at=phone.link, in_order=True
    )
    assert response.status_code == 404


@pytest.mark.parametrize("name", ["signature", "refusal", "call"])
def test_client_reassigned_meanwhile(race, phone, issued, boris, gleb, make, code, name):
    data = {"signature": {"code": code}, "refusal": {"reason": "later"}, "call": {}}[name]
    client = make.fresh(issued.client)
    _, response = race(
        lambda: client.reassign(to=boris, by=gleb), lambda: phone.post(name, data), at=client, in_order=True
    )

    assert response.status_code == 404
    assert Contract.objects.get().signed_at is None
    link = Link.objects.get()
    assert (link.refused_at, link.called_at, SigningCode.objects.get().used_at) == (None, None, None)


@pytest.fixture
def consent(make, anna) -> Phone:
    """The phone with the page of the consent to processing personal data."""
    phone = Phone()
    phone.open(*issue_link(make.verified(anna), anna))
    return phone


@pytest.mark.parametrize("meanwhile", ["erased", "reassigned", "replaced", "refused"])
def test_consent_is_not_recorded_after_its_page_ended(race, consent, anna, boris, gleb, make, meanwhile):
    client, data = make.fresh(consent.link.client), consent.form("consent") | {"agreed": "on"}
    end = {
        "erased": lambda: erase(client, gleb),
        "reassigned": lambda: client.reassign(to=boris, by=gleb),
        "replaced": lambda: issue_link(client, anna),
        "refused": lambda: consent.post("refusal", {"reason": "later"}),
    }[meanwhile]
    _, response = race(end, lambda: consent.post("consent", data), at=client, in_order=True)

    assert response.status_code == 404
    assert not Agreement.objects.exists()
    assert not Message.objects.filter(body__startswith="Вы приняли").exists()


def test_refusal_after_the_consent_does_nothing(race, consent, make):
    client, data = consent.link.client, consent.form("consent") | {"agreed": "on"}
    race(
        lambda: consent.post("consent", data),
        lambda: consent.post("refusal", {"reason": "later"}),
        at=client,
        in_order=True,
    )

    assert client.agreements.get().is_in_force
    assert Link.objects.get().refused_at is None
    assert "Согласие записано" in consent.get().text


@pytest.mark.parametrize("signed_first", [True, False])
def test_refusal_against_a_signature_on_the_page(race, phone, issued, code, signed_first):
    signed, refused = in_turn(
        race,
        [lambda: phone.sign(code), lambda: phone.post("refusal", {"reason": "amount"})],
        reverse_order=not signed_first,
        at=issued.client,
    )
    check_signed_or_refused(phone, issued, signed_first)
    assert signed.status_code == (302 if signed_first else 409)
    assert refused.status_code == 302


@pytest.mark.parametrize("signed_first", [True, False])
def test_refusal_against_a_signature_by_the_manager(race, phone, issued, anna, managers_code, signed_first):
    signed, refused = in_turn(
        race,
        [
            manager_posts(anna, issued, "signature", managers_form(issued, managers_code)),
            lambda: phone.post("refusal", {"reason": "amount"}),
        ],
        reverse_order=not signed_first,
        at=issued.client,
    )
    check_signed_or_refused(phone, issued, signed_first)
    assert signed.status_code == (302 if signed_first else 409)
    assert refused.status_code == 302


def check_signed_or_refused(phone: Phone, contract: Contract, is_signed: bool) -> None:
    contract.refresh_from_db()
    assert bool(contract.signed_at) == is_signed
    assert bool(Link.objects.get().refused_at) != is_signed
    assert LogEntry.objects.filter(body__startswith="Клиент отказался").exists() != is_signed
    assert ("Договор подписан" if is_signed else "Вы отказались") in phone.get().text
