"""One-time codes: six digits that a client gets in a message and enters, or tells the manager to enter."""

import hashlib
import hmac
import re
import secrets
import uuid
from collections.abc import Sequence
from datetime import datetime, timedelta

from django.conf import settings
from django.db import models
from django.utils import timezone

from messaging.models import OutgoingMessage

CODE_LIFETIME = timedelta(minutes=10)
CODE_RESEND_DELAY = timedelta(seconds=60)
MAX_CODES_PER_HOUR = 5
MAX_ATTEMPTS_PER_CODE = 5
CODE_MASK = "••••••"
HOUR = timedelta(hours=1)


class OneTimeCode(models.Model):
    """A code that is valid for a few minutes, for a few attempts, and once. Only a keyed hash is stored."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    code_hash = models.CharField(max_length=64)
    sent_at = models.DateTimeField("отправлен")
    expires_at = models.DateTimeField("действует до")
    # NULL in codes that were sent before messages were recorded.
    message = models.ForeignKey(
        OutgoingMessage,
        on_delete=models.PROTECT,
        null=True,
        related_name="+",
        db_index=False,
        verbose_name="сообщение",
    )
    failed_tries = models.PositiveSmallIntegerField("неверных попыток", default=0)
    used_at = models.DateTimeField("использован", null=True)

    class Meta:
        abstract = True

    def __str__(self):
        return f"Код от {timezone.localtime(self.sent_at):%d.%m.%Y %H:%M}"

    @property
    def bound_to(self) -> str:
        """What the code is for. A code matches only while this is the same."""
        raise NotImplementedError

    def set_digits(self, digits: str) -> None:
        self.code_hash = self._hash(digits)

    def matches(self, text: str) -> bool:
        """Whether `text` has the digits of the code, with any separators."""
        return hmac.compare_digest(self.code_hash, self._hash(re.sub(r"\D", "", text)))

    def _hash(self, digits: str) -> str:
        secret = settings.CONTRACT_SIGNATURE_SECRET.encode()
        return hmac.new(secret, f"{self.bound_to}|{digits}".encode(), hashlib.sha256).hexdigest()

    @property
    def attempts_left(self) -> int:
        return max(0, MAX_ATTEMPTS_PER_CODE - self.failed_tries)

    def is_expired(self, now: datetime) -> bool:
        return now >= self.expires_at

    def is_usable(self, now: datetime) -> bool:
        return not self.used_at and not self.is_expired(now) and self.attempts_left > 0


def new_digits(number: int = 6) -> str:
    """Return random digits."""
    return f"{secrets.randbelow(10**number):0{number}}"


def split_digits(digits: str) -> str:
    """Return the digits as clients read them: «123 456», «1234 5678»."""
    middle = len(digits) // 2
    return f"{digits[:middle]} {digits[middle:]}"


def next_code_at(recent: Sequence[OneTimeCode], now: datetime) -> datetime:
    """Return when the next code may be requested after the `recent` ones; `now` or earlier if immediately.

    `recent`: the codes of the last hour, newest first, at most MAX_CODES_PER_HOUR.
    """
    if not recent:
        return now
    after_delay = recent[0].sent_at + CODE_RESEND_DELAY
    is_full = len(recent) == MAX_CODES_PER_HOUR
    return max(after_delay, recent[-1].sent_at + HOUR) if is_full else after_delay
