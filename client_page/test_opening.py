"""A link works in the browser that opened it first, for half an hour, until it is replaced."""

import hashlib
from datetime import timedelta

import pytest
import time_machine
from django.urls import reverse
from django.utils import timezone

from client_page.access import cookie_name
from client_page.conftest import Phone, issue_link, path_of
from foundation.observability.log_format import JsonFormatter, RedactingFormatter
from links.models import LIFETIME, Link
from managers import limits

pytestmark = pytest.mark.django_db


def opening_url(token: str) -> str:
    return reverse("client_page:open", args=[token])


def test_first_page_shows_nothing_about_the_client_and_binds_nothing(issued, anna, signed_out):
    link, token = issue_link(issued.client, anna, issued)

    for method in (signed_out.get, signed_out.head):
        response = method(opening_url(token))
        assert response.status_code == 200
        assert cookie_name() not in response.cookies
    text = signed_out.get(opening_url(token)).text
    person = issued.snapshot.contents.person
    for secret in (person.last_name, person.phone, person.passport_number, issued.number):
        assert secret not in text
    assert "Анна Смирнова" in text
    assert "Продолжить" in text
    assert Link.objects.get().opened_at is None


def test_opening_binds_the_link_to_the_browser(issued, anna):
    phone = Phone()
    link, token = issue_link(issued.client, anna, issued)
    response = phone.open(link, token)

    assert path_of(response) == phone.url("page")
    assert issued.number in phone.get().text
    link.refresh_from_db()
    assert (link.ip, link.user_agent) == ("203.0.113.5", "Android")
    cookie = response.cookies[cookie_name()]
    assert (cookie["httponly"], cookie["samesite"]) == (True, "Lax")
    assert link.browser_hash == hashlib.sha256(cookie.value.encode()).hexdigest()


def test_scanning_again_in_the_same_browser_opens_the_page(issued, anna):
    phone = Phone()
    link, token = issue_link(issued.client, anna, issued)
    phone.open(link, token)
    assert path_of(phone.browser.get(opening_url(token))) == phone.url("page")
    assert path_of(phone.open(link, token)) == phone.url("page")


def test_stolen_link_opens_in_no_second_browser(phone, issued, anna):
    link, token = issue_link(issued.client, anna, issued)
    phone.open(link, token)
    thief = Phone("198.51.100.66")
    thief.link = link

    for response in (thief.browser.get(opening_url(token)), thief.open(link, token)):
        assert response.status_code == 403
        assert "на другом устройстве" in response.text
        assert issued.number not in response.text
    assert thief.get().status_code == 404
    # Neither does a browser with a link of its own.
    thief.open(*issue_link(issued.client, anna, issued))
    thief.link = link
    assert thief.get().status_code == 404


def test_only_the_hash_of_the_token_is_stored(issued, anna):
    link, token = issue_link(issued.client, anna, issued)
    stored = " ".join(map(str, Link.objects.filter(pk=link.pk).values().get().values()))
    assert token not in stored
    assert hashlib.sha256(token.encode()).hexdigest() in stored
    assert len(token) * 6 >= 128


def test_new_link_stops_the_old_one(phone, issued, anna):
    old = phone.link
    link, token = issue_link(issued.client, anna, issued)

    response = phone.get()
    assert response.status_code == 404
    assert "Попросите менеджера показать новый QR-код" in response.text
    phone.open(link, token)
    assert phone.get().status_code == 200
    assert Link.objects.get(pk=old.pk).replaced_at


def test_link_ends_after_half_an_hour(issued, anna):
    link, token = issue_link(issued.client, anna, issued)
    with time_machine.travel(timezone.now() + LIFETIME, tick=False):
        assert Phone().open(link, token).status_code == 404

    with time_machine.travel(timezone.now() + LIFETIME - timedelta(seconds=1), tick=False):
        phone = Phone()
        phone.open(link, token)
    with time_machine.travel(link.created_at + LIFETIME * 2 - timedelta(seconds=5), tick=False):
        assert phone.get().status_code == 200
    with time_machine.travel(link.created_at + LIFETIME * 2, tick=False):
        for response in (phone.get(), phone.sign("123456"), phone.get("pdf"), phone.post("call")):
            assert response.status_code == 404


@pytest.mark.parametrize("token", ["x", "a" * 32, "-" * 5000])
def test_unknown_token_is_refused(db, signed_out, token):
    for response in (signed_out.get(opening_url(token)), signed_out.post(opening_url(token))):
        assert response.status_code == 404
        assert "Ссылка не действует" in response.text


def test_guessing_is_limited_per_address_and_in_total_but_never_limits_a_link_in_force(issued, anna, monkeypatch):
    monkeypatch.setattr(limits, "ALL_UNKNOWN_LINKS", limits.RateLimit("all", 40, per=timedelta(hours=1)))
    link, token = issue_link(issued.client, anna, issued)
    guesser, other = Phone("198.51.100.1"), Phone("198.51.100.2")

    responses = [guesser.browser.get(opening_url(f"guess-{number}")) for number in range(31)]
    assert [response.status_code for response in responses] == [404] * 30 + [429]
    assert responses[-1].headers["Referrer-Policy"] == "no-referrer"
    assert "Слишком часто" in responses[-1].text
    statuses = [other.browser.get(opening_url(f"guess-{number}")).status_code for number in range(11)]
    assert statuses == [404] * 10 + [429]
    assert guesser.open(link, token).status_code == 302


def test_link_of_an_erased_or_reassigned_client_ends(phone, issued, boris, gleb):
    issued.client.reassign(to=boris, by=gleb)
    assert phone.get().status_code == 404
    assert phone.sign("123456").status_code == 404


def test_link_of_a_deactivated_manager_ends(phone, anna):
    anna.is_active = False
    anna.save()
    assert phone.get().status_code == 404


def test_browser_of_a_manager_does_not_open_the_page(issued, anna, as_anna):
    link, token = issue_link(issued.client, anna, issued)
    for response in (as_anna.get(opening_url(token)), as_anna.post(opening_url(token))):
        assert response.status_code == 403
        assert "Эту страницу открывает клиент" in response.text
    link.refresh_from_db()
    assert link.opened_at is None


def test_pages_are_neither_cached_nor_listed_nor_framed_and_send_no_token(phone, issued, anna, signed_out):
    link, token = issue_link(issued.client, anna, issued)
    first = signed_out.get(opening_url(token))
    assert first.headers["Referrer-Policy"] == "no-referrer"
    phone.open(link, token)
    for response in (first, phone.get(), signed_out.get(opening_url("unknown")), phone.get("pdf")):
        assert response.headers["Cache-Control"] == "no-store"
        assert "noindex" in response.headers["X-Robots-Tag"]
        assert response.headers["X-Frame-Options"] == "DENY"
        assert "frame-ancestors 'none'" in response.headers["Content-Security-Policy"]
    # The token is in no address but the first one.
    assert token not in phone.get().text
    assert phone.get().headers["Referrer-Policy"] == "same-origin"


def test_log_has_no_token(issued, anna, signed_out, caplog):
    _, token = issue_link(issued.client, anna, issued)
    with caplog.at_level("INFO"):
        signed_out.get(opening_url(token))
        signed_out.get(opening_url(token + "x"))
    lines = [
        formatter.format(record) for record in caplog.records for formatter in (JsonFormatter(), RedactingFormatter())
    ]
    assert any("client_page:open" in line for line in lines)
    assert not any(token in line for line in lines)


def test_forms_of_the_page_need_the_csrf_token(phone, issued, anna):
    link, token = issue_link(issued.client, anna, issued)
    phone.open(link, token)
    strict = Phone()
    strict.browser = type(phone.browser)(enforce_csrf_checks=True)
    strict.browser.cookies, strict.link = phone.browser.cookies, link
    for name in ("code", "signature", "refusal", "call", "passport", "reading"):
        assert strict.post(name).status_code == 403, name
