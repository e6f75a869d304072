"""Sends nothing. For development, where the content stays and «Исходящие сообщения» of the admin site shows it."""

import uuid

from messaging.models import Content
from messaging.transport import Report


class Outbox:
    def send(self, content: Content) -> str:
        return f"outbox-{uuid.uuid4()}"

    def report(self, provider_id: str) -> Report | None:
        return None
