"""Sign-in with a password. The attempt is counted before the password is checked."""

import logging

from django.contrib.auth import authenticate, login
from django.http import HttpRequest

from foundation.observability import metrics
from managers import known_browsers, limits
from managers.client_ip import client_ip
from managers.models import Manager

logger = logging.getLogger(__name__)


class WrongPassword(Exception):
    """Wrong password, or unknown or inactive account. The message does not say which."""

    message = "Неверная почта или пароль. Проверьте раскладку и Caps Lock."


@metrics.count_outcome(metrics.SIGN_INS, (WrongPassword, limits.TooManyTries), success="let_in")
def sign_in_with_password(request: HttpRequest, *, email: str, password: str) -> Manager:
    """Sign in and cycle the session key. Raises WrongPassword or limits.TooManyTries."""
    ip = client_ip(request)
    attempt = limits.start_attempt(
        limits.SIGN_IN, login=email, ip=ip, browser=known_browsers.known_browser_id(request, email)
    )
    manager = authenticate(request, username=email, password=password)
    if manager is None:
        logger.warning("Wrong sign-in from %s", ip or "an unknown address")
        raise WrongPassword
    attempt.mark_succeeded()
    login(request, manager)
    return manager


def check_current_password(request: HttpRequest, password: str) -> None:
    """Check the password of the request's user. Raises WrongPassword or limits.TooManyTries."""
    email, ip = request.user.email, client_ip(request)
    attempt = limits.start_attempt(
        limits.SIGN_IN, login=email, ip=ip, browser=known_browsers.known_browser_id(request, email)
    )
    if not request.user.check_password(password):
        raise WrongPassword
    attempt.mark_succeeded()
