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
def hashed_passwords(monkeypatch) -> list[str]:
    """Passwords that were hashed during the test."""
    hashed = []
    encode = hashers.MD5PasswordHasher.encode
    monkeypatch.setattr(
        hashers.MD5PasswordHasher,
        "encode",
        lambda hasher, password, salt: hashed.append(password) or encode(hasher, password, salt),
    )
    return hashed


def test_page_shows_the_greeting(signed_out):
    page = signed_out.get(SIGN_IN)

    assert page.status_code == 200
    assert "Привет, Мастер" in page.text
    assert "Забыли пароль?" in page.text


def test_sign_in_redirects_by_role(signed_out, anna, vera, gleb):
    for manager, first_page in ((anna, "clients:list"), (gleb, "clients:list"), (vera, "support:tickets")):
        response = sign_in(Browser(), email=manager.email)

        assert response.status_code == 302
        assert response.url == reverse(first_page)


def test_email_may_have_capitals_and_spaces(signed_out, anna):
    sign_in(signed_out, email=f" {ANNA.upper()} ")

    assert is_signed_in(signed_out)


def test_sign_in_cycles_the_session_key(signed_out, anna):
    session = signed_out.session
    session["something"] = "saved before sign-in"
    session.save()
    before = session.session_key

    sign_in(signed_out)

    assert signed_out.session.session_key != before


def test_signed_in_user_is_redirected_home(as_anna, as_vera):
    assert as_anna.get(SIGN_IN, follow=True).redirect_chain[-1][0] == reverse("clients:list")
    assert as_vera.get(SIGN_IN, follow=True).redirect_chain[-1][0] == reverse("support:tickets")


def test_admin_redirect_does_not_loop(as_anna):
    assert as_anna.get("/admin/", follow=True).redirect_chain[-1][0] == reverse("clients:list")


def test_home_redirects_by_role(as_anna, as_vera):
    assert as_anna.get("/").url == reverse("clients:list")
    assert as_vera.get("/").url == reverse("support:tickets")


def test_all_sign_in_failures_show_the_same_message(anna):
    Manager.objects.create_user("former@privet.example", PASSWORD, name="Бывший", is_active=False)

    attempts = ((ANNA, "wrong"), ("nobody@privet.example", PASSWORD), ("former@privet.example", PASSWORD))
    texts = set()
    for email, password in attempts:
        response = sign_in(Browser(), email=email, password=password)
        assert response.status_code == 422
        texts.add(without_token(response.text.replace(email, "-")))

    assert len(texts) == 1
    assert "Неверная почта или пароль" in texts.pop()


def without_token(text: str) -> str:
    start = text.index("csrfmiddlewaretoken")
    return text[:start] + text[text.index(">", start) :]


def test_known_and_unknown_logins_hash_one_password(anna, hashed_passwords):
    Manager.objects.create_user("former@privet.example", PASSWORD, name="Бывший", is_active=False)
    Manager.objects.create_user("invited@privet.example", None, name="Ещё без пароля")
    hashed_passwords.clear()

    counts = {}
    for email in (ANNA, "nobody@privet.example", "former@privet.example", "invited@privet.example"):
        before = len(hashed_passwords)
        assert sign_in(Browser(), email=email, password="a wrong one").status_code == 422
        counts[email] = len(hashed_passwords) - before

    assert set(counts.values()) == {1}


def test_password_guesses_are_limited(signed_out, anna, hashed_passwords, time_machine):
    time_machine.move_to(timezone.now(), tick=False)

    responses = [sign_in(signed_out, password=f"guess {number}") for number in range(200)]

    assert [response.status_code for response in responses] == [422] * 5 + [429] * 195
    assert len(hashed_passwords) == 5
    assert sign_in(signed_out).status_code == 429  # the right password is not checked either
    assert not is_signed_in(signed_out)


def test_guesses_from_one_network_address_are_limited(signed_out):
    responses = [sign_in(signed_out, email=f"guess{number}@privet.example") for number in range(22)]

    assert [response.status_code for response in responses] == [422] * 21 + [429]


def test_waiting_time_is_shown(signed_out, anna, time_machine):
    time_machine.move_to(timezone.now(), tick=False)
    for number in range(5):
        sign_in(signed_out, password=f"guess {number}")

    response = sign_in(signed_out)

    assert response.status_code == 429
    assert response.headers["Retry-After"] == "30"
    assert "Слишком много попыток. Попробуйте через 30 секунд." in response.text
    assert ANNA in response.text


def test_unknown_login_has_the_same_limit_as_a_known_one(signed_out, anna):
    for email in (ANNA, "nobody@privet.example"):
        statuses = [sign_in(signed_out, email=email, password="wrong").status_code for _ in range(6)]

        assert statuses == [422] * 5 + [429]


def test_sign_in_after_the_wait_resets_the_count(signed_out, anna):
    for number in range(6):
        sign_in(signed_out, password=f"guess {number}")
    Attempts.objects.update(wait_until=timezone.now() - timedelta(seconds=1))

    assert sign_in(signed_out).status_code == 302

    other = Browser()
    assert [sign_in(other, password="wrong").status_code for _ in range(6)] == [422] * 5 + [429]


def test_password_is_not_checked_when_counting_fails(signed_out, anna, hashed_passwords, monkeypatch):
    hashed_passwords.clear()
    monkeypatch.setattr(limits, "_lock_attempts", lambda keys: 1 / 0)

    with pytest.raises(ZeroDivisionError):
        sign_in(signed_out)

    assert hashed_passwords == []
    assert not is_signed_in(signed_out)


def test_inactive_user_cannot_sign_in(signed_out, anna):
    Manager.objects.filter(pk=anna.pk).update(is_active=False)

    assert sign_in(signed_out).status_code == 422
    assert not is_signed_in(signed_out)


def test_deactivated_user_loses_access_immediately(as_anna, anna):
    assert as_anna.get(reverse("managers:password")).status_code == 200
    Manager.objects.filter(pk=anna.pk).update(is_active=False)

    response = as_anna.get(reverse("managers:password"))

    assert response.status_code == 302
    assert response.url.startswith(SIGN_IN)


def test_passwords_are_hashed_with_argon2(settings, signed_out, anna):
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
def test_next_accepts_local_urls_only(signed_out, anna, elsewhere):
    response = signed_out.post(SIGN_IN, payload(), query_params={"next": elsewhere})

    assert response.url == reverse("clients:list")


def test_sign_in_redirects_to_the_requested_page(signed_out, anna):
    redirect = signed_out.get(reverse("managers:password"))

    response = signed_out.post(redirect.url, payload())

    assert response.url == reverse("managers:password")


def test_expired_session_is_reported_but_not_on_a_first_visit(as_anna, signed_out):
    first = signed_out.get(reverse("managers:password"), follow=True)
    as_anna.session.flush()
    ended = as_anna.get(reverse("managers:password"), follow=True)

    assert "Сеанс закончился" not in first.text
    assert "Сеанс закончился" in ended.text


@pytest.mark.parametrize(
    "invalid",
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
    ids=lambda invalid: f"{next(iter(invalid))} {next(iter(invalid.values()))[:5]!r}",
)
def test_invalid_input_shows_an_error(signed_out, anna, invalid):
    response = sign_in(signed_out, **invalid)

    assert response.status_code == 422
    assert 'class="field-error"' in response.text or "Неверная почта или пароль" in response.text
    assert not is_signed_in(signed_out)


def test_missing_fields_show_errors(signed_out):
    response = signed_out.post(SIGN_IN, {})

    assert response.status_code == 422
    assert "Введите электронную почту." in response.text
    assert "Введите пароль." in response.text


def test_failed_sign_in_keeps_the_email_but_not_the_password(signed_out, anna):
    response = sign_in(signed_out, password="typed by mistake")

    assert f'value="{ANNA}"' in response.text
    assert "typed by mistake" not in response.text


def test_sign_out_ends_the_session(as_anna):
    key = as_anna.session.session_key

    response = as_anna.post(reverse("managers:sign_out"))

    assert response.url == SIGN_IN
    assert not as_anna.session.exists(key)


def test_get_does_not_sign_out(as_anna):
    assert as_anna.get(reverse("managers:sign_out")).status_code == 405
    assert is_signed_in(as_anna)


def test_admin_login_post_redirects_to_our_sign_in(signed_out):
    response = signed_out.post("/admin/login/", {"username": ANNA, "password": PASSWORD})

    assert response.status_code in (301, 302)
    assert response.url.startswith(SIGN_IN)


class TestDialog:
    """HTMX submits a form after the session ended."""

    def test_opens_over_the_page_and_keeps_the_url(self, signed_out):
        response = signed_out.post(reverse("managers:password"), headers=HTMX)

        assert response.status_code == 401
        assert response.headers["HX-Retarget"] == "#dialog"
        assert response.headers["HX-Reswap"] == "innerHTML"
        assert response.headers["HX-Push-Url"] == "false"
        assert 'name="password"' in response.text
        assert "<html" not in response.text

    def test_signs_in_and_sends_the_new_csrf_token(self, anna):
        browser = Browser(enforce_csrf_checks=True)
        dialog = browser.post(reverse("managers:password"), headers=HTMX | {"X-CSRFToken": token_of(browser)})
        old = dialog.context["csrf_token"]

        authenticator_of(anna)
        second = sign_in(browser, headers=HTMX, csrfmiddlewaretoken=str(old))
        assert second.status_code == 200
        assert "Код из приложения" in second.text
        fields = {"code": next_code(anna), "csrfmiddlewaretoken": str(second.context["csrf_token"])}
        response = browser.post(reverse("managers:second_factor"), fields, headers=HTMX)

        assert response.status_code == 204
        assert response.content == b""
        assert is_signed_in(browser)
        new = json.loads(response.headers["HX-Trigger"])["signed-in"]["token"]
        for token, status in ((old, 403), (new, 422)):
            repeated = browser.post(reverse("managers:password"), {"csrfmiddlewaretoken": str(token)}, headers=HTMX)
            assert repeated.status_code == status

    def test_shows_errors_in_the_dialog(self, signed_out, anna):
        responses = [sign_in(signed_out, headers=HTMX, password="wrong") for _ in range(6)]

        assert [response.status_code for response in responses] == [422] * 5 + [429]
        for response in responses:
            assert "data-sign-in" in response.text
            assert "<html" not in response.text

    def test_get_request_redirects_the_whole_page(self, signed_out):
        response = signed_out.get(reverse("managers:password"), headers=HTMX)

        assert response.headers["HX-Redirect"].startswith(SIGN_IN)

    def test_request_without_htmx_redirects_to_sign_in(self, signed_out):
        response = signed_out.post(reverse("managers:password"))

        assert response.status_code == 302
        assert response.url.startswith(SIGN_IN)

    def test_page_with_an_old_csrf_token_gets_the_new_one(self, anna):
        browser = browser_for(anna, enforce_csrf_checks=True)

        response = browser.post(reverse("managers:password"), {"csrfmiddlewaretoken": "x" * 64}, headers=HTMX)

        assert response.status_code == 403
        assert response.headers["HX-Reswap"] == "none"
        new = json.loads(response.headers["HX-Trigger"])["signed-in"]["token"]
        again = browser.post(reverse("managers:password"), {"csrfmiddlewaretoken": new}, headers=HTMX)
        assert again.status_code == 422


def token_of(browser: Browser) -> str:
    return str(browser.get(SIGN_IN).context["csrf_token"])
