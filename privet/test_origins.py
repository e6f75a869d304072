"""Other origins can't read our responses or submit forms as a signed-in user."""

import pytest

from conftest import browser_for

EVIL = {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"}


@pytest.mark.parametrize("path", ["/", "/sign-in/", "/clients/", "/healthz", "/static/css/base.css"])
@pytest.mark.parametrize("method", ["get", "options"])
def test_no_cors_headers_are_sent(as_anna, path, method):
    response = getattr(as_anna, method)(path, headers=EVIL | {"Access-Control-Request-Method": "POST"})

    assert [name for name in response.headers if name.lower().startswith("access-control-")] == []


def test_form_from_another_origin_is_rejected(anna, make):
    browser = browser_for(anna, enforce_csrf_checks=True)
    client = make.client()

    response = browser.post(f"/clients/{client.pk}/contact/", {"name": "Чужой"}, headers=EVIL)

    assert response.status_code == 403
    assert make.fresh(client).user.name == client.user.name
