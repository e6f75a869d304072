"""The app deleted, closed or blocked the client's account: pages say so, and nothing is issued, sent or signed."""

import pytest
from django.urls import reverse

from clients.models import AccountStatus, AppUser, Status
from contracts import issuing, signature_consent, signing
from contracts.conftest import code_sent_to
from contracts.models import Contract, SigningCode
from support.models import Message, Ticket

DELETED = "Учётная запись клиента в «Привет Супер» удалена."
BLOCKED = "Учётная запись клиента в «Привет Супер» заблокирована."
UNREACHABLE = "Сообщения, коды и счета до него не доходят."
STEPS = ("clients:contact", "passport:passport", "devices:devices", "contracts:contract")


def url(name: str, client) -> str:
    return reverse(name, args=[client.pk])


def signature(contract: Contract, code: str) -> dict:
    version = signature_consent.current_version()
    return {"contract": contract.pk, "code": code, "consent": "on", "pep_version": version}


def block(make, client) -> None:
    AppUser.objects.filter(pk=client.user_id).update(status=AccountStatus.BLOCKED)


def close(make, client) -> None:
    make.close_account(client)


def delete_by_time(make, client) -> None:
    AppUser.objects.filter(pk=client.user_id).update(deleted_at="2026-11-30T09:30Z")


@pytest.mark.parametrize(("end", "notice"), [(close, DELETED), (delete_by_time, DELETED), (block, BLOCKED)])
@pytest.mark.parametrize("name", [*STEPS, "contracts:card"])
def test_card_and_every_step_say_that_the_client_cannot_be_reached(make, as_anna, issued, end, notice, name):
    page = url(name, issued.client)
    assert UNREACHABLE not in as_anna.get(page).text

    end(make, issued.client)

    response = as_anna.get(page)
    assert response.status_code == 200
    assert notice in response.text
    assert UNREACHABLE in response.text


@pytest.mark.parametrize("name", ["contracts:done", "contracts:invoice"])
def test_pages_after_the_signature_say_so_too(make, as_anna, signed, name):
    make.close_account(signed.client)

    assert DELETED in as_anna.get(url(name, signed.client), follow=True).text


@pytest.mark.parametrize("name", [*STEPS, "contracts:card"])
def test_phone_and_email_of_a_closed_account_are_readable(make, as_anna, issued, name):
    make.close_account(issued.client)

    text = as_anna.get(url(name, issued.client)).text
    assert "del_2026" not in text
    if name in ("clients:contact", "contracts:card"):
        digits = issued.client.user.phone
        assert f'<a href="tel:+7{digits}">+7 ({digits[:3]}) {digits[3:6]}-{digits[6:8]}-{digits[8:]}</a>' in text
        assert issued.client.user.email in text


def test_phone_of_a_closed_account_is_readable_in_lists(make, as_anna, as_gleb, issued):
    make.close_account(issued.client)

    for browser, page in ((as_anna, "/clients/?tab=mine"), (as_gleb, reverse("admin:clients_client_changelist"))):
        text = browser.get(page).text
        assert "+7 (977) " in text
        assert "del_2026" not in text


# Step 4


def test_contract_is_not_issued_for_a_closed_account(make, as_anna, anna):
    client = make.awaiting_contract(anna)
    make.close_account(client)

    response = as_anna.post(url("contracts:contract", client), {"surcharge": "150.00"})

    assert response.status_code == 409
    assert "Договор не сформирован: клиент сейчас не может войти" in response.text
    assert "Сформировать" not in response.text
    assert not Contract.objects.exists()

    make.reopen_account(client)
    assert "Сформировать договор" in as_anna.get(url("contracts:contract", client)).text
    assert as_anna.post(url("contracts:contract", client), {"surcharge": "150.00"}).status_code == 302
    assert Contract.objects.get().is_open


def test_no_code_can_be_requested_for_a_closed_account(make, as_anna, issued):
    make.close_account(issued.client)

    page = as_anna.get(url("contracts:contract", issued.client)).text
    assert "Запросить код" not in page
    assert "Договор устарел" not in page
    response = as_anna.post(url("contracts:code", issued.client), {"contract": issued.pk})

    assert response.status_code == 409
    assert "Коды сейчас не действуют" in response.text
    assert not SigningCode.objects.exists()
    assert not Message.objects.exists()


def test_account_closed_between_code_and_signature(make, as_anna, issued, anna):
    """A reopened account works again, with the same code if it is still valid."""
    signing.request_code(issued, by=anna)
    code = code_sent_to(issued.client)
    make.close_account(issued.client)

    response = as_anna.post(url("contracts:signature", issued.client), signature(issued, code))

    assert response.status_code == 409
    assert "Коды сейчас не действуют" in response.text
    assert f'value="{code}"' in response.text
    assert Contract.objects.get().signed_at is None
    assert make.fresh(issued.client).status == Status.AWAITING_CONTRACT

    make.reopen_account(issued.client)
    response = as_anna.post(url("contracts:signature", issued.client), signature(issued, code))
    assert response.url == url("contracts:done", issued.client)
    assert Contract.objects.get().signed_at


def test_refused_code_request_records_no_agreement(make, as_anna, anna):
    client = make.awaiting_contract(anna)
    issuing.issue(client, by=anna)
    client.agreements.filter(kind="electronic_signature").update(withdrawn_at="2026-11-30T09:30Z", withdrawn_by=anna)
    make.close_account(client)
    contract = Contract.objects.get()

    assert as_anna.post(url("contracts:code", client), {"contract": contract.pk}).status_code == 409
    assert not make.fresh(client).agreements.is_given("electronic_signature")


# Pages of support


@pytest.mark.parametrize(("end", "notice"), [(close, DELETED), (block, BLOCKED)])
def test_support_sees_that_the_client_cannot_be_reached(make, as_vera, anna, end, notice):
    client = make.verified(anna, phone="9771232323")
    ticket = Ticket.objects.create(user=client.user, subject="Вопрос")
    pages = [reverse("support:client_card", args=[client.pk]), reverse("support:ticket", args=[ticket.pk])]
    for page in pages:
        assert UNREACHABLE not in as_vera.get(page).text

    end(make, client)

    for page in pages:
        text = as_vera.get(page).text
        assert notice in text
        assert UNREACHABLE in text
        assert '<a href="tel:+79771232323">+7 (977) 123-23-23</a>' in text
    assert "+7 (977) 123-23-23" in as_vera.get(reverse("support:tickets")).text


def test_phone_of_an_erased_client_is_no_link(make, as_vera, anna):
    client = make.verified(anna)
    client.user.close(now=client.created_at)

    text = as_vera.get(reverse("support:client_card", args=[client.pk])).text
    assert 'href="tel:' not in text
