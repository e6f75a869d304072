"""The pages of step 4 and after: what they answer, to whom, and what they write."""

import re
from decimal import Decimal

import pytest
import time_machine
from django.contrib.messages import get_messages
from django.urls import reverse
from django.utils import timezone

from clients.models import AccountStatus, AppUser
from conftest import appears_in
from contracts import issuing, payment, signature_consent, signing
from contracts.conftest import code_sent_to, sign, wrong_code
from contracts.models import Contract
from devices.models import Tariff
from devices.saving import delete_device
from foundation.storage import object_storage

HTMX_CODE = {"HX-Request": "true", "HX-Target": "code"}


def url(name: str, client) -> str:
    return reverse(f"contracts:{name}", args=[client.pk])


def shown(contract: Contract) -> dict:
    """What a page sends of the contract that it shows."""
    return {"contract": contract.pk}


def signature(contract: Contract, **overrides) -> dict:
    return (
        shown(contract) | {"consent": "on", "pep_version": signature_consent.current_version(), "code": ""} | overrides
    )


def sum_of(page) -> dict:
    """What a page sends of the surcharge that it shows."""
    return {"surcharge": re.search(r'name="surcharge" value="([^"]+)"', page.text)[1]}


# Step 4


def test_step_4_shows_the_sum_line_by_line_before_a_contract_exists(as_anna, anna, make):
    client = make.awaiting_contract(anna, devices=2)

    page = as_anna.get(url("contract", client)).text

    assert "Сформировать договор" in page
    assert page.count("150,00\u00a0₽") == 2
    assert "300,00\u00a0₽" in page


def test_an_earlier_step_that_is_open_is_shown_instead(as_anna, anna, make):
    client = make.verified(anna)

    assert as_anna.get(url("contract", client)).url == reverse("passport:passport", args=[client.pk])


def test_an_earlier_step_that_is_open_is_not_put_into_the_block_of_the_code(as_anna, anna, make):
    client = make.verified(anna)

    answer = as_anna.post(url("code", client), headers=HTMX_CODE)

    assert answer.headers["HX-Redirect"] == reverse("passport:passport", args=[client.pk])
    assert not answer.content


def test_posting_step_4_issues_the_contract_and_links_its_pdf(as_anna, anna, make):
    client = make.awaiting_contract(anna)

    reply = as_anna.post(url("contract", client), follow=True)

    contract = Contract.objects.get()
    assert reverse("contracts:pdf", args=[contract.pk]) in reply.text
    assert contract.issued_by == anna


def test_a_sum_that_changed_while_the_page_was_open_is_shown_before_a_contract_asks_for_it(as_anna, anna, make):
    client = make.awaiting_contract(anna)
    page = as_anna.get(url("contract", client))
    Tariff.objects.update(extra_per_device=Decimal("900"))

    refused = as_anna.post(url("contract", client), sum_of(page))

    assert refused.status_code == 409
    assert "доплата изменилась" in refused.text
    assert "900,00" in refused.text
    assert not Contract.objects.exists()
    assert as_anna.post(url("contract", client), sum_of(refused)).status_code == 302
    assert Contract.objects.get().surcharge == Decimal("900")


def test_a_stale_contract_says_what_the_next_one_will_ask_for(as_anna, issued):
    assert "Доплата станет другой" not in as_anna.get(url("contract", issued.client)).text
    Tariff.objects.update(extra_per_device=Decimal("900"))

    page = as_anna.get(url("contract", issued.client))

    assert "Доплата станет другой" in page.text
    assert as_anna.post(url("contract", issued.client), {"surcharge": str(issued.surcharge)}).status_code == 409
    assert as_anna.post(url("contract", issued.client), sum_of(page)).status_code == 302


def test_step_4_says_what_is_due_where_a_part_was_billed_before(as_anna, anna, signed, make):
    payment.confirm_payment(signed.invoices.get(), by=anna)
    make.device(make.fresh(signed.client), anna, title="Плита")
    due = 'счёт на <strong class="money">150,00\u00a0₽</strong>'

    assert due in as_anna.get(url("contract", signed.client)).text  # before there is a contract

    second = issuing.issue(make.fresh(signed.client), by=anna)
    assert due in as_anna.get(url("contract", signed.client)).text

    Tariff.objects.update(extra_per_device=Decimal("200"))
    stale = as_anna.get(url("contract", signed.client)).text
    assert due.replace("150", "300") in stale
    assert due not in stale
    assert sign(issuing.issue(make.fresh(signed.client), by=anna), anna).due == second.surcharge - 150


def test_step_4_names_one_sum_where_all_of_it_is_due(as_anna, issued):
    assert "После подписания" not in as_anna.get(url("contract", issued.client)).text


def test_step_4_says_that_nothing_more_is_due(as_anna, anna, signed, make):
    payment.confirm_payment(signed.invoices.get(), by=anna)
    delete_device(make.fresh(signed.client).devices.first(), by=anna)

    assert "нового счёта не будет" in as_anna.get(url("contract", signed.client)).text
    assert sign(issuing.issue(make.fresh(signed.client), by=anna), anna).due == 0


def test_a_stale_contract_offers_only_to_be_issued_anew(as_anna, issued, anna, make):
    make.device(make.fresh(issued.client), anna, title="Плита")

    page = as_anna.get(url("contract", issued.client)).text

    assert "Добавлено устройство «Плита»" in page
    assert "Сформировать заново" in page
    assert "Подписать" not in page


def test_issuing_for_a_signed_client_redirects_to_done(as_anna, signed):
    assert as_anna.post(url("contract", signed.client)).url == url("done", signed.client)
    assert Contract.objects.count() == 1


# The code


def test_requesting_a_code_by_a_plain_form(as_anna, issued):
    reply = as_anna.post(url("code", issued.client), shown(issued), follow=True)

    assert "Код отправлен клиенту" in str([str(message) for message in get_messages(reply.wsgi_request)])
    assert not appears_in(code_sent_to(issued.client), reply.text)
    assert "Осталось попыток: 5" in reply.text


def test_requesting_a_code_by_htmx_answers_with_the_block_alone(as_anna, issued):
    reply = as_anna.post(url("code", issued.client), shown(issued), headers=HTMX_CODE)

    assert reply.text.lstrip().startswith('<div id="code"')
    assert "Код отправлен" in reply.text


def test_countdown_matches_the_resend_delay(as_anna, issued, anna):
    with time_machine.travel(timezone.now(), tick=False) as clock:
        signing.request_code(issued, by=anna)
        clock.shift(0.1)

        assert 'data-countdown="60"' in as_anna.get(url("contract", issued.client)).text


def test_a_second_request_at_once_is_refused_with_the_time_to_wait(as_anna, issued):
    as_anna.post(url("code", issued.client), shown(issued))

    reply = as_anna.post(url("code", issued.client), shown(issued), headers=HTMX_CODE)

    assert reply.status_code == 429
    assert "Новый код можно запросить через" in reply.text


@pytest.mark.parametrize("headers", [{}, HTMX_CODE])
def test_a_code_that_the_client_cant_read_is_refused_in_words(as_anna, issued, headers):
    AppUser.objects.update(status=AccountStatus.BLOCKED)

    reply = as_anna.post(url("code", issued.client), shown(issued), headers=headers)

    assert reply.status_code == 409
    assert "заблокирована. Попросите поддержку её разблокировать" in reply.text
    assert not issued.codes.exists()


# The signature


def test_the_right_code_signs_and_goes_on(as_anna, issued, anna):
    as_anna.post(url("code", issued.client), shown(issued))
    digits = code_sent_to(issued.client)

    reply = as_anna.post(url("signature", issued.client), signature(issued, code=f"{digits[:3]} {digits[3:]}"))

    assert reply.url == url("done", issued.client)
    issued.refresh_from_db()
    assert issued.signed_by == anna
    assert issued.pep_text_version == signature_consent.current_version()


def test_a_wrong_code_is_422_with_the_tries_left_and_keeps_what_was_typed(as_anna, issued):
    as_anna.post(url("code", issued.client), shown(issued))
    code = wrong_code(code_sent_to(issued.client))

    reply = as_anna.post(url("signature", issued.client), signature(issued, code=code))

    assert reply.status_code == 422
    assert "Осталось попыток: 4" in reply.text
    assert f'value="{code}"' in reply.text
    assert "checked" in reply.text


def test_a_code_of_before_the_account_was_closed_is_refused_in_words_and_kept(as_anna, issued):
    as_anna.post(url("code", issued.client), shown(issued))
    code = code_sent_to(issued.client)
    AppUser.objects.update(status=AccountStatus.BLOCKED)

    reply = as_anna.post(url("signature", issued.client), signature(issued, code=code))

    assert reply.status_code == 409
    assert "заблокирована. Попросите поддержку её разблокировать" in reply.text
    assert f'value="{code}"' in reply.text
    assert "checked" in reply.text
    assert "Осталось попыток: 5" in reply.text
    issued.refresh_from_db()
    assert issued.signed_at is None


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ({"code": ""}, "Введите шесть цифр кода"),
        ({"code": "12345"}, "Код состоит из шести цифр"),
        ({"code": "١٢٣٤٥٦"}, "Код состоит из шести цифр"),
        ({"code": "abcdef"}, "Код состоит из шести цифр"),
        ({"code": "12\x003456"}, "символ"),
        ({"code": "1" * 1_000_000}, "Код состоит из шести цифр"),
        ({"code": "🔑🔑🔑"}, "Код состоит из шести цифр"),
        ({"consent": ""}, "Отметьте согласие"),
        ({"pep_version": "v0"}, "Текст согласия обновился"),
        ({"pep_version": ""}, ""),
    ],
)
def test_a_malformed_signature_is_422_and_spends_no_try(as_anna, issued, typed, said):
    as_anna.post(url("code", issued.client), shown(issued))

    reply = as_anna.post(url("signature", issued.client), signature(issued, code=code_sent_to(issued.client)) | typed)

    assert reply.status_code == 422
    assert said in reply.text
    issued.refresh_from_db()
    assert (issued.signed_at, issued.failed_tries, issued.codes.get().failed_tries) == (None, 0, 0)


def test_a_code_that_was_not_requested_has_its_own_message(as_anna, issued):
    reply = as_anna.post(url("signature", issued.client), signature(issued, code="123456"))

    assert reply.status_code == 422
    assert "Код ещё не запрошен" in reply.text


def test_stale_page_shows_the_change_instead_of_signing(as_anna, issued, anna, make):
    as_anna.post(url("code", issued.client), shown(issued))
    code = code_sent_to(issued.client)
    make.device(make.fresh(issued.client), anna, title="Плита")

    reply = as_anna.post(url("signature", issued.client), signature(issued, code=code))

    assert reply.status_code == 409
    assert "Добавлено устройство «Плита»" in reply.text


def test_second_click_on_sign_redirects_without_error(as_anna, signed):
    reply = as_anna.post(url("signature", signed.client), signature(signed, code="000000"))

    assert reply.status_code == 302
    assert Contract.objects.get().signed_at == signed.signed_at


def test_signing_records_the_address_that_the_proxy_names(as_anna, issued, settings):
    settings.TRUSTED_PROXIES = 1
    as_anna.post(url("code", issued.client), shown(issued))
    forwarded = {"X-Forwarded-For": "203.0.113.9, 198.51.100.4"}

    as_anna.post(
        url("signature", issued.client), signature(issued, code=code_sent_to(issued.client)), headers=forwarded
    )

    issued.refresh_from_db()
    assert issued.signer_ip == "198.51.100.4"


# Files


def test_the_pdf_is_the_issued_file(as_anna, issued):
    reply = as_anna.get(reverse("contracts:pdf", args=[issued.pk]))

    assert reply.content == object_storage.get(issued.pdf_key)
    assert reply["Content-Type"] == "application/pdf"
    assert "no-store" in reply["Cache-Control"]


def test_a_file_that_was_replaced_in_the_storage_is_not_shown(as_anna, issued):
    object_storage.delete(issued.pdf_key)
    object_storage.put(issued.pdf_key, b"%PDF-1.7 something else")

    assert as_anna.get(reverse("contracts:pdf", args=[issued.pk])).status_code == 503


@pytest.mark.parametrize("name", ["pdf", "invoice_pdf"])
def test_documents_of_another_managers_client_are_not_found(as_boris, as_vera, signed, name):
    pk = signed.pk if name == "pdf" else signed.invoices.get().pk

    assert as_boris.get(reverse(f"contracts:{name}", args=[pk])).status_code == 404
    assert as_vera.get(reverse(f"contracts:{name}", args=[pk])).status_code == 404


@pytest.mark.parametrize("headers", [{}, HTMX_CODE], ids=["page", "code"])
@pytest.mark.parametrize("known", [True, False])
def test_page_of_a_replaced_contract_sends_no_code_and_signs_nothing(as_anna, anna, issued, make, headers, known):
    seen = shown(issued) if known else {}
    make.device(make.fresh(issued.client), anna, title="Ещё одно")
    current = issuing.issue(make.fresh(issued.client), by=anna)

    reply = as_anna.post(url("code", issued.client), seen, headers=headers)
    assert reply.status_code == 409
    assert "сформировали заново" in reply.text
    assert current.number in reply.text
    assert reply.headers.get("HX-Retarget") == ("#main" if headers else None)

    signing.request_code(current, by=anna)
    typed = signature(issued, code=code_sent_to(issued.client)) | {"contract": ""} | seen
    reply = as_anna.post(url("signature", issued.client), typed)
    assert reply.status_code == 409
    assert make.fresh(issued.client).contracts.signed().count() == 0


def test_restored_data_offers_to_keep_the_signed_contract(as_anna, anna, signed, make):
    delete_device(make.device(make.fresh(signed.client), anna, title="По ошибке"), by=anna)

    page = as_anna.get(url("contract", signed.client)).text

    assert re.findall(r'<button class="button">(.*?)</button>', page) == ["Оставить подписанный договор"]
    assert '<button class="button secondary">Сформировать новый договор</button>' in page


def test_a_second_click_on_keeping_the_contract_goes_on(as_anna, anna, signed, make):
    delete_device(make.device(make.fresh(signed.client), anna, title="По ошибке"), by=anna)

    replies = [as_anna.post(url("kept", signed.client)) for _ in range(2)]

    assert [reply.url for reply in replies] == [url("done", signed.client)] * 2


# Queries


@pytest.mark.parametrize("name", ["contract", "done", "card"])
def test_a_page_takes_at_most_ten_queries_however_many_devices(
    as_anna, anna, make, name, django_assert_max_num_queries
):
    contract = issuing.issue(make.awaiting_contract(anna, devices=8), by=anna)
    if name == "contract":
        signing.request_code(contract, by=anna)
    else:
        sign(contract, anna)

    with django_assert_max_num_queries(10):
        assert as_anna.get(url(name, contract.client)).status_code == 200
