import json
from datetime import timedelta

import pytest
from django.contrib.auth import hashers
from django.test import Client as Browser
from django.urls import reverse
from django.utils import timezone

from conftest import PASSWORD, authenticator_of, browser_for, next_code
from managers import limits
from managers.models import Attempts, Manager

pytestmark = pytest.mark.django_db

SIGN_IN = reverse("managers:sign_in")
ANNA = "anna@privet.example"
HTMX = {"HX-Request": "true", "HX-Current-URL": "http://testserver/clients/"}


def payload(**overrides) -> dict:
    return {"email": ANNA, "password": PASSWORD} | overrides


def sign_in(browser: Browser, headers: dict | None = None, **fields):
    return browser.post(SIGN_IN, payload(**fields), headers=headers)


def is_signed_in(browser: Browser) -> bool:
    return "_auth_user_id" in browser.session


@pytest.fixture
def hashings(monkeypatch) -> list[str]:
    """The passwords that were hashed since the test began."""
    hashed = []
    encode = hashers.MD5PasswordHasher.encode
    monkeypatch.setattr(
        hashers.MD5PasswordHasher,
        "encode",
        lambda hasher, password, salt: hashed.append(password) or encode(hasher, password, salt),
    )
    return hashed


def test_the_page_greets_the_master(signed_out):
    page = signed_out.get(SIGN_IN)

    assert page.status_code == 200
    assert "Привет, Мастер" in page.text
    assert "Забыли пароль?" in page.text


def test_a_manager_comes_to_the_list_and_a_support_person_to_the_tickets(signed_out, anna, vera, gleb):
    for manager, first_page in ((anna, "clients:list"), (gleb, "clients:list"), (vera, "support:tickets")):
        response = sign_in(Browser(), email=manager.email)

        assert response.status_code == 302
        assert response.url == reverse(first_page)


def test_a_login_may_be_typed_in_capitals_and_with_spaces(signed_out, anna):
    sign_in(signed_out, email=f" {ANNA.upper()} ")

    assert is_signed_in(signed_out)


def test_the_session_key_is_new_after_signing_in(signed_out, anna):
    session = signed_out.session
    session["something"] = "kept before signing in"
    session.save()
    before = session.session_key

    sign_in(signed_out)

    assert signed_out.session.session_key != before


def test_who_is_signed_in_is_sent_on(as_anna, as_vera):
    assert as_anna.get(SIGN_IN, follow=True).redirect_chain[-1][0] == reverse("clients:list")
    assert as_vera.get(SIGN_IN, follow=True).redirect_chain[-1][0] == reverse("support:tickets")


def test_admin_redirect_does_not_loop(as_anna):
    assert as_anna.get("/admin/", follow=True).redirect_chain[-1][0] == reverse("clients:list")


def test_home_redirects_by_role(as_anna, as_vera):
    assert as_anna.get("/").url == reverse("clients:list")
    assert as_vera.get("/").url == reverse("support:tickets")


def test_all_sign_in_failures_show_the_same_message(anna):
    Manager.objects.create_user("former@privet.example", PASSWORD, name="Бывший", is_active=False)

    tries = ((ANNA, "wrong"), ("nobody@privet.example", PASSWORD), ("former@privet.example", PASSWORD))
    texts = set()
    for email, password in tries:
        answer = sign_in(Browser(), email=email, password=password)
        assert answer.status_code == 422
        texts.add(without_token(answer.text.replace(email, "-")))

    assert len(texts) == 1
    assert "Неверная почта или пароль" in texts.pop()


def without_token(text: str) -> str:
    start = text.index("csrfmiddlewaretoken")
    return text[:start] + text[text.index(">", start) :]


def test_fault_unknown_logins_answer_ten_times_faster_than_known_ones(anna, hashings):
    Manager.objects.create_user("former@privet.example", PASSWORD, name="Бывший", is_active=False)
    Manager.objects.create_user("invited@privet.example", None, name="Ещё без пароля")
    hashings.clear()

    counts = {}
    for email in (ANNA, "nobody@privet.example", "former@privet.example", "invited@privet.example"):
        before = len(hashings)
        assert sign_in(Browser(), email=email, password="a wrong one").status_code == 422
        counts[email] = len(hashings) - before

    assert set(counts.values()) == {1}


def test_fault_unlimited_password_guesses(signed_out, anna, hashings, time_machine):
    time_machine.move_to(timezone.now(), tick=False)

    answers = [sign_in(signed_out, password=f"guess {number}") for number in range(200)]

    assert [answer.status_code for answer in answers] == [422] * 5 + [429] * 195
    assert len(hashings) == 5
    assert sign_in(signed_out).status_code == 429  # the right one is not looked at either
    assert not is_signed_in(signed_out)


def test_one_address_guessing_many_accounts_is_slowed_down(signed_out):
    answers = [sign_in(signed_out, email=f"guess{number}@privet.example") for number in range(22)]

    assert [answer.status_code for answer in answers] == [422] * 21 + [429]


def test_waiting_time_is_shown(signed_out, anna, time_machine):
    time_machine.move_to(timezone.now(), tick=False)
    for number in range(5):
        sign_in(signed_out, password=f"guess {number}")

    answer = sign_in(signed_out)

    assert answer.status_code == 429
    assert answer.headers["Retry-After"] == "30"
    assert "Слишком много попыток. Попробуйте через 30 секунд." in answer.text
    assert ANNA in answer.text


def test_an_unknown_login_is_told_to_wait_as_a_known_one_is(signed_out, anna):
    for email in (ANNA, "nobody@privet.example"):
        statuses = [sign_in(signed_out, email=email, password="wrong").status_code for _ in range(6)]

        assert statuses == [422] * 5 + [429]


def test_after_the_wait_the_right_password_signs_in_and_clears_the_count(signed_out, anna):
    for number in range(6):
        sign_in(signed_out, password=f"guess {number}")
    Attempts.objects.update(wait_until=timezone.now() - timedelta(seconds=1))

    assert sign_in(signed_out).status_code == 302

    other = Browser()
    assert [sign_in(other, password="wrong").status_code for _ in range(6)] == [422] * 5 + [429]


def test_password_is_not_checked_when_counting_fails(signed_out, anna, hashings, monkeypatch):
    hashings.clear()
    monkeypatch.setattr(limits, "_lock_attempts", lambda keys: 1 / 0)

    with pytest.raises(ZeroDivisionError):
        sign_in(signed_out)

    assert hashings == []
    assert not is_signed_in(signed_out)


def test_a_former_colleague_cannot_sign_in(signed_out, anna):
    Manager.objects.filter(pk=anna.pk).update(is_active=False)

    assert sign_in(signed_out).status_code == 422
    assert not is_signed_in(signed_out)


def test_who_leaves_loses_access_at_once(as_anna, anna):
    assert as_anna.get(reverse("managers:password")).status_code == 200
    Manager.objects.filter(pk=anna.pk).update(is_active=False)

    answer = as_anna.get(reverse("managers:password"))

    assert answer.status_code == 302
    assert answer.url.startswith(SIGN_IN)


def test_passwords_are_kept_with_argon2(settings, signed_out, anna):
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.Argon2PasswordHasher"]
    anna.set_password(PASSWORD)
    anna.save()

    assert anna.password.startswith("argon2$argon2id$")
    assert sign_in(signed_out, password="wrong").status_code == 422
    assert sign_in(signed_out).status_code == 302


@pytest.mark.parametrize(
    "elsewhere",
    [
        "https://evil.example/",
        "//evil.example/",
        "/\\evil.example",
        "javascript:alert(1)",
        "https:///evil.example",
        "",
        "home",
        "clients:list",
        "nothing",
    ],
)
def test_next_leads_to_our_own_pages_only(signed_out, anna, elsewhere):
    response = signed_out.post(SIGN_IN, payload(), query_params={"next": elsewhere})

    assert response.url == reverse("clients:list")


def test_next_leads_back_to_the_page_that_asked_for_a_sign_in(signed_out, anna):
    asked = signed_out.get(reverse("managers:password"))

    response = signed_out.post(asked.url, payload())

    assert response.url == reverse("managers:password")


def test_a_session_that_ended_is_named_and_a_first_visit_is_not(as_anna, signed_out):
    first = signed_out.get(reverse("managers:password"), follow=True)
    as_anna.session.flush()
    ended = as_anna.get(reverse("managers:password"), follow=True)

    assert "Сеанс закончился" not in first.text
    assert "Сеанс закончился" in ended.text


@pytest.mark.parametrize(
    "bad",
    [
        {"email": "anna\x00@privet.example"},
        {"password": "nul\x00nul"},
        {"email": "a" * 1_000_000 + "@privet.example"},
        {"password": "a" * 1_000_000},
        {"email": "🙂@🙂.example"},
        {"email": "🙂"},
        {"password": "🙂🙂🙂"},
        {"email": ""},
        {"password": ""},
    ],
    ids=lambda bad: f"{next(iter(bad))} {next(iter(bad.values()))[:5]!r}",
)
def test_bad_input_is_refused_in_words(signed_out, anna, bad):
    answer = sign_in(signed_out, **bad)

    assert answer.status_code == 422
    assert 'class="field-error"' in answer.text or "Неверная почта или пароль" in answer.text
    assert not is_signed_in(signed_out)


def test_missing_fields_are_refused_in_words(signed_out):
    answer = signed_out.post(SIGN_IN, {})

    assert answer.status_code == 422
    assert "Введите электронную почту." in answer.text
    assert "Введите пароль." in answer.text


def test_a_login_that_was_typed_stays_and_a_password_does_not(signed_out, anna):
    answer = sign_in(signed_out, password="typed by mistake")

    assert f'value="{ANNA}"' in answer.text
    assert "typed by mistake" not in answer.text


def test_signing_out_ends_the_session(as_anna):
    key = as_anna.session.session_key

    answer = as_anna.post(reverse("managers:sign_out"))

    assert answer.url == SIGN_IN
    assert not as_anna.session.exists(key)


def test_get_does_not_sign_out(as_anna):
    assert as_anna.get(reverse("managers:sign_out")).status_code == 405
    assert is_signed_in(as_anna)


def test_the_admin_site_has_no_sign_in_of_its_own(signed_out):
    answer = signed_out.post("/admin/login/", {"username": ANNA, "password": PASSWORD})

    assert answer.status_code in (301, 302)
    assert answer.url.startswith(SIGN_IN)


class TestTheDialog:
    """A form is sent by HTMX after the session ended."""

    def test_opens_over_the_page_and_leaves_its_address(self, signed_out):
        answer = signed_out.post(reverse("managers:password"), headers=HTMX)

        assert answer.status_code == 401
        assert answer.headers["HX-Retarget"] == "#dialog"
        assert answer.headers["HX-Reswap"] == "innerHTML"
        assert answer.headers["HX-Push-Url"] == "false"
        assert 'name="password"' in answer.text
        assert "<html" not in answer.text

    def test_signs_in_and_hands_out_the_new_token_with_no_page(self, anna):
        browser = Browser(enforce_csrf_checks=True)
        dialog = browser.post(reverse("managers:password"), headers=HTMX | {"X-CSRFToken": token_of(browser)})
        old = dialog.context["csrf_token"]

        authenticator_of(anna)
        second = sign_in(browser, headers=HTMX, csrfmiddlewaretoken=str(old))
        assert second.status_code == 200
        assert "Код из приложения" in second.text
        fields = {"code": next_code(anna), "csrfmiddlewaretoken": str(second.context["csrf_token"])}
        answer = browser.post(reverse("managers:second_factor"), fields, headers=HTMX)

        assert answer.status_code == 204
        assert answer.content == b""
        assert is_signed_in(browser)
        new = json.loads(answer.headers["HX-Trigger"])["signed-in"]["token"]
        for token, status in ((old, 403), (new, 422)):
            sent_again = browser.post(reverse("managers:password"), {"csrfmiddlewaretoken": str(token)}, headers=HTMX)
            assert sent_again.status_code == status

    def test_shows_what_was_wrong_in_itself(self, signed_out, anna):
        answers = [sign_in(signed_out, headers=HTMX, password="wrong") for _ in range(6)]

        assert [answer.status_code for answer in answers] == [422] * 5 + [429]
        for answer in answers:
            assert "data-sign-in" in answer.text
            assert "<html" not in answer.text

    def test_a_link_moves_the_whole_page_instead(self, signed_out):
        answer = signed_out.get(reverse("managers:password"), headers=HTMX)

        assert answer.headers["HX-Redirect"].startswith(SIGN_IN)

    def test_without_htmx_the_page_of_sign_in_comes(self, signed_out):
        answer = signed_out.post(reverse("managers:password"))

        assert answer.status_code == 302
        assert answer.url.startswith(SIGN_IN)

    def test_a_page_older_than_a_sign_in_in_another_tab_gets_the_new_token(self, anna):
        browser = browser_for(anna, enforce_csrf_checks=True)

        answer = browser.post(reverse("managers:password"), {"csrfmiddlewaretoken": "x" * 64}, headers=HTMX)

        assert answer.status_code == 403
        assert answer.headers["HX-Reswap"] == "none"
        new = json.loads(answer.headers["HX-Trigger"])["signed-in"]["token"]
        again = browser.post(reverse("managers:password"), {"csrfmiddlewaretoken": new}, headers=HTMX)
        assert again.status_code == 422


def token_of(browser: Browser) -> str:
    return str(browser.get(SIGN_IN).context["csrf_token"])
