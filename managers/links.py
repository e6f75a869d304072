"""Links of letters that set a password. Each works once, and not after a sign-in."""

from datetime import timedelta

from django.contrib.auth.tokens import PasswordResetTokenGenerator
from django.utils.http import base36_to_int

from managers.models import Manager


class Link(PasswordResetTokenGenerator):
    """A token that lives for `lifetime`, which is at most the setting PASSWORD_RESET_TIMEOUT."""

    def __init__(self, purpose: str, lifetime: timedelta):
        super().__init__()
        self.key_salt = f"managers.links {purpose}"
        self.lifetime = lifetime

    def check_token(self, user: Manager | None, token: str | None) -> bool:
        return super().check_token(user, token) and self._age(token) <= self.lifetime

    def _age(self, token: str) -> timedelta:
        return timedelta(seconds=self._num_seconds(self._now()) - base36_to_int(token.partition("-")[0]))


RESET = Link("reset", timedelta(hours=1))
# Whom an admin invites may be at a client's.
INVITATION = Link("invitation", timedelta(hours=24))


class EitherLink:
    """What the page of a new password asks."""

    def check_token(self, user: Manager | None, token: str | None) -> bool:
        return any(link.check_token(user, token) for link in (RESET, INVITATION))
