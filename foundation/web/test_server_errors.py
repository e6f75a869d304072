"""What a page says when the database is away, whichever part of the request notices first."""

import psycopg
import pytest
from django.contrib.auth.decorators import login_not_required
from django.db import OperationalError, connection
from django.urls import path

from privet.urls import handler500
from privet.urls import urlpatterns as real

__all__ = ["handler500"]


@login_not_required
def away(request):
    raise OperationalError("connection refused: host db.internal, user privet")


@login_not_required
def broken(request):
    raise RuntimeError("something else")


urlpatterns = [path("test/away/", away), path("test/broken/", broken), *real]


@pytest.fixture(autouse=True)
def _as_in_production(settings, client):
    settings.DEBUG = False
    client.raise_request_exception = False


@pytest.mark.urls(__name__)
def test_a_page_without_the_database_says_so_and_nothing_of_where_it_is(client):
    response = client.get("/test/away/")
    assert (response.status_code, response["Retry-After"]) == (503, "10")
    page = response.content.decode()
    assert "База данных не отвечает" in page
    assert "db.internal" not in page


@pytest.mark.urls(__name__)
def test_a_fragment_is_a_notice_above_the_page_that_is_there(client):
    response = client.post("/test/away/", headers={"HX-Request": "true"})
    assert (response.status_code, response["HX-Retarget"], response["HX-Push-Url"]) == (503, "#main", "false")
    assert response.content.decode().strip().startswith('<div class="notice error" role="alert">')


@pytest.mark.urls(__name__)
def test_other_errors_return_500(client):
    response = client.get("/test/broken/")
    assert response.status_code == 500
    assert "Не получилось" in response.content.decode()


@pytest.mark.django_db(transaction=True)
def test_a_signed_in_person_whose_session_can_not_be_read_is_told_the_same(as_anna, monkeypatch):
    as_anna.raise_request_exception = False

    def refused(*args, **kwargs):
        raise psycopg.OperationalError("connection refused")

    connection.close()
    with monkeypatch.context() as patched:
        patched.setattr(connection, "get_new_connection", refused)
        response = as_anna.get("/clients/")
    assert response.status_code == 503
    assert "База данных не отвечает" in response.content.decode()
