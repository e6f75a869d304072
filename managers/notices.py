"""Letters that tell people what was done to their account."""

import logging

from django.core.mail import EmailMessage
from django.template.loader import render_to_string

from managers.models import Manager

logger = logging.getLogger(__name__)


def send_notice(manager: Manager, letter: str) -> bool:
    """Mail the letter `templates/managers/<letter>.txt`; False when the mail server does not take it.

    What the letter is about has happened either way.
    """
    context = {"manager": manager}
    message = EmailMessage(
        subject=render_to_string(f"managers/{letter}_subject.txt", context).strip(),
        body=render_to_string(f"managers/{letter}.txt", context),
        to=[manager.email],
    )
    try:
        message.send()
    except OSError:
        logger.exception("The mail server did not take a letter")
        return False
    return True
