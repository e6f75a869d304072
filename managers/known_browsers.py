"""Browsers in which a user has signed in before (OWASP: device cookies).

Their attempts are counted separately, so guesses made elsewhere can't lock the user out.
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
    """Return the id of the browser if `login` signed in with it before; "" if not, or if its cookie is invalid."""
    try:
        login_hash, browser = signing.loads(request.COOKIES.get(_cookie_name(), ""), salt=SALT, max_age=MAX_AGE)
    except (signing.BadSignature, ValueError, TypeError):
        return ""
    return browser if login_hash == _login_hash(login) else ""


def remember_browser(request: HttpRequest, response: HttpResponse, manager: Manager) -> HttpResponse:
    """Set the cookie that makes the browser a known one of `manager`; return `response`."""
    browser = known_browser_id(request, manager.email) or secrets.token_urlsafe(16)
    value = signing.dumps([_login_hash(manager.email), browser], salt=SALT)
    response.set_cookie(
        _cookie_name(), value, max_age=MAX_AGE, samesite="Lax", httponly=True, secure=settings.SESSION_COOKIE_SECURE
    )
    return response
