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


def rate_limited(request):
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
    path("test/too-often/", rate_limited),
    path("test/broken/", broken),
    path("test/cached/", cached),
    *real,
]

pytestmark = pytest.mark.urls(__name__)


def ip(forwarded: str | None, peer: str = "10.0.0.1") -> str:
    headers = {} if forwarded is None else {"X-Forwarded-For": forwarded}
    return client_ip(RequestFactory(headers=headers, REMOTE_ADDR=peer).get("/"))


def test_forwarded_for_is_ignored_without_trusted_proxies(settings):
    settings.TRUSTED_PROXIES = 0
    assert ip("203.0.113.9") == "10.0.0.1"


def test_last_forwarded_for_entry_is_used_with_one_proxy(settings):
    settings.TRUSTED_PROXIES = 1
    assert ip("198.51.100.1") == "198.51.100.1"
    assert ip("203.0.113.9, 198.51.100.1") == "198.51.100.1"
    assert ip("203.0.113.9,  2001:db8::1") == "2001:db8::1"


def test_second_last_forwarded_for_entry_is_used_with_two_proxies(settings):
    settings.TRUSTED_PROXIES = 2
    assert ip("203.0.113.9, 198.51.100.1, 10.0.0.2") == "198.51.100.1"


def test_peer_address_is_used_if_the_proxies_were_bypassed(settings):
    settings.TRUSTED_PROXIES = 2
    assert ip(None) == "10.0.0.1"
    assert ip("203.0.113.9") == "10.0.0.1"


def test_malformed_address_is_empty(settings):
    settings.TRUSTED_PROXIES = 1
    assert ip("unknown") == ""


@pytest.mark.parametrize("url", ["/?search=%00", "/clients/%00/", "/test/private/?next=a%00b"])
def test_nul_byte_in_the_url_is_rejected(as_anna, url):
    response = as_anna.get(url)
    assert response.status_code == 400
    assert "недопустимые символы" in response.content.decode()


def test_nul_byte_in_the_session_cookie_is_rejected(signed_out, db):
    response = signed_out.get("/test/private/", headers={"Cookie": r'sessionid="abc\000def"'})
    assert response.status_code == 400


def test_pages_require_a_sign_in_by_default(signed_out, db):
    response = signed_out.get("/test/private/?tab=mine")
    assert response.status_code == 302
    assert response.url == "/sign-in/?next=/test/private/%3Ftab%3Dmine"


def test_invalid_current_url_redirects_to_sign_in(signed_out, db):
    response = signed_out.get("/test/private/", headers={"HX-Request": "true", "HX-Current-URL": "http://["})
    assert response.status_code == 200
    assert response["HX-Redirect"].startswith("/sign-in/?next=/")


def test_private_pages_are_not_cached(as_anna):
    response = as_anna.get("/test/private/")
    assert response.content.decode() == "for Анна Смирнова"
    assert {"no-store", "private", "no-cache"} <= set(response["Cache-Control"].split(", "))


def test_explicit_cache_control_is_respected(signed_out):
    assert signed_out.get("/test/cached/")["Cache-Control"] == "public, max-age=60"


def test_healthz_is_public_and_needs_no_database(signed_out):
    response = signed_out.get("/healthz")
    assert (response.status_code, response.content) == (200, b"ok")


def test_healthz_works_without_https(signed_out, settings):
    settings.SECURE_SSL_REDIRECT = True
    assert signed_out.get("/healthz").status_code == 200
    assert signed_out.get("/test/cached/").status_code == 301


def test_unknown_host_gets_a_russian_error_page(signed_out, settings):
    settings.DEBUG, settings.ALLOWED_HOSTS = False, ["privet.example"]
    response = signed_out.get("/test/cached/", headers={"Host": "elsewhere.example"})
    assert response.status_code == 400
    assert "Запрос не понят" in response.content.decode()


def test_storage_outage_returns_a_503_page(as_anna):
    response = as_anna.get("/test/outage/")
    assert response.status_code == 503
    assert "Хранилище файлов не отвечает" in response.content.decode()
    assert "<!DOCTYPE html>" in response.content.decode()


def test_storage_outage_is_a_notice_above_the_page_for_htmx(as_anna):
    response = as_anna.post("/test/outage/", headers={"HX-Request": "true"})
    assert response.status_code == 503
    assert (response["HX-Retarget"], response["HX-Reswap"]) == ("#main", "afterbegin show:window:top")
    assert response["HX-Push-Url"] == "false"
    assert response.content.decode().strip().startswith('<div class="notice error" role="alert">')


MESSAGE = "Слишком много попыток. Попробуйте через 2 минуты."


def test_rate_limit_returns_a_429_page_with_retry_after(as_anna):
    response = as_anna.get("/test/too-often/")
    assert (response.status_code, response["Retry-After"]) == (429, "90")
    assert MESSAGE in response.content.decode()
    assert "<!DOCTYPE html>" in response.content.decode()


def test_rate_limit_is_a_notice_above_the_page_for_htmx(as_anna):
    response = as_anna.post("/test/too-often/", headers={"HX-Request": "true"})
    assert (response.status_code, response["Retry-After"]) == (429, "90")
    assert (response["HX-Retarget"], response["HX-Reswap"]) == ("#main", "afterbegin show:window:top")
    assert response["HX-Push-Url"] == "false"
    assert response.content.decode().strip() == f'<div class="notice error" role="alert"><p>{MESSAGE}</p></div>'


def test_rate_limit_is_a_json_error_for_json_requests(as_anna):
    response = as_anna.post("/test/too-often/", headers={"Accept": "application/json"})
    assert (response.status_code, response["Retry-After"]) == (429, "90")
    assert response.json() == {"error": MESSAGE}


def test_missing_object_returns_404(as_anna):
    assert as_anna.get("/test/missing/").status_code == 404


def test_other_errors_are_not_reported_as_an_outage(as_anna):
    as_anna.raise_request_exception = False
    response = as_anna.get("/test/broken/")
    assert response.status_code == 500


@pytest.fixture
def server_error_page(settings, as_anna):
    settings.DEBUG = False
    as_anna.raise_request_exception = False
    return as_anna.get("/test/broken/").content.decode()


def test_server_error_page_is_in_russian(server_error_page):
    assert "На сервере ошибка" in server_error_page


def test_404_page_is_in_russian(as_anna, settings):
    settings.DEBUG = False
    response = as_anna.get("/no/such/page/")
    assert response.status_code == 404
    assert "Такой страницы нет" in response.content.decode()


def test_csrf_failure_page_is_in_russian(anna):
    browser = browser_for(anna, enforce_csrf_checks=True)
    response = browser.post("/test/private/")
    assert response.status_code == 403
    assert "Страница устарела" in response.content.decode()
