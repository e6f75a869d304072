"""E-mails to clients, by the mail server that also sends password links."""

import smtplib
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from email.utils import parseaddr

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.mail import EmailMessage, mailers
from django.core.validators import validate_email

from messaging.models import Content
from messaging.transport import AnswerLost, MessageRejected, Report, TransportUnavailable

WRONG_ADDRESS = "неверный адрес электронной почты"


class Mail:
    def send(self, content: Content) -> str:
        """Return the first part of the Message-ID, by which the logs of mail servers name the e-mail."""
        try:
            validate_email(content.recipient)
        except ValidationError as error:
            raise MessageRejected(WRONG_ADDRESS) from error
        message_id, domain = str(uuid.uuid4()), parseaddr(settings.DEFAULT_FROM_EMAIL)[1].rpartition("@")[2]
        headers = {"Message-ID": f"<{message_id}@{domain}>"}
        email = EmailMessage(content.subject, content.body, to=[content.recipient], headers=headers)
        with _connected_mailer() as mailer:
            try:
                mailer.send_messages([email])
            except smtplib.SMTPRecipientsRefused as refused:
                if all(code >= 500 for code, _ in refused.recipients.values()):
                    raise MessageRejected("почтовый сервер не принял этот адрес") from refused
                raise TransportUnavailable("SMTP: recipient refused for now") from refused
            except smtplib.SMTPResponseException as error:
                if isinstance(error, smtplib.SMTPDataError) and error.smtp_code >= 500:
                    raise MessageRejected("почтовый сервер не принял письмо") from error
                raise TransportUnavailable(f"SMTP: {error.smtp_code}") from error
            except ValueError as error:  # such as a domain that is too long once it is encoded (IDNA)
                raise MessageRejected(WRONG_ADDRESS) from error
            except OSError as error:  # also smtplib's other exceptions
                raise AnswerLost(f"SMTP: {type(error).__name__}") from error
        return message_id

    def report(self, provider_id: str) -> Report | None:
        return None


@contextmanager
def _connected_mailer() -> Iterator:
    """Yield the mailer, connected and signed in. Raises TransportUnavailable: then nothing was sent."""
    mailer = mailers.default
    try:
        try:
            mailer.open()
        except OSError as error:
            raise TransportUnavailable(f"SMTP: {type(error).__name__}") from error
        yield mailer
    finally:
        with suppress(OSError):  # the message was sent, or not, before
            mailer.close()
