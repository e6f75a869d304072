"""The letter with a link for a new password."""

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
    """The mail server does not answer; nothing was sent."""


def send_invitation(email: str) -> None:
    """Mail somebody whom an admin has added the link for their first password; raises MailUnavailable."""
    send_password_link(email, letter="managers/invitation_mail", link=INVITATION)


def send_password_link(email: str, *, letter: str = "managers/password_mail", link: PasswordLinkToken = RESET) -> None:
    """Mail a link to the person who signs in with `email`, if there is one; raises MailUnavailable.

    The mail server is called either way, so that its being down says nothing about who works here.
    """
    mailer = mailers.default
    try:
        mailer.open()
    except OSError as error:
        raise MailUnavailable from error
    try:
        manager = Manager.objects.filter(email=Manager.objects.normalize_email(email), is_active=True).first()
        if manager:
            mailer.send_messages([_build_email(manager, letter, link)])
    except OSError:
        logger.exception("The mail server did not take a letter")
    finally:
        mailer.close()


def _build_email(manager: Manager, template: str, link: PasswordLinkToken) -> EmailMessage:
    uid = urlsafe_base64_encode(force_bytes(manager.pk))
    path = reverse("managers:new_password", args=[uid, link.make_token(manager)])
    # The address is the configured one: a Host header is what its sender likes it to be.
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
