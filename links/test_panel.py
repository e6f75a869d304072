"""The manager shows the link and sees, without reloading, what the client does."""

import html
import re
from datetime import timedelta

import pytest
import time_machine
from django.urls import reverse
from django.utils import timezone

from client_page.conftest import Phone, issue_link
from contracts.conftest import issued, sign  # noqa: F401  fixture
from contracts.models import MAX_ATTEMPTS_PER_CONTRACT, Contract
from links.models import Link
from managers.models import Session

pytestmark = pytest.mark.django_db
HTMX = {"HX-Request": "true", "HX-Target": "client-link"}
POLL = {"HX-Request": "true", "HX-Target": "link-status"}


def contract_url(client, name="contract") -> str:
    return reverse(f"contracts:{name}", args=[client.pk])


def shown_url(response) -> str:
    return html.unescape(re.search(r'id="link-url" readonly value="([^"]+)"', response.text)[1])


def status_url(text: str) -> str:
    return html.unescape(re.search(r'hx-get="([^"]*/links/[^"]+)"', text)[1])


@pytest.fixture
def link(issued, anna) -> Link:  # noqa: F811
    return issue_link(issued.client, anna, issued)[0]


@pytest.mark.parametrize("headers", [{}, HTMX])
def test_manager_shows_the_link(issued, as_anna, settings, headers):  # noqa: F811
    settings.APP_BASE_URL = "https://privet.example"
    response = as_anna.post(contract_url(issued.client, "link"), {"contract": issued.pk}, headers=headers)

    assert response.status_code == 200
    url = shown_url(response)
    assert url.startswith("https://privet.example/c/")
    assert "<svg" in response.text
    assert "sms:+7977" in response.text
    phone = Phone()
    assert phone.open(Link.objects.get(), url.split("/")[-2]).status_code == 302


def test_address_is_shown_once(issued, as_anna):  # noqa: F811
    url = shown_url(as_anna.post(contract_url(issued.client, "link"), {"contract": issued.pk}))
    assert url not in as_anna.get(contract_url(issued.client)).text


def test_link_of_a_replaced_contract_is_refused(issued, anna, as_anna, make):  # noqa: F811
    from contracts import issuing

    make.device(make.fresh(issued.client), anna, title="Утюг")
    issuing.issue(make.fresh(issued.client), by=anna)
    response = as_anna.post(contract_url(issued.client, "link"), {"contract": issued.pk})
    assert response.status_code == 409
    assert not Link.objects.exists()


def test_consent_has_a_link_at_step_2(make, anna, as_anna):
    client = make.verified(anna)
    response = as_anna.post(reverse("agreements:link", args=[client.pk]))
    link = Link.objects.get()
    assert (link.client, link.contract_id) == (client, None)
    Phone().open(link, shown_url(response).split("/")[-2])
    assert "Страница открыта" in as_anna.get(reverse("passport:passport", args=[client.pk])).text


def test_consent_that_is_given_needs_no_link(make, anna, as_anna):
    client = make.consented(anna)
    assert as_anna.post(reverse("agreements:link", args=[client.pk])).status_code == 302
    assert not Link.objects.exists()


def test_status_follows_the_client(issued, as_anna, anna):  # noqa: F811
    phone = Phone()
    phone.open(*issue_link(issued.client, anna, issued))
    seen, texts = status_url(as_anna.get(contract_url(issued.client)).text), []
    for act in (lambda: phone.post("reading"), phone.accept, lambda: phone.post("call")):
        assert as_anna.get(seen, headers=POLL).status_code == 204
        act()
        response = as_anna.get(seen, headers=POLL)
        assert response.status_code == 200
        texts.append(response.text)
        seen = status_url(response.text)
    assert "Дочитано до конца" in texts[0]
    assert re.search(r'class="done">Согласия даны', texts[1])
    assert re.search(r'class="done">Код отправлен', texts[1])
    assert "Клиент зовёт вас" in texts[2]

    phone.sign()
    response = as_anna.get(seen, headers=POLL)
    assert response.headers["HX-Redirect"] == contract_url(issued.client, "done")


def test_status_moves_on_when_the_contract_was_signed_in_the_other_way(issued, link, as_anna, anna):  # noqa: F811
    seen = status_url(as_anna.get(contract_url(issued.client)).text)
    sign(issued, anna)
    assert as_anna.get(seen, headers=POLL).headers["HX-Redirect"] == contract_url(issued.client, "done")


def test_status_moves_on_after_the_consent(make, anna, as_anna):
    client, phone = make.verified(anna), Phone()
    phone.open(*issue_link(client, anna))
    step = reverse("passport:passport", args=[client.pk])
    seen = status_url(as_anna.get(step).text)
    phone.post("consent", phone.form("consent") | {"agreed": "on"})
    assert as_anna.get(seen, headers=POLL).headers["HX-Redirect"] == step


def test_status_ends_with_a_replaced_or_expired_link(issued, link, as_anna, anna):  # noqa: F811
    url = reverse("links:status", args=[issued.client_id, link.pk])
    with time_machine.travel(timezone.now() + timedelta(minutes=31)):
        text = as_anna.get(url, headers=POLL).text
    assert "Ссылка больше не действует" in text
    assert "hx-get" not in text
    issue_link(issued.client, anna, issued)
    text = as_anna.get(url, headers=POLL).text
    assert "заменена новой" in text
    assert "hx-get" not in text


@pytest.mark.parametrize(
    ("minutes", "opened", "advice"),
    [
        (0, False, "наводит камеру"),
        (2, False, "ещё не открыта"),
        (0, True, "Клиент читает"),
        (6, True, "всё ли понятно"),
    ],
)
def test_manager_gets_advice_when_nothing_happens(issued, anna, as_anna, minutes, opened, advice):  # noqa: F811
    link, token = issue_link(issued.client, anna, issued)
    if opened:
        Phone().open(link, token)
    with time_machine.travel(timezone.now() + timedelta(minutes=minutes)):
        url = reverse("links:status", args=[issued.client_id, link.pk])
        assert advice in as_anna.get(url, headers=POLL).text


def test_status_that_the_page_requests_by_itself_does_not_keep_the_session_alive(issued, link, as_anna):  # noqa: F811
    url = reverse("links:status", args=[issued.client_id, link.pk])
    as_anna.get(contract_url(issued.client))
    ends_at = Session.objects.get().expire_date
    with time_machine.travel(timezone.now() + timedelta(minutes=5)):
        as_anna.get(url, headers=POLL)
        assert Session.objects.get().expire_date == ends_at
        as_anna.get(contract_url(issued.client))
        assert Session.objects.get().expire_date > ends_at


def test_status_takes_few_queries(issued, link, as_anna, django_assert_max_num_queries):  # noqa: F811
    url = status_url(as_anna.get(contract_url(issued.client)).text)
    with django_assert_max_num_queries(4):
        assert as_anna.get(url, headers=POLL).status_code == 204


def test_manager_reads_that_the_contract_is_locked(issued, link, as_anna):  # noqa: F811
    Contract.objects.filter(pk=issued.pk).update(failed_tries=MAX_ATTEMPTS_PER_CONTRACT)
    text = as_anna.get(reverse("links:status", args=[issued.client_id, link.pk]), headers=POLL).text
    assert "Слишком много неверных кодов" in text


def test_panel_says_that_the_code_is_shown_once(issued, link, as_anna):  # noqa: F811
    assert "QR-код показывается один раз" in as_anna.get(contract_url(issued.client)).text


def test_new_code_is_confirmed_if_the_client_is_reading(issued, anna, as_anna):  # noqa: F811
    """The browser asks; e2e/test_client_page.py. Only while the client can still use the page."""
    link, token = issue_link(issued.client, anna, issued)
    phone = Phone()
    phone.open(link, token)
    text = as_anna.get(contract_url(issued.client)).text
    assert "data-opened" in text
    assert "data-over" not in text
    phone.post("refusal", {"reason": "later"})
    assert "data-over" in as_anna.get(contract_url(issued.client)).text


@pytest.mark.parametrize(("allowed", "advised"), [(True, True), (False, False)])
def test_advice_names_the_other_way_only_if_it_is_allowed(issued, link, as_anna, settings, allowed, advised):  # noqa: F811
    settings.CODE_BY_MANAGER = allowed
    with time_machine.travel(timezone.now() + timedelta(minutes=2)):
        text = as_anna.get(reverse("links:status", args=[issued.client_id, link.pk]), headers=POLL).text
    assert ("введите код за клиента" in text) is advised


def test_status_without_scripts_is_the_page(issued, link, as_anna):  # noqa: F811
    response = as_anna.get(reverse("links:status", args=[issued.client_id, link.pk]))
    assert response.url == contract_url(issued.client)


def test_status_of_another_client_s_link_is_not_found(issued, link, make, anna, as_anna):  # noqa: F811
    other = make.verified(anna)
    assert as_anna.get(reverse("links:status", args=[other.pk, link.pk]), headers=POLL).status_code == 404
