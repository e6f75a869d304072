"""The panel of steps 2 and 4 that shows the link as a QR code, and what the client does on their page."""

import hashlib
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.conf import settings
from django.urls import reverse
from django.utils import timezone
from django.utils.safestring import SafeString

from clients.models import Client
from foundation.web.qr_codes import qr_svg
from links import progress
from links.models import Browser, Link
from managers.client_ip import client_ip


def browser_of(request) -> Browser:
    return Browser(client_ip(request), request.headers.get("User-Agent", ""))


@dataclass(frozen=True)
class LinkPanel:
    """What the panel shows: `link`, the newest one, and `url`, its URL, only in the response that created it.

    `contract_id` is the contract to sign; None: the consent to processing personal data. POST to `issue_url` to create
    a link.
    """

    client: Client
    contract_id: UUID | None
    issue_url: str
    link: Link | None
    now: datetime
    url: str = ""

    @classmethod
    def of(cls, client: Client, contract_id: UUID | None = None, *, issue_url: str) -> "LinkPanel":
        link = Link.objects.newest_of(client, contract_id)
        return cls(client, contract_id, issue_url, link, timezone.now())

    @classmethod
    def with_new_link(cls, request, client: Client, contract_id: UUID | None = None, *, issue_url: str) -> "LinkPanel":
        """Create a link. Raises ClientErased, ClientReassigned or NothingToSign."""
        link, token = Link.objects.issue(client, contract_id, by=request.user, browser=browser_of(request))
        url = settings.APP_BASE_URL + reverse("client_page:open", args=[token])
        return cls(client, contract_id, issue_url, link, link.created_at, url)

    @property
    def qr_code(self) -> SafeString:
        return qr_svg(self.url)

    @property
    def message(self) -> str:
        """The text that is sent together with the URL."""
        subject = "договор для вас" if self.contract_id else "согласие на обработку ваших данных"
        end = f"{timezone.localtime(self.link.expires_at):%H:%M}"
        sender = f"{settings.COMPANY_NAME}, менеджер {self.link.created_by.name}"
        return f"{sender}: {subject}. Откройте на своём телефоне до {end} и никому не пересылайте:"

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
