import base64
import re
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from threading import Barrier

import pytest
import time_machine
from django.core import mail
from django.db import connection
from django.test import Client as Browser
from django.urls import reverse
from django_otp.oath import TOTP
from django_otp.plugins.otp_static.models import StaticToken
from django_otp.plugins.otp_totp.models import TOTPDevice

from conftest import PASSWORD, authenticator_of, browser_for, next_code, wrong_codes
from managers import second_factor
from managers.models import Authenticator, Manager, Session

pytestmark = pytest.mark.django_db

CODE = reverse("managers:second_factor")
APP = reverse("managers:authenticator")
BACKUP = reverse("managers:backup_codes")
PAGE = reverse("managers:password")
HTMX = {"HX-Request": "true", "HX-Current-URL": "http://testserver/password/"}


@pytest.fixture
def half(anna) -> Browser:
    """Анна, who has an app, after the password."""
    authenticator_of(anna)
    return browser_for(anna, verified=False)


@pytest.fixture
def app(half) -> Authenticator:
    """The one that `half` is asked for a code of."""
    return Authenticator.objects.get()


@pytest.fixture
def fresh(anna) -> Browser:
    """Анна, who has no app yet, after her first password."""
    return browser_for(anna, verified=False)


def is_in(browser: Browser) -> bool:
    return browser.get(PAGE).status_code == 200


def key_on(page) -> bytes:
    letters = re.search(r'class="key">([A-Z2-7 ]+)<', page.text)[1].replace(" ", "")
    return base64.b32decode(letters)


def code_for(key: bytes) -> str:
    return f"{TOTP(key).token():06}"


def set_up(browser: Browser, meanwhile=lambda: None) -> list[str]:
    """The backup codes that are shown."""
    key = key_on(browser.get(APP))
    meanwhile()
    answer = browser.post(APP, {"code": code_for(key)})
    return re.findall(r"<li>(\d{5} \d{5})</li>", answer.text)


class TestTheCode:
    def test_is_required_on_every_page_after_the_password(self, half):
        for address in (PAGE, reverse("clients:list"), reverse("admin:index"), "/"):
            answer = half.get(address)
            assert answer.status_code == 302
            assert answer.url.startswith(CODE)

    def test_lets_in_where_the_person_was_going(self, half, anna):
        asked = half.get(f"{PAGE}?a=1")

        answer = half.post(asked.url, {"code": next_code(anna)})

        assert answer.url == f"{PAGE}?a=1"
        assert is_in(half)

    def test_leads_to_our_own_pages_only(self, half, anna):
        answer = half.post(f"{CODE}?next=https://evil.example/", {"code": next_code(anna)})

        assert answer.url == reverse("clients:list")

    def test_may_be_typed_with_a_space(self, half, anna):
        code = next_code(anna)

        half.post(CODE, {"code": f" {code[:3]} {code[3:]} "})

        assert is_in(half)

    def test_brings_a_new_session_key(self, half, anna):
        before = half.session.session_key

        half.post(CODE, {"code": next_code(anna)})

        assert half.session.session_key != before
        assert not Session.objects.filter(pk=before).exists()

    @pytest.mark.parametrize("kind", ["app", "backup"])
    def test_that_is_wrong_lets_nobody_in(self, half, app, kind):
        code = next(wrong_codes(app.bin_key)) if kind == "app" else "00000 00000"

        answer = half.post(CODE, {"code": code})

        assert answer.status_code == 422
        assert "Код не подошёл" in answer.text
        assert not is_in(half)

    @pytest.mark.parametrize(
        "code", ["", "12345", "1234567", "abcdef", "１２３４５６", "12345\x00", "1" * 1_000_000, "²²²²²²"]
    )
    def test_malformed_code_shows_an_error(self, half, code):
        answer = half.post(CODE, {"code": code})

        assert answer.status_code == 422
        assert 'class="field-error"' in answer.text

    def test_of_another_person_is_wrong(self, anna, boris):
        authenticator_of(anna)
        app = authenticator_of(boris)
        app.encrypted_key = second_factor.cipher.encrypt(b"another key of 20 by".hex())
        app.save()

        with time_machine.travel(1_800_000_000, tick=False):  # when the codes of the two differ
            assert browser_for(anna, verified=False).post(CODE, {"code": next_code(boris)}).status_code == 422
            assert browser_for(boris, verified=False).post(CODE, {"code": next_code(boris)}).status_code == 302

    def test_is_good_once(self, half, anna):
        code = next_code(anna)
        assert half.post(CODE, {"code": code}).status_code == 302

        again = browser_for(anna, verified=False)

        assert again.post(CODE, {"code": code}).status_code == 422
        assert not is_in(again)

    def test_older_code_than_the_last_used_is_rejected(self, half, anna):
        app = authenticator_of(anna)
        with time_machine.travel(1_800_000_000, tick=False):
            earlier = code_for(app.bin_key)
        with time_machine.travel(1_800_000_030, tick=False):
            half = browser_for(anna, verified=False)
            assert half.post(CODE, {"code": code_for(app.bin_key)}).status_code == 302
            assert browser_for(anna, verified=False).post(CODE, {"code": earlier}).status_code == 422

    @pytest.mark.parametrize(("seconds", "status"), [(-60, 422), (-30, 302), (30, 302), (60, 422)])
    def test_may_come_from_a_clock_that_is_half_a_minute_off(self, anna, seconds, status):
        app = authenticator_of(anna)
        with time_machine.travel(1_800_000_000 + seconds, tick=False):
            code = code_for(app.bin_key)
        with time_machine.travel(1_800_000_000, tick=False):
            assert browser_for(anna, verified=False).post(CODE, {"code": code}).status_code == status

    def test_guesses_are_limited_to_five_and_then_slowed_down(self, half, app, anna):
        answers = [half.post(CODE, {"code": code}) for code in islice(wrong_codes(app.bin_key), 7)]

        assert [answer.status_code for answer in answers] == [422] * 5 + [429] * 2
        assert int(answers[-1].headers["Retry-After"]) > 0
        assert half.post(CODE, {"code": next_code(anna)}).status_code == 429  # the right one is not looked at either
        assert not is_in(half)

    def test_guess_limit_is_shared_between_sessions(self, anna):
        codes = islice(wrong_codes(authenticator_of(anna).bin_key), 6)
        guesses = [browser_for(anna, verified=False).post(CODE, {"code": code}) for code in codes]

        assert [guess.status_code for guess in guesses] == [422] * 5 + [429]

    def test_cannot_be_used_up_by_a_stranger_without_the_password(self, signed_out, half, anna):
        for number in range(30):
            signed_out.post(CODE, {"code": f"{number:06}"})
            signed_out.post(reverse("managers:sign_in"), {"email": anna.email, "password": "wrong"})

        assert half.post(CODE, {"code": next_code(anna)}).status_code == 302

    def test_is_not_asked_of_who_is_in(self, as_anna):
        assert as_anna.get(CODE).url == reverse("clients:list")

    def test_is_asked_again_at_the_next_sign_in(self, half, anna):
        half.post(CODE, {"code": next_code(anna)})
        half.post(reverse("managers:sign_out"))
        half.post(reverse("managers:sign_in"), {"email": anna.email, "password": PASSWORD})

        assert not is_in(half)

    def test_can_be_declined_by_signing_out(self, half):
        assert half.post(reverse("managers:sign_out")).url == reverse("managers:sign_in")
        assert "_auth_user_id" not in half.session

    def test_is_not_asked_where_a_setting_turns_it_off(self, half, settings):
        settings.SECOND_FACTOR = False

        assert is_in(half)
        assert half.get(CODE).url == reverse("clients:list")


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("kind", ["app", "backup"])
def test_a_code_sent_twice_at_once_is_used_once(race, anna, kind):
    app = authenticator_of(anna)
    code = next_code(anna) if kind == "app" else second_factor._create_backup_codes(anna)[0]

    outcomes = race(*[lambda: second_factor._consume_code(anna, code)] * 2, at=TOTPDevice.objects.get(pk=app.pk))

    assert sorted(outcome is not None for outcome in outcomes) == [False, True]


class TestTheDialog:
    def test_opens_over_a_page_whose_form_was_sent(self, half):
        answer = half.post(PAGE, headers=HTMX)

        assert answer.status_code == 401
        assert answer.headers["HX-Retarget"] == "#dialog"
        assert 'name="code"' in answer.text
        assert "<html" not in answer.text

    def test_says_in_itself_that_a_code_is_wrong(self, half, app):
        answers = [half.post(CODE, {"code": code}, headers=HTMX) for code in islice(wrong_codes(app.bin_key), 6)]

        assert [answer.status_code for answer in answers] == [422] * 5 + [429]
        assert all("data-sign-in" in answer.text and "<html" not in answer.text for answer in answers)

    def test_sends_who_has_no_app_to_another_tab(self, fresh):
        answer = fresh.post(PAGE, headers=HTMX)

        assert answer.status_code == 401
        assert f'href="{APP}" target="_blank"' in answer.text

    def test_is_for_forms_only(self, half):
        assert half.get(PAGE, headers=HTMX).headers["HX-Redirect"].startswith(CODE)

    def test_a_program_is_told_in_json(self, half):
        answer = half.post(PAGE, headers={"Accept": "application/json"})

        assert (answer.status_code, list(answer.json())) == (401, ["error"])


class TestSettingUp:
    def test_is_where_a_person_without_an_app_is_led(self, fresh):
        page = fresh.get(PAGE, follow=True)

        assert page.redirect_chain[-1][0].startswith(APP)
        assert "<svg" in page.text
        assert re.search(r'class="key">([A-Z2-7]{4} ){7}[A-Z2-7]{4}<', page.text)

    def test_needs_no_style_or_script_in_the_page(self, fresh):
        text = fresh.get(APP).text

        assert " style=" not in text
        assert "<style" not in text
        assert not re.search(r"<script(?![^>]* src=)", text)

    def test_ends_with_a_code_and_shows_ten_backup_codes(self, fresh, anna):
        codes = set_up(fresh)

        assert len(set(codes)) == 10
        assert is_in(fresh)
        assert Authenticator.objects.get().user == anna
        assert [letter.subject for letter in mail.outbox] == ["Второй фактор в «Привет» настроен"]

    def test_goes_on_where_the_person_was_going(self, fresh):
        address = fresh.get(PAGE, follow=True).redirect_chain[-1][0]
        code = code_for(key_on(fresh.get(address)))

        assert f'href="{PAGE}"' in fresh.post(address, {"code": code}).text

    def test_shows_the_key_again_until_it_is_confirmed_and_never_after(self, fresh):
        key = key_on(fresh.get(APP))
        assert key_on(fresh.get(APP)) == key

        fresh.post(APP, {"code": code_for(key)})

        assert fresh.get(APP, follow=True).redirect_chain[-1][0] == reverse("clients:list")
        assert Session.objects.get().get_decoded().get(second_factor.PENDING_KEY) is None

    def test_shows_each_session_a_key_of_its_own(self, fresh, anna):
        assert key_on(fresh.get(APP)) != key_on(browser_for(anna, verified=False).get(APP))

    def test_keeps_nothing_for_a_wrong_code(self, fresh):
        key = key_on(fresh.get(APP))
        answers = [fresh.post(APP, {"code": code}) for code in islice(wrong_codes(key), 6)]

        assert [answer.status_code for answer in answers] == [422] * 5 + [429]
        assert "<svg" in answers[-1].text
        assert not TOTPDevice.objects.exists()
        assert not is_in(fresh)

    def test_is_for_who_has_no_app(self, half):
        before = Authenticator.objects.get().encrypted_key

        assert half.post(APP, {"code": "000000"}).url == CODE
        assert Authenticator.objects.get().encrypted_key == before

    def test_of_two_sessions_the_first_counts(self, fresh, anna):
        other = browser_for(anna, verified=False)
        code = code_for(key_on(other.get(APP)))
        set_up(fresh)
        request = other.get(CODE).wsgi_request  # one that had asked before the other was done
        request.user.authenticator_id = None

        with pytest.raises(second_factor.AlreadySetUp):
            second_factor.set_up_authenticator(request, code)
        assert Authenticator.objects.count() == 1

    def test_keeps_the_key_encrypted(self, fresh):
        key = key_on(fresh.get(APP))
        waiting = Session.objects.get().get_decoded()
        set_up(fresh)

        app = Authenticator.objects.get()
        assert app.bin_key == key
        assert app.key == ""
        for kept in (repr(waiting), repr(TOTPDevice.objects.values()), repr(Authenticator.objects.values())):
            assert key.hex() not in kept

    def test_is_offered_to_nobody_signed_out(self, signed_out):
        assert signed_out.get(APP).url.startswith(reverse("managers:sign_in"))


@pytest.mark.django_db(transaction=True)
def test_two_apps_set_up_at_once_are_one(anna):
    both = Barrier(2, timeout=20)

    def set_one_up(_):
        try:
            browser = browser_for(anna, verified=False)
            return len(set_up(browser, both.wait))
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as pool:
        shown = list(pool.map(set_one_up, range(2)))

    assert sorted(shown) == [0, 10]
    assert Authenticator.objects.count() == 1
    assert StaticToken.objects.count() == 10


def test_a_session_shown_another_app_is_verified_no_more(as_anna, anna):
    assert is_in(as_anna)
    Authenticator.objects.filter(user=anna).delete()
    assert not is_in(as_anna)
    authenticator_of(Manager.objects.get(pk=anna.pk))
    assert not is_in(as_anna)


def test_asking_costs_no_query(as_anna, settings, django_assert_num_queries):
    with django_assert_num_queries(1):  # the session, with the person and their app
        as_anna.get(PAGE)
