import re
import socket
import time
import unicodedata

import pytest
import time_machine
from django.conf import settings as django_settings
from django.core import mail
from django.core.mail.backends.locmem import EmailBackend
from django.test import Client as Browser
from django.urls import reverse

from conftest import PASSWORD, browser_for
from managers import limits
from managers.models import Manager
from managers.password_links import INVITATION
from managers.password_links import RESET as RESET_LINK
from managers.password_mail import send_invitation
from privet import settings as settings_of_privet

pytestmark = pytest.mark.django_db

RESET = reverse("managers:password_reset")
SENT = reverse("managers:password_reset_sent")
CHANGE = reverse("managers:password")
NEW = "four words that differ"
ANNA = "anna@privet.example"


def link_of(message) -> str:
    base = re.escape(django_settings.APP_BASE_URL)
    return re.search(rf"{base}(/\S+)", message.body)[1]


def open_link(browser: Browser):
    """Request an e-mail and follow its link to the form."""
    browser.post(RESET, {"email": ANNA})
    return browser.get(link_of(mail.outbox[-1]), follow=True)


def set_new_password(browser: Browser, first=NEW, second=None):
    form = open_link(browser).request["PATH_INFO"]
    return browser.post(form, {"new_password1": first, "new_password2": first if second is None else second})


def can_sign_in(password: str) -> bool:
    response = Browser().post(reverse("managers:sign_in"), {"email": ANNA, "password": password})
    return response.status_code == 302


class TestPasswordReset:
    def test_emailed_link_sets_a_new_password(self, signed_out, anna):
        done = set_new_password(signed_out)

        assert done.url == reverse("managers:password_done")
        assert "Пароль изменён" in signed_out.get(done.url).text
        assert can_sign_in(NEW)
        assert not can_sign_in(PASSWORD)

    def test_email_is_in_russian_and_addresses_the_user_by_name(self, signed_out, anna):
        signed_out.post(RESET, {"email": ANNA.upper()})

        (message,) = mail.outbox
        assert message.to == [ANNA]
        assert message.subject == "Новый пароль в «Привет»"
        assert "Здравствуйте, Анна Смирнова!" in message.body
        assert "60 минут" in message.body

    def test_forged_host_does_not_appear_in_the_email(self, signed_out, anna, settings):
        settings.ALLOWED_HOSTS = ["*"]

        signed_out.post(RESET, {"email": ANNA}, headers={"Host": "evil.example"})

        assert "evil.example" not in mail.outbox[0].body

    def test_known_and_unknown_emails_get_the_same_response(self, anna):
        Manager.objects.create_user("former@privet.example", PASSWORD, name="Бывший", is_active=False)

        for email in (ANNA, "nobody@privet.example", "former@privet.example"):
            response = Browser().post(RESET, {"email": email})
            assert (response.status_code, response.url) == (302, SENT)

        assert [message.to for message in mail.outbox] == [[ANNA]]

    def test_invited_user_can_use_the_reset_link(self, signed_out):
        Manager.objects.create_user(ANNA, None, name="Анна Смирнова")

        set_new_password(signed_out)

        assert can_sign_in(NEW)

    def test_reset_emails_per_account_are_limited(self, anna):
        responses = [Browser().post(RESET, {"email": ANNA}) for _ in range(20)]

        assert [response.status_code for response in responses] == [302] * 4 + [429] * 16
        assert "Попробуйте через" in responses[-1].text
        assert int(responses[-1].headers["Retry-After"]) > 0
        assert len(mail.outbox) == 4

    def test_unknown_emails_are_limited_like_known_ones(self):
        responses = [Browser().post(RESET, {"email": "nobody@privet.example"}) for _ in range(6)]

        assert [response.status_code for response in responses] == [302] * 4 + [429] * 2

    def test_requests_from_one_network_address_are_limited(self):
        responses = [Browser().post(RESET, {"email": f"guess{number}@privet.example"}) for number in range(12)]

        assert [response.status_code for response in responses] == [302] * 11 + [429]

    @pytest.mark.parametrize("email", [ANNA, "nobody@privet.example"])
    def test_mail_outage_is_reported(self, signed_out, anna, settings, email):
        with socket.socket() as unused:
            unused.bind(("127.0.0.1", 0))
            settings.MAILERS = smtp_at(unused.getsockname()[1])
            response = signed_out.post(RESET, {"email": email})

        assert response.status_code == 503
        assert "Почта сейчас не отправляется" in response.text
        assert email in response.text

    def test_mail_failure_does_not_reveal_accounts(self, signed_out, anna, monkeypatch):
        def fail(self, messages):
            raise ConnectionResetError

        monkeypatch.setattr(EmailBackend, "send_messages", fail)

        assert signed_out.post(RESET, {"email": ANNA}).url == SENT

    def test_emails_are_printed_without_smtp_settings(self):
        from privet import settings as ours  # the test runner replaces the mailer in django.conf.settings

        assert ours.SMTP_HOST == ""
        assert ours.MAILERS["default"]["BACKEND"].endswith("console.EmailBackend")

    def test_token_is_removed_from_the_url(self, signed_out, anna):
        form = open_link(signed_out)

        assert form.status_code == 200
        assert form.request["PATH_INFO"].endswith("/set-password/")

    def test_link_works_once(self, signed_out, anna):
        set_new_password(signed_out)

        again = Browser().get(link_of(mail.outbox[-1]), follow=True)

        assert again.status_code == 410
        assert "Ссылка устарела" in again.text

    @pytest.mark.parametrize("path", ["MQ/abc-def/", "%F0%9F%99%82/x/", "MQ/set-password/"])
    def test_invalid_link_shows_an_error(self, signed_out, path):
        response = signed_out.post(f"{RESET}{path}", {"new_password1": NEW, "new_password2": NEW})

        assert response.status_code == 410
        assert "Ссылка устарела" in response.text

    @pytest.mark.parametrize(
        ("first", "second"),
        [("short", "short"), (NEW, "another one"), (ANNA, ANNA), ("password1234", "password1234"), ("", ""),
         ("a" * 1_000_000, "a" * 1_000_000), ("nul\x00nul nul nul", "nul\x00nul nul nul")],
    )  # fmt: skip
    def test_invalid_password_shows_an_error(self, signed_out, anna, first, second):
        response = set_new_password(signed_out, first, second)

        assert response.status_code == 422
        assert 'class="field-error"' in response.text
        assert can_sign_in(PASSWORD)

    @pytest.mark.parametrize("email", ["", "nul\x00@privet.example", "🙂", "a" * 1_000_000 + "@privet.example"])
    def test_invalid_email_shows_an_error(self, signed_out, email):
        response = signed_out.post(RESET, {"email": email})

        assert response.status_code == 422
        assert 'class="field-error"' in response.text

    def test_reset_link_clears_the_sign_in_limit(self, signed_out, anna):
        for _ in range(6):
            can_sign_in("a guess")
        assert not can_sign_in(PASSWORD)

        set_new_password(signed_out)

        assert can_sign_in(NEW)

    def test_reset_link_clears_the_second_factor_limit(self, signed_out, anna):
        for _ in range(5):
            limits.start_attempt(limits.SECOND_FACTOR, login=anna.email, ip="198.51.100.1")

        set_new_password(signed_out)

        limits.start_attempt(limits.SECOND_FACTOR, login=anna.email, ip="203.0.113.1")


class TestChange:
    def change(self, browser, **fields):
        return browser.post(CHANGE, {"old_password": PASSWORD, "new_password1": NEW, "new_password2": NEW} | fields)

    def test_change_signs_other_browsers_out(self, as_anna, anna):
        elsewhere = browser_for(anna)
        assert elsewhere.get(CHANGE).status_code == 200

        response = self.change(as_anna)

        assert response.status_code == 302
        assert can_sign_in(NEW)
        assert as_anna.get(CHANGE).status_code == 200
        assert elsewhere.get(CHANGE).status_code == 302

    def test_wrong_old_password_shows_an_error(self, as_anna, anna):
        response = self.change(as_anna, old_password="wrong")

        assert response.status_code == 422
        assert "Пароль неверный" in response.text
        assert can_sign_in(PASSWORD)

    def test_guesses_of_the_old_password_are_limited(self, as_anna, anna):
        responses = [self.change(as_anna, old_password=f"guess {number}") for number in range(7)]

        assert [response.status_code for response in responses] == [422] * 5 + [429] * 2
        assert "Попробуйте через" in responses[-1].text

    def test_weak_new_password_is_rejected(self, as_anna):
        assert self.change(as_anna, new_password1="short", new_password2="short").status_code == 422


def smtp_at(port: int) -> dict:
    options = {"host": "127.0.0.1", "port": port, "timeout": 2}
    return {"default": {"BACKEND": "django.core.mail.backends.smtp.EmailBackend", "OPTIONS": options}}


class TestPasswordPolicy:
    """NIST SP 800-63B: passwords need a minimum length, no composition rules, and may contain any characters."""

    @pytest.mark.parametrize(
        "password",
        [
            "ещёдвенадцат",
            "только буквы и пробелы",
            "ёжик 🦔 в тумане 🌫️",
            "密码密码密码密码密码密码",
            "a1" * 32,
            "чъ" * 500,
        ],
        ids=["12", "letters", "emoji", "chinese", "64", "1000"],
    )
    def test_twelve_or_more_characters_are_accepted(self, signed_out, anna, password):
        assert set_new_password(signed_out, password).url == reverse("managers:password_done")
        assert can_sign_in(password)
        assert not can_sign_in(password[:-1])

    @pytest.mark.parametrize(
        "password",
        ["одиннадцать", "qwerty123456", "123456789123", "anna@privet.ex"],
        ids=["short", "common", "digits", "own"],
    )
    def test_short_common_or_similar_password_is_rejected(self, signed_out, anna, password):
        assert set_new_password(signed_out, password).status_code == 422

    @pytest.mark.parametrize(
        ("password", "again", "message"),
        [
            ("одиннадцать", "одиннадцать", "не меньше 12 знаков"),
            ("qwerty123456", "qwerty123456", "Такой пароль подбирают первым"),
            ("anna@privet.ex", "anna@privet.ex", "похож на ваше имя или почту"),
            (NEW, "another one", "Пароли не совпадают"),
        ],
        ids=["short", "common", "own", "different"],
    )
    def test_rejection_shows_the_reason(self, signed_out, anna, password, again, message):
        assert message in set_new_password(signed_out, password, again).text

    def test_password_is_unicode_normalised(self, signed_out, anna):
        decomposed, composed = (unicodedata.normalize(form, "ёлка и йод в её доме") for form in ("NFD", "NFC"))
        assert decomposed != composed

        set_new_password(signed_out, decomposed)

        assert can_sign_in(composed)
        assert can_sign_in(decomposed)

    def test_argon2_parameters_meet_the_owasp_minimum(self, settings, anna):
        settings.PASSWORD_HASHERS = settings_of_privet.PASSWORD_HASHERS
        anna.set_password(NEW)

        memory, passes, lanes = map(
            int, re.search(r"^argon2\$argon2id\$v=19\$m=(\d+),t=(\d+),p=(\d+)", anna.password).groups()
        )
        assert (memory >= 19 * 1024, passes >= 2, lanes >= 1) == (True, True, True)


class TestLinkLifetime:
    def opens(self, hours: float) -> bool:
        with time_machine.travel(time.time() + hours * 3600):
            return Browser().get(link_of(mail.outbox[-1]), follow=True).status_code == 200

    def test_reset_link_is_valid_for_an_hour(self, signed_out, anna):
        signed_out.post(RESET, {"email": ANNA})

        assert (self.opens(0.99), self.opens(1.01)) == (True, False)

    def test_invitation_link_is_valid_for_a_day(self, anna):
        send_invitation(ANNA)

        assert "24 часа" in mail.outbox[0].body
        assert (self.opens(23.9), self.opens(24.1)) == (True, False)

    def test_tokens_are_not_interchangeable(self, anna):
        assert not RESET_LINK.check_token(anna, INVITATION.make_token(anna))
        assert not INVITATION.check_token(anna, RESET_LINK.make_token(anna))
