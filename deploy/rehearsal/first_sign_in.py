"""Signs in for the first time and sets up the second factor. Needs only Python's standard library.

    python3 first_sign_in.py EMAIL PASSWORD URL [CERTIFICATE]

CERTIFICATE is the file of the site's certificate authority, for a system that does not trust it.
"""

import base64
import hmac
import http.cookiejar
import re
import ssl
import struct
import sys
import time
import urllib.parse
import urllib.request


class Browser:
    """Keeps cookies and the last page."""

    def __init__(self, url: str, certificate: str | None = None):
        self.url = url
        self.opener = urllib.request.build_opener(
            urllib.request.HTTPSHandler(context=ssl.create_default_context(cafile=certificate)),
            urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar()),
        )
        self.page = self.path = ""

    def open(self, path: str, form: dict | None = None, **headers: str):
        """Send a GET, or a POST with the form, and return the response. An uncompressed text becomes the last page."""
        request = urllib.request.Request(
            self.url + path,
            data=urllib.parse.urlencode(form).encode() if form else None,
            headers={"Referer": self.url + path} | headers,
        )
        response = self.opener.open(request, timeout=30)
        content = response.read()
        if "charset" in response.headers["Content-Type"] and not response.headers["Content-Encoding"]:
            self.page, self.path = content.decode(), response.url.removeprefix(self.url)
        return response

    def submit(self, **form: str):
        """Post a form to the last page."""
        token = self.find(r'name="csrfmiddlewaretoken" value="(\w+)"')
        return self.open(self.path, {"csrfmiddlewaretoken": token} | form)

    def find(self, pattern: str) -> str:
        """The first group of a pattern in the last page; exits when it is missing."""
        match = re.search(pattern, self.page)
        if not match:
            sys.exit(f"{self.path} has no {pattern}:\n{self.page}")
        return match[1]


def totp(key: str, at: float) -> str:
    """The six-digit code of a Base32 key at a Unix time (RFC 6238)."""
    digest = hmac.digest(base64.b32decode(key), struct.pack(">Q", int(at) // 30), "sha1")
    return f"{struct.unpack('>I', digest[digest[-1] & 15 :][:4])[0] % 2**31 % 10**6:06}"


def sign_in(browser: Browser, email: str, password: str) -> None:
    browser.open("/healthz")
    browser.open("/")
    browser.submit(email=email, password=password)
    key = browser.find(r'<p class="key">([A-Z2-7= ]+)</p>').replace(" ", "")
    browser.submit(code=totp(key, time.time()))
    browser.find(r"(?i)(\d{5} \d{5})")  # backup codes, shown once


def check_pages(browser: Browser) -> None:
    response = browser.open("/clients/")
    assert re.fullmatch(r"[0-9a-f]{32}", response.headers["X-Request-ID"])
    browser.find(r"(Новые)")
    style = browser.open(browser.find(r'href="(/static/css/base\.[^"]+\.css)"'), **{"Accept-Encoding": "br"})
    assert style.headers["Content-Encoding"] == "br"
    assert "immutable" in style.headers["Cache-Control"]


if __name__ == "__main__":
    email, password, *site = sys.argv[1:]
    browser = Browser(*site)
    sign_in(browser, email, password)
    check_pages(browser)
