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
NEW = "four words nobody guesses"
ANNA = "anna@privet.example"


def link_of(letter) -> str:
    base = re.escape(django_settings.APP_BASE_URL)
    return re.search(rf"{base}(/\S+)", letter.body)[1]


def open_link(browser: Browser):
    """Ask for a letter and follow its link to the form."""
    browser.post(RESET, {"email": ANNA})
    return browser.get(link_of(mail.outbox[-1]), follow=True)


def new_password(browser: Browser, first=NEW, second=None):
    form = open_link(browser).request["PATH_INFO"]
    return browser.post(form, {"new_password1": first, "new_password2": first if second is None else second})


def can_sign_in(password: str) -> bool:
    answer = Browser().post(reverse("managers:sign_in"), {"email": ANNA, "password": password})
    return answer.status_code == 302


class TestForgotten:
    def test_a_letter_brings_a_link_that_sets_a_new_password(self, signed_out, anna):
        done = new_password(signed_out)

        assert done.url == reverse("managers:password_done")
        assert "Пароль изменён" in signed_out.get(done.url).text
        assert can_sign_in(NEW)
        assert not can_sign_in(PASSWORD)

    def test_the_letter_is_in_russian_and_addressed_by_name(self, signed_out, anna):
        signed_out.post(RESET, {"email": ANNA.upper()})

        (letter,) = mail.outbox
        assert letter.to == [ANNA]
        assert letter.subject == "Новый пароль в «Привет»"
        assert "Здравствуйте, Анна Смирнова!" in letter.body
        assert "60 минут" in letter.body

    def test_a_forged_host_does_not_get_into_the_letter(self, signed_out, anna, settings):
        settings.ALLOWED_HOSTS = ["*"]

        signed_out.post(RESET, {"email": ANNA}, headers={"Host": "evil.example"})

        assert "evil.example" not in mail.outbox[0].body

    def test_known_and_unknown_addresses_are_answered_alike(self, anna):
        Manager.objects.create_user("former@privet.example", PASSWORD, name="Бывший", is_active=False)

        for email in (ANNA, "nobody@privet.example", "former@privet.example"):
            answer = Browser().post(RESET, {"email": email})
            assert (answer.status_code, answer.url) == (302, SENT)

        assert [letter.to for letter in mail.outbox] == [[ANNA]]

    def test_who_has_no_password_yet_sets_one_by_letter(self, signed_out):
        Manager.objects.create_user(ANNA, None, name="Анна Смирнова")

        new_password(signed_out)

        assert can_sign_in(NEW)

    def test_reset_emails_per_account_are_limited(self, anna):
        answers = [Browser().post(RESET, {"email": ANNA}) for _ in range(20)]

        assert [answer.status_code for answer in answers] == [302] * 4 + [429] * 16
        assert "Попробуйте через" in answers[-1].text
        assert int(answers[-1].headers["Retry-After"]) > 0
        assert len(mail.outbox) == 4

    def test_unknown_addresses_are_slowed_down_as_known_ones_are(self):
        answers = [Browser().post(RESET, {"email": "nobody@privet.example"}) for _ in range(6)]

        assert [answer.status_code for answer in answers] == [302] * 4 + [429] * 2

    def test_one_address_asking_for_many_is_slowed_down(self):
        answers = [Browser().post(RESET, {"email": f"guess{number}@privet.example"}) for number in range(12)]

        assert [answer.status_code for answer in answers] == [302] * 11 + [429]

    @pytest.mark.parametrize("email", [ANNA, "nobody@privet.example"])
    def test_a_mail_server_that_is_down_is_named(self, signed_out, anna, settings, email):
        with socket.socket() as nobody_listens:
            nobody_listens.bind(("127.0.0.1", 0))
            settings.MAILERS = smtp_at(nobody_listens.getsockname()[1])
            answer = signed_out.post(RESET, {"email": email})

        assert answer.status_code == 503
        assert "Почта сейчас не отправляется" in answer.text
        assert email in answer.text

    def test_mail_failure_does_not_reveal_accounts(self, signed_out, anna, monkeypatch):
        def refuse(self, messages):
            raise ConnectionResetError

        monkeypatch.setattr(EmailBackend, "send_messages", refuse)

        assert signed_out.post(RESET, {"email": ANNA}).url == SENT

    def test_without_smtp_settings_letters_are_printed(self):
        from privet import settings as ours  # the test runner puts a mailer of its own in django's

        assert ours.SMTP_HOST == ""
        assert ours.MAILERS["default"]["BACKEND"].endswith("console.EmailBackend")

    def test_the_token_does_not_stay_in_the_address(self, signed_out, anna):
        form = open_link(signed_out)

        assert form.status_code == 200
        assert form.request["PATH_INFO"].endswith("/set-password/")

    def test_a_link_works_once(self, signed_out, anna):
        new_password(signed_out)

        again = Browser().get(link_of(mail.outbox[-1]), follow=True)

        assert again.status_code == 410
        assert "Ссылка устарела" in again.text

    @pytest.mark.parametrize("path", ["MQ/abc-def/", "%F0%9F%99%82/x/", "MQ/set-password/"])
    def test_a_link_that_never_was_one_says_so(self, signed_out, path):
        answer = signed_out.post(f"{RESET}{path}", {"new_password1": NEW, "new_password2": NEW})

        assert answer.status_code == 410
        assert "Ссылка устарела" in answer.text

    @pytest.mark.parametrize(
        ("first", "second"),
        [("short", "short"), (NEW, "another one"), (ANNA, ANNA), ("password1234", "password1234"), ("", ""),
         ("a" * 1_000_000, "a" * 1_000_000), ("nul\x00nul nul nul", "nul\x00nul nul nul")],
    )  # fmt: skip
    def test_a_bad_password_is_refused_in_words(self, signed_out, anna, first, second):
        answer = new_password(signed_out, first, second)

        assert answer.status_code == 422
        assert 'class="field-error"' in answer.text
        assert can_sign_in(PASSWORD)

    @pytest.mark.parametrize("email", ["", "nul\x00@privet.example", "🙂", "a" * 1_000_000 + "@privet.example"])
    def test_a_bad_address_is_refused_in_words(self, signed_out, email):
        answer = signed_out.post(RESET, {"email": email})

        assert answer.status_code == 422
        assert 'class="field-error"' in answer.text

    def test_reset_link_clears_the_sign_in_limit(self, signed_out, anna):
        for _ in range(6):
            can_sign_in("a guess")
        assert not can_sign_in(PASSWORD)

        new_password(signed_out)

        assert can_sign_in(NEW)

    def test_a_letter_opens_the_second_factor_that_somebody_with_the_old_password_has_been_guessing_at(
        self, signed_out, anna
    ):
        for _ in range(5):
            limits.start_attempt(limits.SECOND_FACTOR, login=anna.email, ip="198.51.100.1")

        new_password(signed_out)

        limits.start_attempt(limits.SECOND_FACTOR, login=anna.email, ip="203.0.113.1")


class TestChange:
    def change(self, browser, **fields):
        return browser.post(CHANGE, {"old_password": PASSWORD, "new_password1": NEW, "new_password2": NEW} | fields)

    def test_the_password_is_new_and_other_devices_are_signed_out(self, as_anna, anna):
        elsewhere = browser_for(anna)
        assert elsewhere.get(CHANGE).status_code == 200

        answer = self.change(as_anna)

        assert answer.status_code == 302
        assert can_sign_in(NEW)
        assert as_anna.get(CHANGE).status_code == 200
        assert elsewhere.get(CHANGE).status_code == 302

    def test_the_old_password_is_asked_for(self, as_anna, anna):
        answer = self.change(as_anna, old_password="wrong")

        assert answer.status_code == 422
        assert "Пароль неверный" in answer.text
        assert can_sign_in(PASSWORD)

    def test_guesses_of_the_old_password_are_limited(self, as_anna, anna):
        answers = [self.change(as_anna, old_password=f"guess {number}") for number in range(7)]

        assert [answer.status_code for answer in answers] == [422] * 5 + [429] * 2
        assert "Попробуйте через" in answers[-1].text

    def test_a_weak_new_password_is_refused(self, as_anna):
        assert self.change(as_anna, new_password1="short", new_password2="short").status_code == 422


def smtp_at(port: int) -> dict:
    options = {"host": "127.0.0.1", "port": port, "timeout": 2}
    return {"default": {"BACKEND": "django.core.mail.backends.smtp.EmailBackend", "OPTIONS": options}}


class TestPasswordPolicy:
    """NIST SP 800-63B: length counts, composition does not; every character is welcome."""

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
    def test_anything_of_twelve_or_more_characters_is_good(self, signed_out, anna, password):
        assert new_password(signed_out, password).url == reverse("managers:password_done")
        assert can_sign_in(password)
        assert not can_sign_in(password[:-1])

    @pytest.mark.parametrize(
        "password",
        ["одиннадцать", "qwerty123456", "123456789123", "anna@privet.ex"],
        ids=["short", "common", "digits", "own"],
    )
    def test_what_is_short_common_or_ones_own_name_is_not(self, signed_out, anna, password):
        assert new_password(signed_out, password).status_code == 422

    @pytest.mark.parametrize(
        ("password", "again", "said"),
        [
            ("одиннадцать", "одиннадцать", "не меньше 12 знаков"),
            ("qwerty123456", "qwerty123456", "Такой пароль подбирают первым"),
            ("anna@privet.ex", "anna@privet.ex", "похож на ваше имя или почту"),
            (NEW, "another one", "Пароли не совпадают"),
        ],
        ids=["short", "common", "own", "apart"],
    )
    def test_is_said_in_words(self, signed_out, anna, password, again, said):
        assert said in new_password(signed_out, password, again).text

    def test_is_the_same_however_a_keyboard_composes_its_letters(self, signed_out, anna):
        apart, whole = (unicodedata.normalize(form, "ёлка и йод в её доме") for form in ("NFD", "NFC"))
        assert apart != whole

        new_password(signed_out, apart)

        assert can_sign_in(whole)
        assert can_sign_in(apart)

    def test_is_kept_with_argon2_at_no_less_than_owasp_asks(self, settings, anna):
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

    def test_of_a_forgotten_password_is_an_hour(self, signed_out, anna):
        signed_out.post(RESET, {"email": ANNA})

        assert (self.opens(0.99), self.opens(1.01)) == (True, False)

    def test_of_an_invitation_is_a_day(self, anna):
        send_invitation(ANNA)

        assert "24 часа" in mail.outbox[0].body
        assert (self.opens(23.9), self.opens(24.1)) == (True, False)

    def test_tokens_are_not_interchangeable(self, anna):
        assert not RESET_LINK.check_token(anna, INVITATION.make_token(anna))
        assert not INVITATION.check_token(anna, RESET_LINK.make_token(anna))
