"""Views of step 4 and after it: responses, access, and saved rows."""

import re
from decimal import Decimal

import pytest
import time_machine
from django.contrib.messages import get_messages
from django.urls import reverse
from django.utils import timezone

from clients.models import AccountStatus, AppUser
from contracts import issuing, payment, signature_consent, signing
from contracts.conftest import code_appears_in, code_sent_to, sign, wrong_code
from contracts.models import Contract
from devices.models import Tariff
from devices.saving import delete_device
from foundation.storage import object_storage

HTMX_CODE = {"HX-Request": "true", "HX-Target": "code"}


def url(name: str, client) -> str:
    return reverse(f"contracts:{name}", args=[client.pk])


def shown(contract: Contract) -> dict:
    """Form data that identifies the contract on the page."""
    return {"contract": contract.pk}


def signature(contract: Contract, **overrides) -> dict:
    return (
        shown(contract) | {"consent": "on", "pep_version": signature_consent.current_version(), "code": ""} | overrides
    )


def surcharge_on(page) -> dict:
    """Form data with the surcharge on the page."""
    return {"surcharge": re.search(r'name="surcharge" value="([^"]+)"', page.text)[1]}


# Step 4


def test_step_4_lists_the_fee_of_each_device_before_a_contract_exists(as_anna, anna, make):
    client = make.awaiting_contract(anna, devices=2)

    page = as_anna.get(url("contract", client)).text

    assert "Сформировать договор" in page
    assert page.count("150,00\u00a0₽") == 2
    assert "300,00\u00a0₽" in page


def test_unfinished_earlier_step_redirects_to_it(as_anna, anna, make):
    client = make.verified(anna)

    assert as_anna.get(url("contract", client)).url == reverse("passport:passport", args=[client.pk])


def test_unfinished_earlier_step_redirects_htmx_requests(as_anna, anna, make):
    client = make.verified(anna)

    response = as_anna.post(url("code", client), headers=HTMX_CODE)

    assert response.headers["HX-Redirect"] == reverse("passport:passport", args=[client.pk])
    assert not response.content


def test_post_issues_the_contract_and_links_its_pdf(as_anna, anna, make):
    client = make.awaiting_contract(anna)

    response = as_anna.post(url("contract", client), follow=True)

    contract = Contract.objects.get()
    assert reverse("contracts:pdf", args=[contract.pk]) in response.text
    assert contract.issued_by == anna


def test_changed_surcharge_is_shown_before_the_contract_is_issued(as_anna, anna, make):
    client = make.awaiting_contract(anna)
    page = as_anna.get(url("contract", client))
    Tariff.objects.update(extra_per_device=Decimal("900"))

    refused = as_anna.post(url("contract", client), surcharge_on(page))

    assert refused.status_code == 409
    assert "доплата изменилась" in refused.text
    assert "900,00" in refused.text
    assert not Contract.objects.exists()
    assert as_anna.post(url("contract", client), surcharge_on(refused)).status_code == 302
    assert Contract.objects.get().surcharge == Decimal("900")


def test_stale_contract_shows_the_new_surcharge(as_anna, issued):
    assert "Доплата станет другой" not in as_anna.get(url("contract", issued.client)).text
    Tariff.objects.update(extra_per_device=Decimal("900"))

    page = as_anna.get(url("contract", issued.client))

    assert "Доплата станет другой" in page.text
    assert as_anna.post(url("contract", issued.client), {"surcharge": str(issued.surcharge)}).status_code == 409
    assert as_anna.post(url("contract", issued.client), surcharge_on(page)).status_code == 302


def test_step_4_shows_the_amount_due_after_partial_billing(as_anna, anna, signed, make):
    payment.confirm_payment(signed.invoices.get(), "cash", by=anna)
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


def test_step_4_shows_one_amount_if_all_of_it_is_due(as_anna, issued):
    assert "После подписания" not in as_anna.get(url("contract", issued.client)).text


def test_step_4_shows_that_nothing_more_is_due(as_anna, anna, signed, make):
    payment.confirm_payment(signed.invoices.get(), "cash", by=anna)
    delete_device(make.fresh(signed.client).devices.first(), by=anna)

    assert "нового счёта не будет" in as_anna.get(url("contract", signed.client)).text
    assert sign(issuing.issue(make.fresh(signed.client), by=anna), anna).due == 0


def test_stale_contract_can_only_be_reissued(as_anna, issued, anna, make):
    make.device(make.fresh(issued.client), anna, title="Плита")

    page = as_anna.get(url("contract", issued.client)).text

    assert "Добавлено устройство «Плита»" in page
    assert "Сформировать заново" in page
    assert "Подписать" not in page


def test_issuing_for_a_signed_client_redirects_to_done(as_anna, signed):
    assert as_anna.post(url("contract", signed.client)).url == url("done", signed.client)
    assert Contract.objects.count() == 1


# The code


def test_code_request_without_htmx_redirects_with_a_message(as_anna, issued):
    response = as_anna.post(url("code", issued.client), shown(issued), follow=True)

    assert "Код отправлен клиенту" in str([str(message) for message in get_messages(response.wsgi_request)])
    assert not code_appears_in(code_sent_to(issued.client), response.text)
    assert "Осталось попыток: 5" in response.text


def test_code_request_with_htmx_returns_the_code_fragment(as_anna, issued):
    response = as_anna.post(url("code", issued.client), shown(issued), headers=HTMX_CODE)

    assert response.text.lstrip().startswith('<div id="code"')
    assert "Код отправлен" in response.text


def test_countdown_matches_the_resend_delay(as_anna, issued, anna):
    with time_machine.travel(timezone.now(), tick=False) as clock:
        signing.request_code(issued, by=anna)
        clock.shift(0.1)

        assert 'data-countdown="60"' in as_anna.get(url("contract", issued.client)).text


def test_second_code_request_within_the_delay_returns_429(as_anna, issued):
    as_anna.post(url("code", issued.client), shown(issued))

    response = as_anna.post(url("code", issued.client), shown(issued), headers=HTMX_CODE)

    assert response.status_code == 429
    assert "Новый код можно запросить через" in response.text


@pytest.mark.parametrize("headers", [{}, HTMX_CODE])
def test_code_request_for_a_blocked_account_shows_an_error(as_anna, issued, headers):
    AppUser.objects.update(status=AccountStatus.BLOCKED)

    response = as_anna.post(url("code", issued.client), shown(issued), headers=headers)

    assert response.status_code == 409
    assert "заблокирована. Попросите поддержку её разблокировать" in response.text
    assert not issued.codes.exists()


# The signature


def test_right_code_signs_and_redirects_to_done(as_anna, issued, anna):
    as_anna.post(url("code", issued.client), shown(issued))
    digits = code_sent_to(issued.client)

    response = as_anna.post(url("signature", issued.client), signature(issued, code=f"{digits[:3]} {digits[3:]}"))

    assert response.url == url("done", issued.client)
    issued.refresh_from_db()
    assert issued.signed_by == anna
    assert issued.pep_text_version == signature_consent.current_version()


def test_wrong_code_returns_422_with_attempts_left_and_typed_values(as_anna, issued):
    as_anna.post(url("code", issued.client), shown(issued))
    code = wrong_code(code_sent_to(issued.client))

    response = as_anna.post(url("signature", issued.client), signature(issued, code=code))

    assert response.status_code == 422
    assert "Осталось попыток: 4" in response.text
    assert f'value="{code}"' in response.text
    assert "checked" in response.text


def test_code_sent_before_the_account_was_blocked_is_refused_and_stays_valid(as_anna, issued):
    as_anna.post(url("code", issued.client), shown(issued))
    code = code_sent_to(issued.client)
    AppUser.objects.update(status=AccountStatus.BLOCKED)

    response = as_anna.post(url("signature", issued.client), signature(issued, code=code))

    assert response.status_code == 409
    assert "заблокирована. Попросите поддержку её разблокировать" in response.text
    assert f'value="{code}"' in response.text
    assert "checked" in response.text
    assert "Осталось попыток: 5" in response.text
    issued.refresh_from_db()
    assert issued.signed_at is None


@pytest.mark.parametrize(
    ("typed", "error"),
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
def test_malformed_signature_returns_422_without_counting_an_attempt(as_anna, issued, typed, error):
    as_anna.post(url("code", issued.client), shown(issued))

    response = as_anna.post(
        url("signature", issued.client), signature(issued, code=code_sent_to(issued.client)) | typed
    )

    assert response.status_code == 422
    assert error in response.text
    issued.refresh_from_db()
    assert (issued.signed_at, issued.failed_tries, issued.codes.get().failed_tries) == (None, 0, 0)


def test_signing_without_a_requested_code_shows_an_error(as_anna, issued):
    response = as_anna.post(url("signature", issued.client), signature(issued, code="123456"))

    assert response.status_code == 422
    assert "Код ещё не запрошен" in response.text


def test_stale_page_shows_the_change_instead_of_signing(as_anna, issued, anna, make):
    as_anna.post(url("code", issued.client), shown(issued))
    code = code_sent_to(issued.client)
    make.device(make.fresh(issued.client), anna, title="Плита")

    response = as_anna.post(url("signature", issued.client), signature(issued, code=code))

    assert response.status_code == 409
    assert "Добавлено устройство «Плита»" in response.text


def test_second_click_on_sign_redirects_without_error(as_anna, signed):
    response = as_anna.post(url("signature", signed.client), signature(signed, code="000000"))

    assert response.status_code == 302
    assert Contract.objects.get().signed_at == signed.signed_at


def test_signing_records_the_ip_from_the_trusted_proxy(as_anna, issued, settings):
    settings.TRUSTED_PROXIES = 1
    as_anna.post(url("code", issued.client), shown(issued))
    forwarded = {"X-Forwarded-For": "203.0.113.9, 198.51.100.4"}

    as_anna.post(
        url("signature", issued.client), signature(issued, code=code_sent_to(issued.client)), headers=forwarded
    )

    issued.refresh_from_db()
    assert issued.signer_ip == "198.51.100.4"


# Files


def test_pdf_view_returns_the_issued_file(as_anna, issued):
    response = as_anna.get(reverse("contracts:pdf", args=[issued.pk]))

    assert response.content == object_storage.get(issued.pdf_key)
    assert response["Content-Type"] == "application/pdf"
    assert "no-store" in response["Cache-Control"]


def test_file_replaced_in_the_storage_is_not_served(as_anna, issued):
    object_storage.delete(issued.pdf_key)
    object_storage.put(issued.pdf_key, b"%PDF-1.7 something else")

    assert as_anna.get(reverse("contracts:pdf", args=[issued.pk])).status_code == 503


@pytest.mark.parametrize("name", ["pdf", "invoice_pdf"])
def test_other_managers_get_404_for_documents(as_boris, as_vera, signed, name):
    pk = signed.pk if name == "pdf" else signed.invoices.get().pk

    assert as_boris.get(reverse(f"contracts:{name}", args=[pk])).status_code == 404
    assert as_vera.get(reverse(f"contracts:{name}", args=[pk])).status_code == 404


@pytest.mark.parametrize("headers", [{}, HTMX_CODE], ids=["page", "code"])
@pytest.mark.parametrize("with_contract", [True, False])
def test_page_of_a_replaced_contract_sends_no_code_and_signs_nothing(
    as_anna, anna, issued, make, headers, with_contract
):  # fmt: skip
    seen = shown(issued) if with_contract else {}
    make.device(make.fresh(issued.client), anna, title="Ещё одно")
    current = issuing.issue(make.fresh(issued.client), by=anna)

    response = as_anna.post(url("code", issued.client), seen, headers=headers)
    assert response.status_code == 409
    assert "сформировали заново" in response.text
    assert current.number in response.text
    assert response.headers.get("HX-Retarget") == ("#main" if headers else None)

    signing.request_code(current, by=anna)
    typed = signature(issued, code=code_sent_to(issued.client)) | {"contract": ""} | seen
    response = as_anna.post(url("signature", issued.client), typed)
    assert response.status_code == 409
    assert make.fresh(issued.client).contracts.signed().count() == 0


def test_restored_data_offers_to_keep_the_signed_contract(as_anna, anna, signed, make):
    delete_device(make.device(make.fresh(signed.client), anna, title="По ошибке"), by=anna)

    page = as_anna.get(url("contract", signed.client)).text

    assert re.findall(r'<button class="button">(.*?)</button>', page) == ["Оставить подписанный договор"]
    assert '<button class="button secondary">Сформировать новый договор</button>' in page


def test_second_click_on_keeping_the_contract_redirects_to_done(as_anna, anna, signed, make):
    delete_device(make.device(make.fresh(signed.client), anna, title="По ошибке"), by=anna)

    responses = [as_anna.post(url("kept", signed.client)) for _ in range(2)]

    assert [response.url for response in responses] == [url("done", signed.client)] * 2


# Queries


@pytest.mark.parametrize("name", ["contract", "done", "card"])
def test_pages_take_at_most_ten_queries(as_anna, anna, make, name, django_assert_max_num_queries):
    contract = issuing.issue(make.awaiting_contract(anna, devices=8), by=anna)
    if name == "contract":
        signing.request_code(contract, by=anna)
    else:
        sign(contract, anna)

    with django_assert_max_num_queries(10):
        assert as_anna.get(url(name, contract.client)).status_code == 200
