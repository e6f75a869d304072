"""Requests for copies of documents, and the codes that were sent for them."""

from datetime import datetime, timedelta

import pgtrigger
from django.db import models
from django.db.models import F, Q
from django.utils import timezone

from clients.models import Client
from foundation.worker import RetriedWork
from links.models import Browser, hash_secret
from messaging.codes import CODE_LIFETIME, CODE_RESEND_DELAY, OneTimeCode
from messaging.models import Channel

# How long the documents stay open after a code was entered.
OPEN_FOR = timedelta(minutes=30)
# Fields that change after the request; all others never do.
CHANGING_FIELDS = [
    "handled_at", "client", "code_hash", "message", "failed_tries", "used_at", "open_until", "attempts",
    "next_attempt_at",
]  # fmt: skip


class CopyCodeQuerySet(models.QuerySet):
    def of_browser(self, secret: str) -> "CopyCodeQuerySet":
        """The requests from the browser with this secret, newest first."""
        return self.filter(browser_hash=hash_secret(secret)).order_by("-sent_at") if secret else self.none()

    def opened_in(self, secret: str) -> "CopyCodeQuerySet":
        """Those whose code was entered in the browser with this secret and still opens the documents."""
        return self.of_browser(secret).filter(open_until__gt=timezone.now())

    def last_request(self, number: str, secret: str) -> "CopyCode | None":
        """Return the newest request for the number from the browser whose code is not used, or None.

        Of several at once, such as from a double click, it is the one that gets a code.
        """
        requests = self.of_browser(secret).filter(number=number, used_at=None)
        newest = requests.first()
        return newest and (requests.filter(sent_at__gt=newest.sent_at - CODE_RESEND_DELAY).order_by("sent_at", "pk")[0])


class CopyCodeManager(models.Manager.from_queryset(CopyCodeQuerySet)):
    def request(self, number: str, channel: Channel, secret: str, browser: Browser) -> "CopyCode":
        """Record a request, or return the one of a moment ago with a code that is not used.

        The worker sends the code, so that known and unknown numbers take the same time. `number`: as
        copies.numbers.normalize() returns it; `secret`: that of the browser.
        """
        now = timezone.now()
        earlier = self.last_request(number, secret)
        if earlier and earlier.next_at > now:
            return earlier
        return self.create(
            number=number,
            channel=channel,
            browser_hash=hash_secret(secret),
            sent_at=now,
            expires_at=now + CODE_LIFETIME,
            **browser.columns,
        )


class CopyCode(RetriedWork, OneTimeCode):
    """A request for copies with its one-time code, which opens the client's documents in the browser of the request.

    Until the worker has handled it, and if the number is unknown, it has no client and no code.
    """

    number = models.CharField("номер", max_length=40)
    channel = models.CharField("куда прислать код", max_length=10, choices=Channel)
    browser_hash = models.CharField(max_length=64, editable=False)
    ip = models.GenericIPAddressField("адрес", null=True)
    user_agent = models.CharField("браузер", max_length=300, blank=True)
    handled_at = models.DateTimeField("обработан", null=True)
    client = models.ForeignKey(
        Client, on_delete=models.PROTECT, null=True, related_name="copy_codes", db_index=False, verbose_name="клиент"
    )
    open_until = models.DateTimeField("документы открыты до", null=True)

    objects = CopyCodeManager()

    class Meta:
        db_table = "manager_copy_codes"
        verbose_name = "код для копий"
        verbose_name_plural = "коды для копий"
        indexes = [
            models.Index(fields=["client", "-sent_at"], name="copy_codes_of_client"),
            models.Index(fields=["browser_hash", "-sent_at"], name="copy_codes_of_browser"),
            models.Index(fields=["next_attempt_at"], name="copy_codes_waiting", condition=Q(handled_at=None)),
            models.Index(fields=["sent_at"], name="copy_codes_unknown", condition=Q(client=None)),
        ]
        constraints = [
            models.CheckConstraint(condition=Q(expires_at__gt=F("sent_at")), name="manager_copy_codes_expire"),
            models.CheckConstraint(
                condition=Q(client=None, code_hash="", message=None)
                | Q(client__isnull=False, code_hash__gt="", message__isnull=False, handled_at__isnull=False),
                name="manager_copy_codes_sent_to_a_client",
            ),
            models.CheckConstraint(
                condition=Q(used_at=None, open_until=None)
                | Q(used_at__isnull=False, open_until__isnull=False, client__isnull=False),
                name="manager_copy_codes_opened_by_a_client",
            ),
        ]
        triggers = [
            pgtrigger.ReadOnly(name="copy_request_is_frozen", exclude=CHANGING_FIELDS),
            pgtrigger.Protect(
                name="copy_code_is_used_once",
                operation=pgtrigger.Update,
                condition=pgtrigger.Condition(
                    "OLD.used_at IS NOT NULL AND (OLD.used_at <> NEW.used_at OR NEW.open_until > OLD.open_until)"
                ),
            ),
        ]

    @property
    def next_at(self) -> datetime:
        """When the next code may be requested in this browser."""
        return self.sent_at + CODE_RESEND_DELAY

    @property
    def is_repeated(self) -> bool:
        """Whether the same browser has requested the same a moment before, such as with a double click."""
        same = CopyCode.objects.filter(browser_hash=self.browser_hash, number=self.number, used_at=None)
        recent = same.filter(sent_at__gt=self.sent_at - CODE_RESEND_DELAY)
        return recent.filter(Q(sent_at__lt=self.sent_at) | Q(sent_at=self.sent_at, pk__lt=self.pk)).exists()

    @property
    def bound_to(self) -> str:
        return f"copy-code|{self.pk}"

    def close(self) -> None:
        """Close the documents before their time. Idempotent."""
        now = timezone.now()
        CopyCode.objects.filter(pk=self.pk, open_until__gt=now).update(open_until=now)
