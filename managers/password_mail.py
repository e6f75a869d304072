"""E-mails with a link for a new password."""

import logging
from datetime import timedelta

from django.conf import settings
from django.core.mail import EmailMessage, mailers
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.encoding import force_bytes
from django.utils.http import urlsafe_base64_encode

from managers.models import Manager
from managers.password_links import INVITATION, RESET, PasswordLinkToken

logger = logging.getLogger(__name__)


class MailUnavailable(Exception):
    """The mail server is unavailable; nothing was sent."""


def send_invitation(email: str) -> None:
    """E-mail a new user the link for the first password. Raises MailUnavailable."""
    send_password_link(email, template="managers/invitation_mail", link=INVITATION)


def send_password_link(
    email: str, *, template: str = "managers/password_mail", link: PasswordLinkToken = RESET
) -> None:
    """E-mail a link to the user who signs in with `email`, if there is one. Raises MailUnavailable.

    Always connects to the mail server, so that an outage does not reveal whether the account exists.
    """
    mailer = mailers.default
    try:
        mailer.open()
    except OSError as error:
        raise MailUnavailable from error
    try:
        manager = Manager.objects.filter(email=Manager.objects.normalize_email(email), is_active=True).first()
        if manager:
            mailer.send_messages([_build_email(manager, template, link)])
    except OSError:
        logger.exception("The mail server did not accept an e-mail")
    finally:
        mailer.close()


def _build_email(manager: Manager, template: str, link: PasswordLinkToken) -> EmailMessage:
    uid = urlsafe_base64_encode(force_bytes(manager.pk))
    path = reverse("managers:new_password", args=[uid, link.make_token(manager)])
    # Use APP_BASE_URL, because the Host header can be forged.
    context = {
        "manager": manager,
        "link": settings.APP_BASE_URL + path,
        "minutes": link.lifetime // timedelta(minutes=1),
        "hours": link.lifetime // timedelta(hours=1),
    }
    return EmailMessage(
        subject=render_to_string(f"{template}_subject.txt", context).strip(),
        body=render_to_string(f"{template}.txt", context),
        to=[manager.email],
    )
