"""E-mails about changes to a user's account."""

import logging

from django.core.mail import EmailMessage
from django.template.loader import render_to_string

from managers.models import Manager

logger = logging.getLogger(__name__)


def send_notice(manager: Manager, template: str) -> bool:
    """Send the e-mail `templates/managers/<template>.txt`; return False if the mail server does not accept it.

    Call it after the change: a failure does not affect the change itself.
    """
    context = {"manager": manager}
    message = EmailMessage(
        subject=render_to_string(f"managers/{template}_subject.txt", context).strip(),
        body=render_to_string(f"managers/{template}.txt", context),
        to=[manager.email],
    )
    try:
        message.send()
    except OSError:
        logger.exception("The mail server did not accept an e-mail")
        return False
    return True
