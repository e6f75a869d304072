"""The second factor: an app that gives codes, and ten backup codes for the day when it is lost.

Codes are tried under the limits of managers/limits.py, not under django-otp's own throttling: that waits ever longer,
so that whoever knows a password could lock its owner out for good.
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
    """It is no code of the person's app, is late or was used; no backup code of theirs; which of these is not said."""

    message = "Код не подошёл. Введите тот, который приложение показывает сейчас: каждый код действует один раз."


class AlreadySetUp(Exception):
    """The person has an app; only an admin takes it from them."""


def is_verified(request: HttpRequest) -> bool:
    """Whether the second factor that the person of `request` has now was shown in this session."""
    if not settings.SECOND_FACTOR:
        return True
    shown = request.session.get(django_otp.DEVICE_ID_SESSION_KEY)
    return shown is not None and shown == f"{Authenticator.model_label()}/{request.user.authenticator_id}"


def verify(request: HttpRequest, code: str) -> None:
    """Go on verified, under a new session key; raises WrongCode or limits.TooManyTries.

    `code`: 6 digits of the app or the 10 of a backup code. Either is used up by this.
    """
    attempt = _start_attempt(request)
    authenticator = _consume_code(request.user, code)
    if authenticator is None:
        logger.warning("Wrong second factor from %s", client_ip(request) or "an unknown address")
        raise WrongCode
    attempt.mark_succeeded()
    _mark_session_verified(request, authenticator)


def pending_authenticator(request: HttpRequest) -> Authenticator:
    """An app to be, unsaved. Its key waits in the session, so that nobody else who signs in is shown it."""
    if PENDING_KEY not in request.session:
        request.session[PENDING_KEY] = cipher.encrypt(random_hex(20))
    return Authenticator(user=request.user, key="", encrypted_key=request.session[PENDING_KEY], confirmed=True)


def set_up_authenticator(request: HttpRequest, code: str) -> list[str]:
    """Keep the app that gave `code`, and go on verified; the backup codes, to be shown once.

    Raises WrongCode, AlreadySetUp or limits.TooManyTries.
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
    """Ten new backup codes in place of the old ones, for `code` of the app; raises WrongCode or limits.TooManyTries."""
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
    """Take the app and the backup codes from `manager` and end their sessions; they set up anew at the next sign-in."""
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
    # Held until the use is written: of one code sent twice at once, the second is a replay.
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
    """What is kept of a backup code: 64 bits of a keyed hash, all that django-otp's column holds."""
    return salted_hmac("managers.second_factor backup", f"{manager.pk} {code}", algorithm="sha256").hexdigest()[:16]
