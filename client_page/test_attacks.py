"""Attacks on the client's page: with stolen links, other codes and old forms, and by managers without the phone."""

from datetime import timedelta

import pytest
import time_machine
from django.db.models import F
from django.urls import reverse
from django.utils import timezone

from agreements.models import Agreement, AgreementKind
from client_page.access import cookie_name
from client_page.conftest import Phone, issue_link, path_of
from client_page.test_contract import without_agreement
from conftest import appears_in, browser_for
from contracts import issuing, signature_consent, signing
from contracts.conftest import code_sent_to, sign, wrong_code
from contracts.models import MAX_ATTEMPTS_PER_CONTRACT, Contract, SigningCode
from devices.surcharge import fix_surcharge
from documents.files import pdf_response
from links.models import LIFETIME, Link
from managers import limits
from messaging.codes import CODE_LIFETIME, MAX_ATTEMPTS_PER_CODE
from support.models import Message

pytestmark = pytest.mark.django_db

GET_URLS = ("page", "pdf")
POST_URLS = ("consent", "reading", "call", "refusal", "passport", "code", "signature")
METHODS = ("head", "options", "put", "patch", "delete", "trace")


def everything(contract: Contract, code: str = "123456") -> dict:
    """The fields of all forms of the page, filled in."""
    return {
        "code": code,
        "consent": "on",
        "agreed": "on",
        "version": signature_consent.current_version(),
        "digits": contract.snapshot.contents.person.phone[-4:],
        "reason": "later",
    }


def all_responses(phone: Phone, data: dict) -> dict:
    """Request every URL of the page. Return the responses by name."""
    responses = {name: phone.get(name) for name in GET_URLS}
    return responses | {name: phone.post(name, data) for name in POST_URLS}


def rows() -> list:
    """Everything that requests of the page can change."""
    models = (Contract, Link, SigningCode, Agreement, Message)
    return [list(model.objects.order_by("pk").values()) for model in models]


def test_code_of_another_client_s_contract_signs_nothing(phone, issued, code, anna, make):
    other = issuing.issue(make.awaiting_contract(anna), by=anna)
    signing.request_code(other, by=anna)

    response = phone.sign(code_sent_to(other.client))

    assert response.status_code == 422
    assert "Неверный код" in response.text
    assert not Contract.objects.signed().exists()
    other.refresh_from_db()
    assert other.failed_tries == 0


def test_code_of_an_older_contract_signs_nothing(phone, issued, code, anna, make):
    make.device(make.fresh(issued.client), anna, title="Утюг")
    newer = issuing.issue(make.fresh(issued.client), by=anna)
    phone.open(*issue_link(issued.client, anna, newer))

    assert phone.sign(code).status_code == 422
    phone.accept()
    assert "Неверный код" in phone.sign(code).text
    assert not Contract.objects.signed().exists()


def test_older_code_of_the_same_contract_signs_nothing(phone, issued, code):
    phone.accept()
    assert phone.sign(code).status_code == 422
    assert not Contract.objects.signed().exists()


def thief_with(phone: Phone, cookie: str | None) -> Phone:
    thief = Phone("198.51.100.66")
    thief.link = phone.link
    if cookie is not None:
        thief.browser.cookies[cookie_name()] = cookie
    return thief


@pytest.mark.parametrize("cookie", [None, "", "x", "0" * 64, "\xff\xfe", "a" * 4000])
def test_stolen_address_opens_nothing_in_another_browser(phone, issued, code, cookie):
    thief, before = thief_with(phone, cookie), rows()
    for name, response in all_responses(thief, everything(issued, code)).items():
        assert response.status_code == 404, name
        assert issued.number not in response.text
        assert "Ссылка не действует" in response.text
    assert rows() == before


def test_stored_hash_is_no_cookie(phone, issued, code):
    """Somebody who can read the database can't open the page."""
    phone.link.refresh_from_db()
    thief, before = thief_with(phone, phone.link.browser_hash), rows()
    for response in all_responses(thief, everything(issued, code)).values():
        assert response.status_code == 404
    token_hash = phone.link.token_hash
    assert thief.browser.post(reverse("client_page:open", args=[token_hash])).status_code == 404
    assert rows() == before


def test_browser_of_another_client_opens_only_its_own_page(phone, issued, code, anna, make):
    other = Phone("198.51.100.66")
    contract = issuing.issue(make.awaiting_contract(anna), by=anna)
    other.open(*issue_link(contract.client, anna, contract))
    other.link, before = phone.link, rows()
    for name, response in all_responses(other, everything(issued, code)).items():
        assert response.status_code == 404, name
    assert rows() == before


def test_replayed_forms_change_nothing_after_the_signature(phone, issued, code):
    phone.sign(code)
    phone.get("pdf")
    phone.post("call")
    phone.post("reading")
    before = rows()
    for name in ("consent", "refusal", "passport", "code", "signature"):
        assert path_of(phone.post(name, everything(issued, code))) == phone.url("page"), name
    assert rows() == before


def test_replayed_forms_change_nothing_after_a_refusal(phone, issued, code):
    phone.post("refusal", {"reason": "amount"})
    before = rows()
    for name in ("consent", "refusal", "passport", "code", "signature"):
        assert path_of(phone.post(name, everything(issued, code))) == phone.url("page"), name
    assert rows() == before
    assert path_of(phone.get("pdf")) == phone.url("page")


def test_replayed_forms_change_nothing_after_a_new_link(phone, issued, code, anna):
    issue_link(issued.client, anna, issued)
    before = rows()
    for name, response in all_responses(phone, everything(issued, code)).items():
        assert response.status_code == 404, name
    assert rows() == before


def test_consent_s_page_does_nothing_for_a_contract(make, anna):
    """The link of step 2, with every form of a contract's page."""
    client, phone = make.verified(anna), Phone()
    phone.open(*issue_link(client, anna))
    make.passport(client, anna)
    make.device(client, anna)
    fix_surcharge(client, make.tariff(), by=anna)
    contract, before = issuing.issue(make.fresh(client), by=anna), rows()
    for name in ("passport", "code", "signature"):
        assert path_of(phone.post(name, everything(contract))) == phone.url("page")
    assert path_of(phone.get("pdf")) == phone.url("page")
    assert rows() == before


def test_refusal_in_a_replaced_contract_s_page_is_not_one_of_the_new_contract(phone, issued, anna, make):
    make.device(make.fresh(issued.client), anna, title="Утюг")
    newer = issuing.issue(make.fresh(issued.client), by=anna)
    phone.post("refusal", {"reason": "later"})
    signing.request_code(newer, by=anna)
    assert sign(newer, anna, code_sent_to(issued.client)).signed_at


def test_link_forwarded_after_the_signature_opens_nowhere_else(issued, anna):
    phone, thief = Phone(), Phone("198.51.100.66")
    link, token = issue_link(issued.client, anna, issued)
    phone.open(link, token)
    phone.accept()
    phone.sign()

    assert thief.open(link, token).status_code == 403
    for name, response in all_responses(thief, everything(issued)).items():
        assert response.status_code == 404, name
    assert phone.get("pdf").status_code == 200
    almost_over = timezone.now() + LIFETIME - timedelta(seconds=10)
    with time_machine.travel(almost_over, tick=False):
        assert phone.get("pdf").status_code == 200
        assert thief.get("pdf").status_code == 404
    with time_machine.travel(almost_over + timedelta(seconds=20), tick=False):
        for browser in (phone, thief):
            assert browser.get().status_code == browser.get("pdf").status_code == 404
            assert browser.open(link, token).status_code == 404


def test_unopened_link_shows_no_copy_after_the_manager_s_signature(issued, anna):
    """Whoever opens it first then is not known to be the client: the file has the passport."""
    link, token = issue_link(issued.client, anna, issued)
    sign(issued, anna)
    phone = Phone()
    phone.open(link, token)
    assert path_of(phone.get("pdf")) == phone.url("page")
    assert issued.snapshot.contents.person.passport_number not in phone.get().text


@pytest.mark.parametrize("who", ["anna", "gleb"])
def test_manager_without_the_client_s_phone_signs_nothing(issued, who, make, request):
    """He shows the link, opens it in a second browser, ticks everything and requests codes."""
    without_agreement(issued.client)
    manager = request.getfixturevalue(who)
    staff, second = browser_for(manager), Phone("192.0.2.7")
    second.open(*issue_link(issued.client, manager, issued))
    digits = issued.snapshot.contents.person.phone[-4:]  # he knows the phone number
    pages = [second.post("passport", {"digits": digits}), second.post("reading"), second.accept()]
    code = code_sent_to(issued.client)
    pages += [second.get(), second.get("pdf"), second.post("call"), second.sign(wrong_code(code)), second.get()]
    pages += [second.browser.get(second.url("page"), headers={"HX-Request": "true"})]

    for page in pages:
        for shown in (code, f"{code[:3]} {code[3:]}", SigningCode.objects.latest("sent_at").code_hash):
            assert not appears_in(shown, page.content.decode(errors="replace"))
        assert code not in str(page.headers)
    # The code can't be moved to the manager's way, and that way needs it, too.
    response = staff.post(
        reverse("contracts:signature", args=[issued.client_id]),
        {"contract": issued.pk, "code": code, "consent": "on", "pep_version": signature_consent.current_version()},
    )
    assert response.status_code == 409
    for empty in ("", " ", "\t"):
        assert second.post("signature", {"code": empty}).status_code == 422
    assert not Contract.objects.signed().exists()
    contract = Contract.objects.get()
    assert (contract.signed_by, contract.evidence) == (None, "")


@pytest.mark.parametrize("who", ["anna", "boris", "vera", "gleb"])
def test_browser_in_which_staff_are_signed_in_opens_no_page(phone, issued, code, who, request):
    """Not even with the cookie of the client's browser."""
    staff, before = Phone(), rows()
    staff.browser, staff.link = browser_for(request.getfixturevalue(who)), phone.link
    staff.browser.cookies[cookie_name()] = phone.browser.cookies[cookie_name()].value
    for name, response in all_responses(staff, everything(issued, code)).items():
        assert response.status_code == 404, name
    for method in METHODS:
        assert getattr(staff.browser, method)(phone.url("page")).status_code in (404, 405), method
    assert rows() == before
    assert phone.get().status_code == 200


def test_manager_who_opened_the_link_himself_is_no_client_of_the_next_link(phone, issued, code, anna):
    """The client then gets a new link; the manager's browser has no part in it."""
    managers = Phone("192.0.2.7")
    managers.open(*issue_link(issued.client, anna, issued))
    link, token = issue_link(issued.client, anna, issued)
    phone.open(link, token)
    managers.link = link
    assert managers.open(link, token).status_code == 403
    assert managers.get().status_code == 404


def guess(phone: Phone, times: int) -> list[str]:
    """Request a code and enter wrong ones. Return what the pages say."""
    phone.accept()
    wrong = wrong_code(code_sent_to(phone.link.client))
    return [phone.sign(wrong).text for _ in range(times)]


def test_guessing_is_limited_across_links_and_contracts(phone, issued, anna, make):
    texts = guess(phone, MAX_ATTEMPTS_PER_CODE + 1)
    assert "Осталось попыток: 1." in texts[-3]
    assert "попыток больше нет" in texts[-2]
    assert "слишком много неверных попыток" in texts[-1]

    phone.open(*issue_link(issued.client, anna, issued))
    guess(phone, 2)
    assert Contract.objects.get().failed_tries == MAX_ATTEMPTS_PER_CODE + 2

    make.device(make.fresh(issued.client), anna, title="Утюг")
    again = issuing.issue(make.fresh(issued.client), by=anna)
    phone.open(*issue_link(issued.client, anna, again))
    guess(phone, 3)
    again.refresh_from_db()
    assert again.failed_tries == MAX_ATTEMPTS_PER_CONTRACT

    # Now not even the right code signs, on no link.
    right = code_sent_to(issued.client)
    for _ in range(2):
        response = phone.sign(right)
        assert response.status_code == 409
        assert "слишком много неверных кодов" in response.text
        phone.open(*issue_link(issued.client, anna, again))
    response = phone.post("code", phone.form("code") | {"agreed": "on", "consent": "on"})
    assert response.status_code == 409
    assert not Contract.objects.signed().exists()


def test_codes_are_limited_per_hour_across_links(phone, issued, anna):
    for _ in range(5):
        SigningCode.objects.update(sent_at=F("sent_at") - timedelta(minutes=2))
        phone.open(*issue_link(issued.client, anna, issued))
        phone.post("code", phone.form("code") | {"consent": "on"})
    SigningCode.objects.update(sent_at=F("sent_at") - timedelta(minutes=2))
    phone.open(*issue_link(issued.client, anna, issued))
    response = phone.post("code", phone.form("code") | {"consent": "on"})
    assert response.status_code == 429
    assert SigningCode.objects.count() == 5


def test_client_cannot_use_up_the_manager_s_codes(phone, issued, anna, monkeypatch):
    monkeypatch.setattr(limits, "CODES", limits.RateLimit("codes", 2, per=timedelta(hours=1)))
    data = phone.form("code") | {"consent": "on"}
    for _ in range(10):
        assert phone.post("code", data).status_code == 302
    assert SigningCode.objects.count() == 1
    SigningCode.objects.update(sent_at=F("sent_at") - CODE_LIFETIME)
    phone.post("code", data)
    assert SigningCode.objects.count() == 2
    SigningCode.objects.update(sent_at=F("sent_at") - CODE_LIFETIME)
    assert phone.post("code", data).status_code == 429
    assert SigningCode.objects.count() == 2
    assert Message.objects.filter(body__startswith="Код").count() == 2


def test_form_of_another_site_binds_no_browser(issued, anna):
    phone = Phone()
    link, token = issue_link(issued.client, anna, issued)
    response = phone.browser.post(
        reverse("client_page:open", args=[token]), headers={"Sec-Fetch-Site": "cross-site", "Origin": "https://evil"}
    )
    assert (response.status_code, cookie_name() in response.cookies) == (200, False)
    assert Link.objects.get().opened_at is None
    response = phone.browser.post(
        reverse("client_page:open", args=[token]), headers={"Sec-Fetch-Site": "same-origin", "Origin": "null"}
    )
    assert response.status_code == 302


def test_no_page_can_be_framed(phone, issued, anna):
    link, token = issue_link(issued.client, anna, issued)
    opening = reverse("client_page:open", args=[token])
    phone.open(link, token)
    stranger = thief_with(phone, None)
    responses = [
        *all_responses(phone, everything(issued)).values(),
        *all_responses(stranger, everything(issued)).values(),
        phone.browser.get(opening),
        stranger.browser.get(opening),
        stranger.browser.post(opening),
    ]
    for response in responses:
        assert response.headers["X-Frame-Options"] == "DENY"
        assert "frame-ancestors 'none'" in response.headers["Content-Security-Policy"]
        assert response.headers["Cache-Control"] == "no-store"
        assert "noindex" in response.headers["X-Robots-Tag"]


@pytest.mark.parametrize("target", ["https://evil.example/", "//evil.example/", "javascript:alert(1)"])
def test_nothing_redirects_to_another_site(phone, issued, anna, target):
    link, token = issue_link(issued.client, anna, issued)
    opening = f"{reverse('client_page:open', args=[token])}?next={target}"
    phone.link = link
    data = everything(issued) | {"next": target}
    responses = [
        phone.browser.post(opening, {"next": target}, headers={"Referer": target}),
        phone.browser.get(opening),
        *(phone.post(name, data, headers={"Referer": target}, query_params={"next": target}) for name in POST_URLS),
    ]
    for response in responses:
        assert response.status_code < 500
        assert path_of(response) == response.url.partition("#")[0] if "Location" in response else True
        assert "evil" not in response.headers.get("Location", "")


@pytest.mark.parametrize("name", ['a"; filename=evil.exe; x="', "a\\b", "ЖЖ-1", "../../etc/passwd", "a;b"])
def test_name_of_the_file_adds_no_header(name):
    header = pdf_response(b"", name).headers["Content-Disposition"]
    assert header.startswith("inline; filename")
    assert header.replace('\\"', "").count('"') in (0, 2)


def test_comment_of_a_refusal_is_text_on_the_manager_s_page(phone, issued, as_anna):
    comment = "<script>alert(1)</script>\r\nИтого: подписан"
    phone.post("refusal", {"reason": "other", "comment": comment})
    for page in (
        reverse("contracts:contract", args=[issued.client_id]),
        reverse("contracts:card", args=[issued.client_id]),
    ):
        text = as_anna.get(page).text
        assert "<script>alert(1)" not in text
        assert "&lt;script&gt;alert(1)&lt;/script&gt; Итого: подписан" in text


def test_agreement_of_another_text_is_not_recorded(phone, issued):
    without_agreement(issued.client)
    data = phone.form("code") | {"agreed": "on", "consent": "on", "shown": "0" * 64}
    assert phone.post("code", data).status_code == 422
    assert not issued.client.agreements.filter(kind=AgreementKind.ELECTRONIC_SIGNATURE, withdrawn_at=None).exists()
    assert not SigningCode.objects.exists()
