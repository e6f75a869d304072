"""The panel of steps 2 and 4 that shows the link as a QR code, and what the client does on their page."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.urls import reverse
from django.utils import timezone
from django.utils.safestring import SafeString

from clients.models import Client
from foundation.web.qr_codes import qr_svg
from links import progress
from links.models import Browser, Link
from managers.client_ip import client_ip
from managers.models import Manager
from messaging import sending
from messaging.channels import transport_of
from messaging.models import Channel, OutgoingMessage, Purpose


def browser_of(request) -> Browser:
    return Browser(client_ip(request), request.headers.get("User-Agent", ""))


@dataclass(frozen=True)
class LinkPanel:
    """What the panel shows: `link`, the newest one, and `url`, its URL, only in the response that created it.

    `contract_id` is the contract to sign; None: the consent to processing personal data. POST to `issue_url` to create
    a link; with `channel`, one of `channels`, to send it instead of showing it.
    """

    client: Client
    contract_id: UUID | None
    issue_url: str
    link: Link | None
    now: datetime
    url: str = ""
    channels: Sequence[Channel] = ()

    @classmethod
    def of(
        cls, client: Client, contract_id: UUID | None = None, *, issue_url: str, channels: Sequence[Channel] = ()
    ) -> "LinkPanel":
        link = Link.objects.newest_of(client, contract_id)
        return cls(client, contract_id, issue_url, link, timezone.now(), channels=channels)

    @classmethod
    def with_new_link(
        cls,
        request,
        client: Client,
        contract_id: UUID | None = None,
        *,
        issue_url: str,
        channels: Sequence[Channel] = (),
    ) -> "LinkPanel":
        """Create a link. If the request has one of `channels` as `channel`, send the link and don't show it.

        Raises ClientErased, ClientReassigned or NothingToSign.
        """
        channel = next((channel for channel in channels if channel == request.POST.get("channel")), None)
        with transaction.atomic():
            link, token = Link.objects.issue(client, contract_id, by=request.user, browser=browser_of(request))
            url = settings.APP_BASE_URL + reverse("client_page:open", args=[token])
            if channel:
                link.set(message=_send(link, url, channel, by=request.user))
        return cls(client, contract_id, issue_url, link, link.created_at, "" if channel else url, channels)

    @property
    def qr_code(self) -> SafeString:
        return qr_svg(self.url)

    @property
    def message(self) -> str:
        """The text that is sent together with the URL."""
        return _message(self.link)

    @property
    def offers_draft(self) -> bool:
        """Whether the manager may send the link from their own phone. Not if codes go by SMS, to the same phone."""
        return transport_of(Channel.SMS) is None

    @property
    def message_with_url(self) -> str:
        return f"{self.message} {self.url}"

    @property
    def stages(self) -> list[progress.Stage]:
        return progress.stages(self.link)

    @property
    def advice(self) -> str:
        return progress.advice(self.link, self.now)

    @property
    def is_over(self) -> bool:
        return progress.is_over(self.link, self.now)

    @property
    def seen(self) -> str:
        """A short hash of what the status shows, so that an unchanged status is not sent again."""
        shown = repr([self.stages, self.advice, self.link.refusal_reason, self.is_over])
        return hashlib.sha256(shown.encode()).hexdigest()[:16]


def _message(link: Link) -> str:
    subject = "договор для вас" if link.contract_id else "согласие на обработку ваших данных"
    end = f"{timezone.localtime(link.expires_at):%H:%M}"
    sender = f"{settings.COMPANY_NAME}, менеджер {link.created_by.name}"
    return f"{sender}: {subject}. Откройте на своём телефоне до {end} и никому не пересылайте:"


def _send(link: Link, url: str, channel: Channel, *, by: Manager) -> OutgoingMessage:
    text = sending.Text(
        f"{_message(link)} {url}",
        subject=f"{settings.COMPANY_NAME}: {link.subject}",
        masked=f"Ссылка на страницу клиента отправлена: {link.subject}",
    )
    return sending.send(
        link.client, channel, text, purpose=Purpose.LINK, by=by, now=link.created_at, expires_at=link.expires_at
    )
