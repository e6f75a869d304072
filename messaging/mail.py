"""E-mails to clients, by the mail server that also sends password links."""

import smtplib

from django.core.mail import EmailMessage, mailers

from messaging.models import Content
from messaging.transport import MessageRejected, Report, TransportUnavailable


class Mail:
    def send(self, content: Content) -> str:
        email = EmailMessage(subject=content.subject, body=content.body, to=[content.recipient])
        try:
            mailers.default.send_messages([email])
        except smtplib.SMTPRecipientsRefused as refused:
            if all(code >= 500 for code, _ in refused.recipients.values()):
                raise MessageRejected("почтовый сервер не принял этот адрес") from refused
            raise TransportUnavailable from refused
        except OSError as error:  # smtplib's exceptions are OSErrors
            raise TransportUnavailable from error
        return ""

    def report(self, provider_id: str) -> Report | None:
        return None
