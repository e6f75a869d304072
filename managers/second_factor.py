"""Second factor: a TOTP authenticator, and ten backup codes in case it is lost.

Attempts are limited by managers/limits.py instead of django-otp's throttling. Its waits grow without limit, so anyone
who knows a password could lock its owner out permanently.
"""

import logging
import secrets

import django_otp
from django.conf import settings
from django.db import transaction
from django.http import HttpRequest
from django.utils.crypto import salted_hmac
from django_otp.plugins.otp_static.models import StaticDevice, StaticToken
from django_otp.util import random_hex

from managers import cipher, limits
from managers.client_ip import client_ip
from managers.models import Authenticator, Manager

logger = logging.getLogger(__name__)

APP_DIGITS = 6
BACKUP_DIGITS = 10
BACKUP_CODES = 10
PENDING_KEY = "second_factor_key"


class WrongCode(Exception):
    """Invalid, expired or used code. The message does not say which."""

    message = "Код не подошёл. Введите тот, который приложение показывает сейчас: каждый код действует один раз."


class AlreadySetUp(Exception):
    """The user already has an authenticator; only an admin can reset it."""


def is_verified(request: HttpRequest) -> bool:
    """Whether the user's current second factor was verified in this session."""
    if not settings.SECOND_FACTOR:
        return True
    verified = request.session.get(django_otp.DEVICE_ID_SESSION_KEY)
    return verified is not None and verified == f"{Authenticator.model_label()}/{request.user.authenticator_id}"


def verify(request: HttpRequest, code: str) -> None:
    """Mark the session as verified and cycle its key. Raises WrongCode or limits.TooManyTries.

    `code`: 6 digits of the authenticator, or 10 digits of a backup code. It can't be used again.
    """
    attempt = _start_attempt(request)
    authenticator = _consume_code(request.user, code)
    if authenticator is None:
        logger.warning("Wrong second factor from %s", client_ip(request) or "an unknown address")
        raise WrongCode
    attempt.mark_succeeded()
    _mark_session_verified(request, authenticator)


def pending_authenticator(request: HttpRequest) -> Authenticator:
    """Return an unsaved authenticator. Its key is stored in the session, so that no other session sees it."""
    if PENDING_KEY not in request.session:
        request.session[PENDING_KEY] = cipher.encrypt(random_hex(20))
    return Authenticator(user=request.user, key="", encrypted_key=request.session[PENDING_KEY], confirmed=True)


def set_up_authenticator(request: HttpRequest, code: str) -> list[str]:
    """Save the pending authenticator if `code` is right, and mark the session as verified.

    Returns the backup codes, which can be shown only now. Raises WrongCode, AlreadySetUp or limits.TooManyTries.
    """
    authenticator, attempt = pending_authenticator(request), _start_attempt(request)
    with transaction.atomic():
        Manager.objects.select_for_update().get(pk=request.user.pk)
        if Authenticator.objects.filter(user=request.user).exists():
            raise AlreadySetUp
        if not authenticator.verify_token(code):
            raise WrongCode
        codes = _create_backup_codes(request.user)
    attempt.mark_succeeded()
    del request.session[PENDING_KEY]
    request.user.authenticator_id = authenticator.pk
    _mark_session_verified(request, authenticator)
    return codes


def replace_backup_codes(request: HttpRequest, code: str) -> list[str]:
    """Replace the backup codes by ten new ones and return them. Raises WrongCode or limits.TooManyTries.

    `code`: 6 digits of the authenticator; backup codes are not accepted.
    """
    attempt = _start_attempt(request)
    with transaction.atomic():
        if _consume_code(request.user, code, backup=False) is None:
            raise WrongCode
        codes = _create_backup_codes(request.user)
    attempt.mark_succeeded()
    return codes


def unused_backup_code_count(manager: Manager) -> int:
    return StaticToken.objects.filter(device__user=manager).count()


@transaction.atomic
def reset(manager: Manager) -> None:
    """Delete the authenticator and backup codes of `manager` and end all sessions.

    The user sets up a new authenticator at the next sign-in.
    """
    Manager.objects.select_for_update().get(pk=manager.pk)
    Authenticator.objects.filter(user=manager).delete()
    StaticDevice.objects.filter(user=manager).delete()
    manager.sessions.all().delete()
    limits.reset_failures(limits.SECOND_FACTOR, login=manager.email)


def _start_attempt(request: HttpRequest) -> limits.Attempt:
    return limits.start_attempt(limits.SECOND_FACTOR, login=request.user.email, ip=client_ip(request))


def _mark_session_verified(request: HttpRequest, authenticator: Authenticator) -> None:
    django_otp.login(request, authenticator)
    request.session.cycle_key()


@transaction.atomic
def _consume_code(manager: Manager, code: str, *, backup: bool = True) -> Authenticator | None:
    # Locked until the use is saved, so that a code sent twice at once works only once.
    authenticator = Authenticator.objects.select_for_update().filter(user=manager, confirmed=True).first()
    if authenticator is None:
        return None
    if len(code) == BACKUP_DIGITS:
        used = backup and _consume_backup_code(manager, code)
    else:
        used = authenticator.verify_token(code)
    return authenticator if used else None


def _consume_backup_code(manager: Manager, code: str) -> bool:
    device = StaticDevice.objects.filter(user=manager).first()
    return device is not None and device.verify_token(_hash_backup_code(manager, code))


def _create_backup_codes(manager: Manager) -> list[str]:
    StaticDevice.objects.filter(user=manager).delete()
    device = StaticDevice.objects.create(user=manager, name="backup codes")
    codes = [f"{secrets.randbelow(10**BACKUP_DIGITS):0{BACKUP_DIGITS}}" for _ in range(BACKUP_CODES)]
    StaticToken.objects.bulk_create(
        StaticToken(device=device, token=_hash_backup_code(manager, code)) for code in codes
    )
    return codes


def _hash_backup_code(manager: Manager, code: str) -> str:
    """Return the stored form of a backup code: 64 bits of a keyed hash, the size of django-otp's column."""
    return salted_hmac("managers.second_factor backup", f"{manager.pk} {code}", algorithm="sha256").hexdigest()[:16]
