"""Browsers in which a person has signed in before. Guesses made elsewhere do not slow them down there, so that no
stranger keeps anybody out; in such a browser tries are counted for itself (OWASP: device cookies).
"""

import secrets

from django.conf import settings
from django.core import signing
from django.http import HttpRequest, HttpResponse
from django.utils.crypto import salted_hmac

from managers.models import Manager

SALT = "managers.known"
MAX_AGE = 180 * 24 * 60 * 60


def _cookie_name() -> str:
    return settings.COOKIE_PREFIX + "known"


def _login_hash(login: str) -> str:
    return salted_hmac(SALT, Manager.objects.normalize_email(login), algorithm="sha256").hexdigest()


def known_browser_id(request: HttpRequest, login: str) -> str:
    """The id of the browser if `login` signed in with it before; "" if not, or when its cookie is not ours."""
    try:
        person, browser = signing.loads(request.COOKIES.get(_cookie_name(), ""), salt=SALT, max_age=MAX_AGE)
    except (signing.BadSignature, ValueError, TypeError):
        return ""
    return browser if person == _login_hash(login) else ""


def remember_browser(request: HttpRequest, response: HttpResponse, manager: Manager) -> HttpResponse:
    """`response` with the cookie that makes the browser known to `manager` from now on."""
    browser = known_browser_id(request, manager.email) or secrets.token_urlsafe(16)
    value = signing.dumps([_login_hash(manager.email), browser], salt=SALT)
    response.set_cookie(
        _cookie_name(), value, max_age=MAX_AGE, samesite="Lax", httponly=True, secure=settings.SESSION_COOKIE_SECURE
    )
    return response
