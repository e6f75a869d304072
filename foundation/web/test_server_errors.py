"""Error pages when the database is unavailable, whichever part of the request fails first."""

import psycopg
import pytest
from django.contrib.auth.decorators import login_not_required
from django.db import OperationalError, connection
from django.urls import path

from privet.urls import handler500
from privet.urls import urlpatterns as real

__all__ = ["handler500"]


@login_not_required
def unavailable(request):
    raise OperationalError("connection refused: host db.internal, user privet")


@login_not_required
def broken(request):
    raise RuntimeError("something else")


urlpatterns = [path("test/unavailable/", unavailable), path("test/broken/", broken), *real]


@pytest.fixture(autouse=True)
def _as_in_production(settings, client):
    settings.DEBUG = False
    client.raise_request_exception = False


@pytest.mark.urls(__name__)
def test_database_outage_page_does_not_reveal_the_host(client):
    response = client.get("/test/unavailable/")
    assert (response.status_code, response["Retry-After"]) == (503, "10")
    page = response.content.decode()
    assert "База данных не отвечает" in page
    assert "db.internal" not in page


@pytest.mark.urls(__name__)
def test_htmx_request_gets_a_notice_above_the_page(client):
    response = client.post("/test/unavailable/", headers={"HX-Request": "true"})
    assert (response.status_code, response["HX-Retarget"], response["HX-Push-Url"]) == (503, "#main", "false")
    assert response.content.decode().strip().startswith('<div class="notice error" role="alert">')


@pytest.mark.urls(__name__)
def test_other_errors_return_500(client):
    response = client.get("/test/broken/")
    assert response.status_code == 500
    assert "Не получилось" in response.content.decode()


@pytest.mark.django_db(transaction=True)
def test_outage_while_loading_the_session_shows_the_same_page(as_anna, monkeypatch):
    as_anna.raise_request_exception = False

    def fail(*args, **kwargs):
        raise psycopg.OperationalError("connection refused")

    connection.close()
    with monkeypatch.context() as patched:
        patched.setattr(connection, "get_new_connection", fail)
        response = as_anna.get("/clients/")
    assert response.status_code == 503
    assert "База данных не отвечает" in response.content.decode()
