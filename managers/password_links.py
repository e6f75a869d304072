"""Password links sent by e-mail. Each works once and expires at the next sign-in."""

from datetime import timedelta

from django.contrib.auth.tokens import PasswordResetTokenGenerator
from django.utils.http import base36_to_int

from managers.models import Manager


class PasswordLinkToken(PasswordResetTokenGenerator):
    """A token that is valid for `lifetime`, which must not exceed the setting PASSWORD_RESET_TIMEOUT."""

    def __init__(self, purpose: str, lifetime: timedelta):
        super().__init__()
        self.key_salt = f"managers.links {purpose}"
        self.lifetime = lifetime

    def check_token(self, user: Manager | None, token: str | None) -> bool:
        return super().check_token(user, token) and self._age(user, token) <= self.lifetime

    def _age(self, user: Manager, token: str) -> timedelta:
        """Return the age of a token. A token starts with its time in seconds, so compare it with a new token."""
        return timedelta(seconds=_seconds(self.make_token(user)) - _seconds(token))


def _seconds(token: str) -> int:
    return base36_to_int(token.partition("-")[0])


RESET = PasswordLinkToken("reset", timedelta(hours=1))
# Invited users may be in the field and read their mail only in the evening.
INVITATION = PasswordLinkToken("invitation", timedelta(hours=24))


class AnyPasswordLinkToken:
    """Accepts the token of either link, for the page that sets a new password."""

    def check_token(self, user: Manager | None, token: str | None) -> bool:
        return any(link.check_token(user, token) for link in (RESET, INVITATION))
