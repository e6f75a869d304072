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
def password_only(anna) -> Browser:
    """A browser of Анна, who has an authenticator and has entered only her password."""
    authenticator_of(anna)
    return browser_for(anna, verified=False)


@pytest.fixture
def app(password_only) -> Authenticator:
    """The authenticator of the user of `password_only`."""
    return Authenticator.objects.get()


@pytest.fixture
def without_app(anna) -> Browser:
    """A browser of Анна, who has entered her password and has no authenticator yet."""
    return browser_for(anna, verified=False)


def is_in(browser: Browser) -> bool:
    return browser.get(PAGE).status_code == 200


def key_shown_on(page) -> bytes:
    key = re.search(r'class="key">([A-Z2-7 ]+)<', page.text)[1].replace(" ", "")
    return base64.b32decode(key)


def code_for(key: bytes) -> str:
    return f"{TOTP(key).token():06}"


def set_up(browser: Browser, meanwhile=lambda: None) -> list[str]:
    """Set up an authenticator; return the backup codes that the page shows."""
    key = key_shown_on(browser.get(APP))
    meanwhile()
    response = browser.post(APP, {"code": code_for(key)})
    return re.findall(r"<li>(\d{5} \d{5})</li>", response.text)


class TestCode:
    def test_code_is_required_on_every_page_after_the_password(self, password_only):
        for url in (PAGE, reverse("clients:list"), reverse("admin:index"), "/"):
            response = password_only.get(url)
            assert response.status_code == 302
            assert response.url.startswith(CODE)

    def test_right_code_redirects_to_the_requested_page(self, password_only, anna):
        redirect = password_only.get(f"{PAGE}?a=1")

        response = password_only.post(redirect.url, {"code": next_code(anna)})

        assert response.url == f"{PAGE}?a=1"
        assert is_in(password_only)

    def test_right_code_redirects_to_local_urls_only(self, password_only, anna):
        response = password_only.post(f"{CODE}?next=https://evil.example/", {"code": next_code(anna)})

        assert response.url == reverse("clients:list")

    def test_code_may_contain_spaces(self, password_only, anna):
        code = next_code(anna)

        password_only.post(CODE, {"code": f" {code[:3]} {code[3:]} "})

        assert is_in(password_only)

    def test_right_code_cycles_the_session_key(self, password_only, anna):
        before = password_only.session.session_key

        password_only.post(CODE, {"code": next_code(anna)})

        assert password_only.session.session_key != before
        assert not Session.objects.filter(pk=before).exists()

    @pytest.mark.parametrize("kind", ["app", "backup"])
    def test_wrong_code_is_rejected(self, password_only, app, kind):
        code = next(wrong_codes(app.bin_key)) if kind == "app" else "00000 00000"

        response = password_only.post(CODE, {"code": code})

        assert response.status_code == 422
        assert "Код не подошёл" in response.text
        assert not is_in(password_only)

    @pytest.mark.parametrize(
        "code", ["", "12345", "1234567", "abcdef", "１２３４５６", "12345\x00", "1" * 1_000_000, "²²²²²²"]
    )
    def test_malformed_code_shows_an_error(self, password_only, code):
        response = password_only.post(CODE, {"code": code})

        assert response.status_code == 422
        assert 'class="field-error"' in response.text

    def test_code_of_another_user_is_rejected(self, anna, boris):
        authenticator_of(anna)
        app = authenticator_of(boris)
        app.encrypted_key = second_factor.cipher.encrypt(b"another key of 20 by".hex())
        app.save()

        with time_machine.travel(1_800_000_000, tick=False):  # a time at which the two codes differ
            assert browser_for(anna, verified=False).post(CODE, {"code": next_code(boris)}).status_code == 422
            assert browser_for(boris, verified=False).post(CODE, {"code": next_code(boris)}).status_code == 302

    def test_code_works_once(self, password_only, anna):
        code = next_code(anna)
        assert password_only.post(CODE, {"code": code}).status_code == 302

        again = browser_for(anna, verified=False)

        assert again.post(CODE, {"code": code}).status_code == 422
        assert not is_in(again)

    def test_older_code_than_the_last_used_is_rejected(self, password_only, anna):
        app = authenticator_of(anna)
        with time_machine.travel(1_800_000_000, tick=False):
            earlier = code_for(app.bin_key)
        with time_machine.travel(1_800_000_030, tick=False):
            password_only = browser_for(anna, verified=False)
            assert password_only.post(CODE, {"code": code_for(app.bin_key)}).status_code == 302
            assert browser_for(anna, verified=False).post(CODE, {"code": earlier}).status_code == 422

    @pytest.mark.parametrize(("seconds", "status"), [(-60, 422), (-30, 302), (30, 302), (60, 422)])
    def test_clock_may_be_half_a_minute_off(self, anna, seconds, status):
        app = authenticator_of(anna)
        with time_machine.travel(1_800_000_000 + seconds, tick=False):
            code = code_for(app.bin_key)
        with time_machine.travel(1_800_000_000, tick=False):
            assert browser_for(anna, verified=False).post(CODE, {"code": code}).status_code == status

    def test_guesses_are_limited_to_five_and_then_slowed_down(self, password_only, app, anna):
        responses = [password_only.post(CODE, {"code": code}) for code in islice(wrong_codes(app.bin_key), 7)]

        assert [response.status_code for response in responses] == [422] * 5 + [429] * 2
        assert int(responses[-1].headers["Retry-After"]) > 0
        # The right code is not checked either.
        assert password_only.post(CODE, {"code": next_code(anna)}).status_code == 429
        assert not is_in(password_only)

    def test_guess_limit_is_shared_between_sessions(self, anna):
        codes = islice(wrong_codes(authenticator_of(anna).bin_key), 6)
        guesses = [browser_for(anna, verified=False).post(CODE, {"code": code}) for code in codes]

        assert [guess.status_code for guess in guesses] == [422] * 5 + [429]

    def test_guess_limit_is_not_used_up_without_the_password(self, signed_out, password_only, anna):
        for number in range(30):
            signed_out.post(CODE, {"code": f"{number:06}"})
            signed_out.post(reverse("managers:sign_in"), {"email": anna.email, "password": "wrong"})

        assert password_only.post(CODE, {"code": next_code(anna)}).status_code == 302

    def test_page_redirects_verified_users(self, as_anna):
        assert as_anna.get(CODE).url == reverse("clients:list")

    def test_code_is_required_at_every_sign_in(self, password_only, anna):
        password_only.post(CODE, {"code": next_code(anna)})
        password_only.post(reverse("managers:sign_out"))
        password_only.post(reverse("managers:sign_in"), {"email": anna.email, "password": PASSWORD})

        assert not is_in(password_only)

    def test_user_can_sign_out_instead(self, password_only):
        assert password_only.post(reverse("managers:sign_out")).url == reverse("managers:sign_in")
        assert "_auth_user_id" not in password_only.session

    def test_code_is_not_required_if_the_setting_is_off(self, password_only, settings):
        settings.SECOND_FACTOR = False

        assert is_in(password_only)
        assert password_only.get(CODE).url == reverse("clients:list")


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("kind", ["app", "backup"])
def test_code_submitted_twice_at_once_works_once(race, anna, kind):
    app = authenticator_of(anna)
    code = next_code(anna) if kind == "app" else second_factor._create_backup_codes(anna)[0]

    outcomes = race(*[lambda: second_factor._consume_code(anna, code)] * 2, at=TOTPDevice.objects.get(pk=app.pk))

    assert sorted(outcome is not None for outcome in outcomes) == [False, True]


class TestDialog:
    def test_opens_for_a_submitted_form(self, password_only):
        response = password_only.post(PAGE, headers=HTMX)

        assert response.status_code == 401
        assert response.headers["HX-Retarget"] == "#dialog"
        assert 'name="code"' in response.text
        assert "<html" not in response.text

    def test_shows_errors_in_the_dialog(self, password_only, app):
        responses = [
            password_only.post(CODE, {"code": code}, headers=HTMX) for code in islice(wrong_codes(app.bin_key), 6)
        ]

        assert [response.status_code for response in responses] == [422] * 5 + [429]
        assert all("data-sign-in" in response.text and "<html" not in response.text for response in responses)

    def test_links_to_the_setup_in_another_tab(self, without_app):
        response = without_app.post(PAGE, headers=HTMX)

        assert response.status_code == 401
        assert f'href="{APP}" target="_blank"' in response.text

    def test_get_request_redirects_instead(self, password_only):
        assert password_only.get(PAGE, headers=HTMX).headers["HX-Redirect"].startswith(CODE)

    def test_json_request_gets_a_json_error(self, password_only):
        response = password_only.post(PAGE, headers={"Accept": "application/json"})

        assert (response.status_code, list(response.json())) == (401, ["error"])


class TestSetup:
    def test_user_without_an_authenticator_is_redirected_to_setup(self, without_app):
        page = without_app.get(PAGE, follow=True)

        assert page.redirect_chain[-1][0].startswith(APP)
        assert "<svg" in page.text
        assert re.search(r'class="key">([A-Z2-7]{4} ){7}[A-Z2-7]{4}<', page.text)

    def test_page_has_no_inline_style_or_script(self, without_app):
        text = without_app.get(APP).text

        assert " style=" not in text
        assert "<style" not in text
        assert not re.search(r"<script(?![^>]* src=)", text)

    def test_right_code_saves_the_authenticator_and_shows_ten_backup_codes(self, without_app, anna):
        codes = set_up(without_app)

        assert len(set(codes)) == 10
        assert is_in(without_app)
        assert Authenticator.objects.get().user == anna
        assert [message.subject for message in mail.outbox] == ["Второй фактор в «Привет» настроен"]

    def test_links_to_the_requested_page(self, without_app):
        url = without_app.get(PAGE, follow=True).redirect_chain[-1][0]
        code = code_for(key_shown_on(without_app.get(url)))

        assert f'href="{PAGE}"' in without_app.post(url, {"code": code}).text

    def test_key_is_shown_until_it_is_confirmed(self, without_app):
        key = key_shown_on(without_app.get(APP))
        assert key_shown_on(without_app.get(APP)) == key

        without_app.post(APP, {"code": code_for(key)})

        assert without_app.get(APP, follow=True).redirect_chain[-1][0] == reverse("clients:list")
        assert Session.objects.get().get_decoded().get(second_factor.PENDING_KEY) is None

    def test_each_session_has_its_own_key(self, without_app, anna):
        assert key_shown_on(without_app.get(APP)) != key_shown_on(browser_for(anna, verified=False).get(APP))

    def test_wrong_code_saves_nothing(self, without_app):
        key = key_shown_on(without_app.get(APP))
        responses = [without_app.post(APP, {"code": code}) for code in islice(wrong_codes(key), 6)]

        assert [response.status_code for response in responses] == [422] * 5 + [429]
        assert "<svg" in responses[-1].text
        assert not TOTPDevice.objects.exists()
        assert not is_in(without_app)

    def test_existing_authenticator_is_not_replaced(self, password_only):
        before = Authenticator.objects.get().encrypted_key

        assert password_only.post(APP, {"code": "000000"}).url == CODE
        assert Authenticator.objects.get().encrypted_key == before

    def test_first_of_two_sessions_wins(self, without_app, anna):
        other = browser_for(anna, verified=False)
        code = code_for(key_shown_on(other.get(APP)))
        set_up(without_app)
        request = other.get(CODE).wsgi_request  # as if the request had started before the first session finished
        request.user.authenticator_id = None

        with pytest.raises(second_factor.AlreadySetUp):
            second_factor.set_up_authenticator(request, code)
        assert Authenticator.objects.count() == 1

    def test_key_is_stored_encrypted(self, without_app):
        key = key_shown_on(without_app.get(APP))
        session_data = Session.objects.get().get_decoded()
        set_up(without_app)

        app = Authenticator.objects.get()
        assert app.bin_key == key
        assert app.key == ""
        for stored in (repr(session_data), repr(TOTPDevice.objects.values()), repr(Authenticator.objects.values())):
            assert key.hex() not in stored

    def test_requires_a_sign_in(self, signed_out):
        assert signed_out.get(APP).url.startswith(reverse("managers:sign_in"))


@pytest.mark.django_db(transaction=True)
def test_concurrent_setups_create_one_authenticator(anna):
    barrier = Barrier(2, timeout=20)

    def set_up_one(_):
        try:
            browser = browser_for(anna, verified=False)
            return len(set_up(browser, barrier.wait))
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as pool:
        code_counts = list(pool.map(set_up_one, range(2)))

    assert sorted(code_counts) == [0, 10]
    assert Authenticator.objects.count() == 1
    assert StaticToken.objects.count() == 10


def test_session_verified_with_another_authenticator_is_not_verified(as_anna, anna):
    assert is_in(as_anna)
    Authenticator.objects.filter(user=anna).delete()
    assert not is_in(as_anna)
    authenticator_of(Manager.objects.get(pk=anna.pk))
    assert not is_in(as_anna)


def test_check_needs_no_extra_query(as_anna, settings, django_assert_num_queries):
    with django_assert_num_queries(1):  # loads the session with its user and authenticator
        as_anna.get(PAGE)
