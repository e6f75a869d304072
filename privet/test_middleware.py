from datetime import timedelta

import pytest
from django.contrib.auth.decorators import login_not_required
from django.http import HttpResponse
from django.test import RequestFactory
from django.urls import path

from conftest import browser_for
from foundation.storage.object_storage import ObjectNotFound, StorageUnavailable
from managers.client_ip import client_ip
from managers.limits import TooManyTries
from privet.urls import urlpatterns as real


def outage(request):
    raise StorageUnavailable("photos/1")


def missing(request):
    raise ObjectNotFound("photos/1")


def too_often(request):
    raise TooManyTries(timedelta(seconds=90))


def broken(request):
    raise RuntimeError("something else")


@login_not_required
def cached(request):
    return HttpResponse("the same for all", headers={"Cache-Control": "public, max-age=60"})


urlpatterns = [
    path("test/private/", lambda request: HttpResponse(f"for {request.user.name}")),
    path("test/outage/", outage),
    path("test/missing/", missing),
    path("test/too-often/", too_often),
    path("test/broken/", broken),
    path("test/cached/", cached),
    *real,
]

pytestmark = pytest.mark.urls(__name__)


def ip(forwarded: str | None, peer: str = "10.0.0.1") -> str:
    headers = {} if forwarded is None else {"X-Forwarded-For": forwarded}
    return client_ip(RequestFactory(headers=headers, REMOTE_ADDR=peer).get("/"))


def test_without_trusted_proxies_a_forwarded_address_is_ignored(settings):
    settings.TRUSTED_PROXIES = 0
    assert ip("203.0.113.9") == "10.0.0.1"


def test_the_address_is_what_the_nearest_proxy_saw_whatever_the_client_wrote_before_it(settings):
    settings.TRUSTED_PROXIES = 1
    assert ip("198.51.100.1") == "198.51.100.1"
    assert ip("203.0.113.9, 198.51.100.1") == "198.51.100.1"
    assert ip("203.0.113.9,  2001:db8::1") == "2001:db8::1"


def test_with_two_proxies_the_second_address_from_the_right_counts(settings):
    settings.TRUSTED_PROXIES = 2
    assert ip("203.0.113.9, 198.51.100.1, 10.0.0.2") == "198.51.100.1"


def test_a_request_past_the_proxies_counts_as_its_peer(settings):
    settings.TRUSTED_PROXIES = 2
    assert ip(None) == "10.0.0.1"
    assert ip("203.0.113.9") == "10.0.0.1"


def test_an_address_that_is_none_reads_as_empty(settings):
    settings.TRUSTED_PROXIES = 1
    assert ip("unknown") == ""


@pytest.mark.parametrize("address", ["/?search=%00", "/clients/%00/", "/test/private/?next=a%00b"])
def test_a_nul_byte_in_the_address_is_refused(as_anna, address):
    answer = as_anna.get(address)
    assert answer.status_code == 400
    assert "недопустимые символы" in answer.content.decode()


def test_a_nul_byte_in_the_session_cookie_is_refused(signed_out, db):
    answer = signed_out.get("/test/private/", headers={"Cookie": r'sessionid="abc\000def"'})
    assert answer.status_code == 400


def test_a_page_asks_for_a_sign_in_unless_it_says_otherwise(signed_out, db):
    answer = signed_out.get("/test/private/?tab=mine")
    assert answer.status_code == 302
    assert answer.url == "/sign-in/?next=/test/private/%3Ftab%3Dmine"


def test_a_page_that_is_no_address_leads_to_the_sign_in_all_the_same(signed_out, db):
    answer = signed_out.get("/test/private/", headers={"HX-Request": "true", "HX-Current-URL": "http://["})
    assert answer.status_code == 200
    assert answer["HX-Redirect"].startswith("/sign-in/?next=/")


def test_private_pages_are_not_cached(as_anna):
    answer = as_anna.get("/test/private/")
    assert answer.content.decode() == "for Анна Смирнова"
    assert {"no-store", "private", "no-cache"} <= set(answer["Cache-Control"].split(", "))


def test_explicit_cache_control_is_respected(signed_out):
    assert signed_out.get("/test/cached/")["Cache-Control"] == "public, max-age=60"


def test_health_is_told_to_anybody_without_the_database(signed_out):
    answer = signed_out.get("/healthz")
    assert (answer.status_code, answer.content) == (200, b"ok")


def test_health_is_asked_without_https(signed_out, settings):
    settings.SECURE_SSL_REDIRECT = True
    assert signed_out.get("/healthz").status_code == 200
    assert signed_out.get("/test/cached/").status_code == 301


def test_a_host_that_is_not_ours_is_refused_with_a_page_in_russian(signed_out, settings):
    settings.DEBUG, settings.ALLOWED_HOSTS = False, ["privet.example"]
    answer = signed_out.get("/test/cached/", headers={"Host": "elsewhere.example"})
    assert answer.status_code == 400
    assert "Запрос не понят" in answer.content.decode()


def test_a_storage_outage_is_a_503_that_says_so(as_anna):
    answer = as_anna.get("/test/outage/")
    assert answer.status_code == 503
    assert "Хранилище файлов не отвечает" in answer.content.decode()
    assert "<!DOCTYPE html>" in answer.content.decode()


def test_a_storage_outage_is_told_above_the_page_so_that_what_was_typed_stays(as_anna):
    answer = as_anna.post("/test/outage/", headers={"HX-Request": "true"})
    assert answer.status_code == 503
    assert (answer["HX-Retarget"], answer["HX-Reswap"]) == ("#main", "afterbegin show:window:top")
    assert answer["HX-Push-Url"] == "false"
    assert answer.content.decode().strip().startswith('<div class="notice error" role="alert">')


WORDS = "Слишком много попыток. Попробуйте через 2 минуты."


def test_what_is_asked_for_too_often_is_a_429_that_says_when_to_try_again(as_anna):
    answer = as_anna.get("/test/too-often/")
    assert (answer.status_code, answer["Retry-After"]) == (429, "90")
    assert WORDS in answer.content.decode()
    assert "<!DOCTYPE html>" in answer.content.decode()


def test_too_often_is_told_above_the_page_so_that_what_was_typed_stays(as_anna):
    answer = as_anna.post("/test/too-often/", headers={"HX-Request": "true"})
    assert (answer.status_code, answer["Retry-After"]) == (429, "90")
    assert (answer["HX-Retarget"], answer["HX-Reswap"]) == ("#main", "afterbegin show:window:top")
    assert answer["HX-Push-Url"] == "false"
    assert answer.content.decode().strip() == f'<div class="notice error" role="alert"><p>{WORDS}</p></div>'


def test_too_often_is_told_in_json_to_who_asks_for_it(as_anna):
    answer = as_anna.post("/test/too-often/", headers={"Accept": "application/json"})
    assert (answer.status_code, answer["Retry-After"]) == (429, "90")
    assert answer.json() == {"error": WORDS}


def test_an_object_that_is_gone_is_a_404(as_anna):
    assert as_anna.get("/test/missing/").status_code == 404


def test_other_errors_are_not_reported_as_an_outage(as_anna):
    as_anna.raise_request_exception = False
    answer = as_anna.get("/test/broken/")
    assert answer.status_code == 500


@pytest.fixture
def server_error_page(settings, as_anna):
    settings.DEBUG = False
    as_anna.raise_request_exception = False
    return as_anna.get("/test/broken/").content.decode()


def test_the_page_of_a_server_error_needs_no_database_and_is_in_russian(server_error_page):
    assert "На сервере ошибка" in server_error_page


def test_an_unknown_address_has_a_page_in_russian(as_anna, settings):
    settings.DEBUG = False
    answer = as_anna.get("/no/such/page/")
    assert answer.status_code == 404
    assert "Такой страницы нет" in answer.content.decode()


def test_a_form_from_before_the_sign_in_has_a_page_in_russian(anna):
    browser = browser_for(anna, enforce_csrf_checks=True)
    answer = browser.post("/test/private/")
    assert answer.status_code == 403
    assert "Страница устарела" in answer.content.decode()
