"""Somebody who signs in for the first time: needs nothing but Python, so that it runs wherever it is put.

    python3 visitor.py ADDRESS EMAIL PASSWORD [CERTIFICATE]

CERTIFICATE is that of the authority which the site's is from, where the system does not trust it.
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


class Visitor:
    def __init__(self, address: str, certificate: str | None):
        self.address = address
        trust = ssl.create_default_context(cafile=certificate)
        self.browser = urllib.request.build_opener(
            urllib.request.HTTPSHandler(context=trust),
            urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar()),
        )
        self.page = self.path = ""

    def open(self, path: str, form: dict | None = None, **headers: str):
        """The answer to a GET, or to the form's POST; its page and address are kept."""
        request = urllib.request.Request(
            self.address + path,
            data=urllib.parse.urlencode(form).encode() if form else None,
            headers={"Referer": self.address + path} | headers,
        )
        answer = self.browser.open(request, timeout=30)
        content = answer.read()
        if "charset" in answer.headers["Content-Type"] and not answer.headers["Content-Encoding"]:
            self.page, self.path = content.decode(), answer.url.removeprefix(self.address)
        return answer

    def send(self, **form: str):
        token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', self.page)[1]
        return self.open(self.path, {"csrfmiddlewaretoken": token} | form)

    def found(self, pattern: str) -> str:
        found = re.search(pattern, self.page)
        if not found:
            sys.exit(f"{self.path} has no {pattern}:\n{self.page}")
        return found[1]


def code(key: str, at: float) -> str:
    """The six digits that an app shows for a key in Base32 (RFC 6238)."""
    digest = hmac.digest(base64.b32decode(key), struct.pack(">Q", int(at) // 30), "sha1")
    return f"{struct.unpack('>I', digest[digest[-1] & 15 :][:4])[0] % 2**31 % 10**6:06}"


def walk(visitor: Visitor, email: str, password: str) -> None:
    assert visitor.open("/healthz").status == 200
    visitor.open("/")
    visitor.send(email=email, password=password)
    key = visitor.found(r'<p class="key">([A-Z2-7= ]+)</p>').replace(" ", "")
    visitor.send(code=code(key, time.time()))
    visitor.found(r"(?i)(\d{5} \d{5})")  # backup codes, shown once

    answer = visitor.open("/clients/")
    assert answer.status == 200
    assert re.fullmatch(r"[0-9a-f]{32}", answer.headers["X-Request-ID"])
    visitor.found(r"(Новые)")
    style = visitor.open(visitor.found(r'href="(/static/css/base\.[^"]+\.css)"'), **{"Accept-Encoding": "br"})
    assert style.headers["Content-Encoding"] == "br"
    assert "immutable" in style.headers["Cache-Control"]


if __name__ == "__main__":
    address, email, password, *certificate = sys.argv[1:]
    walk(Visitor(address, certificate[0] if certificate else None), email, password)
