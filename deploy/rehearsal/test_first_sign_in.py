import base64

import pytest

from deploy.rehearsal.first_sign_in import Browser, totp


def test_codes_are_those_of_rfc_6238():
    key = base64.b32encode(b"12345678901234567890").decode()
    assert [totp(key, at) for at in (59, 1111111109, 20000000000)] == ["287082", "081804", "353130"]


def test_a_missing_element_stops_with_the_page():
    browser = Browser("http://localhost")
    browser.path, browser.page = "/sign-in/", "<p>Error</p>"
    with pytest.raises(SystemExit, match="(?s)/sign-in/ has no .*<p>Error</p>"):
        browser.find(r'href="(\S+)"')
