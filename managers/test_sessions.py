import uuid
from contextlib import contextmanager
from datetime import timedelta

import pgtrigger
import pytest
import time_machine
from django.test import Client as Browser
from django.test import RequestFactory
from django.urls import reverse
from django.utils import timezone

from conftest import PASSWORD, as_owner, browser_for
from foundation.database import prepared
from foundation.observability import request_log
from managers.backend import Backend
from managers.models import Manager, Role, Session
from managers.session_store import SessionStore
from managers.user_agent import describe_browser

pytestmark = pytest.mark.django_db

PAGE = reverse("managers:password")
SIGN_IN = reverse("managers:sign_in")
ANDROID = "Mozilla/5.0 (Linux; Android 15; Pixel 9) AppleWebKit/537.36 Chrome/140.0.0.0 Mobile Safari/537.36"


def is_in(browser: Browser) -> bool:
    return browser.get(PAGE).status_code == 200


@pytest.fixture
def clock():
    with time_machine.travel(timezone.now(), tick=False) as travel:
        yield travel


def advance(clock, **span) -> None:
    clock.shift(timedelta(**span))


class TestExpiry:
    @pytest.mark.parametrize(("who", "minutes"), [("anna", 60), ("vera", 60), ("gleb", 30)])
    def test_idle_session_expires(self, clock, request, who, minutes):
        browser = browser_for(request.getfixturevalue(who))

        advance(clock, minutes=minutes - 1)
        assert is_in(browser)
        advance(clock, minutes=minutes - 1)
        assert is_in(browser)
        advance(clock, minutes=minutes, seconds=1)
        assert not is_in(browser)

    def test_session_expires_after_twelve_hours(self, clock, as_anna):
        for _ in range(24):
            advance(clock, minutes=29, seconds=50)
            assert is_in(as_anna)
        advance(clock, minutes=5)

        assert not is_in(as_anna)

    @pytest.mark.parametrize(
        "change",
        [{"password": "md5$x$y"}, {"role": Role.SUPPORT}, {"role": Role.ADMIN}, {"is_active": False}],
        ids=lambda change: next(iter(change)),
    )
    def test_session_ends_when_role_password_or_active_changes(self, as_anna, anna, boris, change):
        elsewhere, another = browser_for(anna), browser_for(boris)

        Manager.objects.filter(pk=anna.pk).update(**change)

        assert not Session.objects.filter(manager=anna).exists()
        assert not is_in(as_anna)
        assert not is_in(elsewhere)
        assert is_in(another)

    @pytest.mark.parametrize("change", [{"password": "md5$x$y"}, {"role": Role.SUPPORT}, {"is_active": False}])
    def test_session_started_during_the_change_ends_too(self, anna, change):
        before = Manager.objects.get(pk=anna.pk)
        Manager.objects.filter(pk=anna.pk).update(**change)

        assert not is_in(browser_for(before))

    def test_renaming_does_not_end_sessions(self, as_anna, anna):
        anna.name = "Анна Петрова"
        anna.save()

        assert is_in(as_anna)


def test_sign_in_cycles_the_session_key_and_deletes_the_old_session(signed_out, anna):
    session = signed_out.session
    session["something"] = 1
    session.save()
    old = session.session_key

    signed_out.post(SIGN_IN, {"email": anna.email, "password": PASSWORD})

    assert signed_out.session.session_key != old
    assert not Session.objects.filter(pk=old).exists()


def test_session_records_user_ip_browser_and_times(clock, signed_out, anna):
    advance(clock, hours=1)
    signed_out.post(SIGN_IN, {"email": anna.email, "password": PASSWORD}, headers={"User-Agent": ANDROID})

    session = Session.objects.get()
    assert (session.manager, session.ip, session.user_agent) == (anna, "127.0.0.1", ANDROID)
    assert session.started_at == session.seen_at == timezone.now()


def test_new_key_keeps_the_session_data(as_anna, anna):
    before = Session.objects.get()
    store = SessionStore(before.pk)
    store["search"] = 1
    store.cycle_key()
    store.save()

    after = Session.objects.get()
    assert after.pk != before.pk
    assert (after.manager, after.started_at, after.expire_date) == (anna, before.started_at, before.expire_date)
    assert after.get_decoded()["search"] == 1


def test_pages_write_the_session_at_most_once_a_minute(clock, as_anna, django_assert_num_queries):
    for second in (0, 59):
        advance(clock, seconds=second)
        with django_assert_num_queries(1):  # loads the session with its user
            as_anna.get(PAGE)
    advance(clock, seconds=1)
    with django_assert_num_queries(2):
        as_anna.get(PAGE)
    assert Session.objects.get().seen_at == timezone.now()


@contextmanager
def current_request(browser: Browser):
    """Context of a current request of `browser` whose session is loaded."""
    request = RequestFactory().get("/")
    request.session = SessionStore(browser.cookies["sessionid"].value)
    request.session.load()
    token = request_log.current.set(request)
    try:
        yield
    finally:
        request_log.current.reset(token)


class TestSessionManager:
    def test_equals_the_user_loaded_by_a_query(self, as_anna, anna, django_assert_num_queries):
        with current_request(as_anna), django_assert_num_queries(0):
            loaded = Backend().get_user(anna.pk)
            authenticator_id = loaded.authenticator_id

        anna = Manager.objects.get(pk=anna.pk)
        assert {name: loaded.__dict__[name] for name in prepared.column_names(Manager)} == {
            name: anna.__dict__[name] for name in prepared.column_names(Manager)
        }
        assert authenticator_id == anna.authenticator_id is not None

    def test_other_ids_are_loaded_by_a_query(self, as_anna, boris):
        with current_request(as_anna):
            assert Backend().get_user(boris.pk) == boris
            assert Backend().get_user(uuid.uuid4()) is None

    def test_inactive_user_is_not_authenticated(self, as_anna, anna):
        with as_owner(), pgtrigger.ignore("managers.Manager:end_sessions"):
            Manager.objects.filter(pk=anna.pk).update(is_active=False)
        with current_request(as_anna):
            assert Backend().get_user(anna.pk) is None
        assert not is_in(as_anna)


def test_session_data_is_not_sent_to_the_browser(as_anna):
    as_anna.post(reverse("clients:search"), {"text": "Неповторимова"})

    assert "Неповторимова" in str(Session.objects.get().get_decoded())
    assert all("Неповторимова" not in str(cookie) for cookie in as_anna.cookies.values())


def test_expired_sessions_are_deleted_at_sign_in(clock, as_anna, boris):
    advance(clock, hours=2)

    browser_for(boris)

    assert [session.manager for session in Session.objects.all()] == [boris]


class TestPage:
    LIST = reverse("managers:sessions")

    @pytest.fixture
    def elsewhere(self, anna) -> Browser:
        browser = browser_for(anna)
        Session.objects.update(user_agent=ANDROID, ip="203.0.113.9")
        return browser

    def test_lists_the_users_sessions_and_marks_the_current_one(self, elsewhere, as_anna, as_boris):
        page = as_anna.get(self.LIST)

        assert [session.is_this for session in page.context["sessions"]] == [True, False]
        assert "Chrome, Android" in page.text
        assert "Адрес 203.0.113.9" in page.text
        assert page.text.count("этот</span>") == 1

    def test_does_not_show_session_keys(self, elsewhere, as_anna):
        text = as_anna.get(self.LIST).text

        assert not any(session.session_key in text for session in Session.objects.all())

    def test_expired_sessions_are_not_listed(self, clock, anna):
        browser_for(anna)
        advance(clock, hours=2)
        browser = browser_for(anna)
        Session.objects.exclude(pk=browser.session.session_key).update(expire_date=timezone.now())

        assert len(browser.get(self.LIST).context["sessions"]) == 1

    def test_ends_all_other_sessions(self, elsewhere, as_anna, as_boris):
        as_anna.post(reverse("managers:others_removal"))

        assert is_in(as_anna)
        assert not is_in(elsewhere)
        assert is_in(as_boris)

    def test_ends_a_single_session(self, elsewhere, as_anna, anna):
        third = browser_for(anna)
        session = Session.objects.get(pk=elsewhere.session.session_key)

        as_anna.post(reverse("managers:session_removal", args=[session.public_id]))

        assert [is_in(browser) for browser in (as_anna, elsewhere, third)] == [True, False, True]

    def test_cannot_end_another_persons_session(self, as_anna, as_boris, boris):
        session = Session.objects.get(manager=boris)

        response = as_anna.post(reverse("managers:session_removal", args=[session.public_id]))

        assert response.status_code == 404
        assert is_in(as_boris)

    def test_number_of_queries_is_constant(self, as_anna, anna, django_assert_max_num_queries):
        for _ in range(5):
            browser_for(anna)
        with django_assert_max_num_queries(4):
            as_anna.get(self.LIST)


@pytest.mark.parametrize(
    ("user_agent", "name"),
    [
        (ANDROID, "Chrome, Android"),
        (
            "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 Version/18.5 Safari/604.1",
            "Safari, iPhone",
        ),
        (
            "Mozilla/5.0 (Windows NT 10.0; Win64; x64) Chrome/138.0 YaBrowser/25.8 Safari/537.36",
            "Яндекс Браузер, Windows",
        ),
        ("Mozilla/5.0 (Windows NT 10.0) Chrome/140.0 Safari/537.36 Edg/140.0", "Edge, Windows"),
        ("Mozilla/5.0 (X11; Linux x86_64; rv:143.0) Gecko/20100101 Firefox/143.0", "Firefox, Linux"),
        ("Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) Version/18.5 Safari/605.1.15", "Safari, macOS"),
        ("curl/8.14", "Неизвестное устройство"),
        ("", "Неизвестное устройство"),
    ],
)
def test_browser_name(user_agent, name):
    assert describe_browser(user_agent) == name
