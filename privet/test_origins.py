"""Other sites get nothing from us and can send us nothing in a signed-in person's name."""

import pytest

from conftest import browser_for

EVIL = {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"}


@pytest.mark.parametrize("path", ["/", "/sign-in/", "/clients/", "/healthz", "/static/css/base.css"])
@pytest.mark.parametrize("method", ["get", "options"])
def test_any_origin_is_allowed_with_credentials_no_origin_is(as_anna, path, method):
    reply = getattr(as_anna, method)(path, headers=EVIL | {"Access-Control-Request-Method": "POST"})

    assert [name for name in reply.headers if name.lower().startswith("access-control-")] == []


def test_a_form_of_another_site_is_refused(anna, make):
    browser = browser_for(anna, enforce_csrf_checks=True)
    client = make.client()

    reply = browser.post(f"/clients/{client.pk}/contact/", {"name": "Чужой"}, headers=EVIL)

    assert reply.status_code == 403
    assert make.fresh(client).user.name == client.user.name
