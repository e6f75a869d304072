"""The interface of what carries a message: a mail server, an SMS gateway."""

import re
from dataclasses import dataclass
from typing import Protocol

from messaging.models import Content, DeliveryState

# Ten digits of a Russian mobile phone: nobody reads an SMS to a landline.
MOBILE = re.compile(r"9[0-9]{9}")


class TransportUnavailable(Exception):
    """The provider did not accept the message; it may later. The text is logged, so it has no personal data."""


class AnswerLost(TransportUnavailable):
    """The provider got the message, but its answer did not arrive or can't be understood: it may have been sent."""


class MessageRejected(Exception):
    """The provider will never accept this message. `problem` says why, in Russian, for staff."""

    def __init__(self, problem: str):
        self.problem = problem
        super().__init__(problem)


@dataclass(frozen=True)
class Report:
    """A delivery report. `state` is DELIVERED or FAILED; then `problem` says why, in Russian."""

    state: DeliveryState
    problem: str = ""


class Transport(Protocol):
    def send(self, content: Content) -> str:
        """Send and return the id of the message at the provider.

        Raises TransportUnavailable, AnswerLost or MessageRejected.
        """

    def report(self, provider_id: str) -> Report | None:
        """Return the newest report, or None if nothing final is known yet. Raises TransportUnavailable."""
