"""Links to the client's page: what the client reads, accepts and signs on their own phone."""

import hashlib
import hmac
import secrets
import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta

import pgtrigger
from django.db import models, transaction
from django.db.models import F, Q
from django.utils import timezone
from django.utils.functional import cached_property

from clients.models import Client, Status
from managers.models import Manager
from messaging.models import OutgoingMessage
from support import log

# Counted from the creation, again from the opening, and again from the signature, so that the copy can be downloaded.
LIFETIME = timedelta(minutes=30)
MAX_PASSPORT_ATTEMPTS = 5
CALL_PAUSE = timedelta(minutes=1)

# Fields that change while the link is used; all others never change. Of these, the ones of FIXED_ONCE_SET never change
# again once their first field is set.
CHANGING_FIELDS = [
    "expires_at", "replaced_at", "opened_at", "browser_hash", "ip", "user_agent", "passport_attempts",
    "passport_shown_at", "pdf_opened_at", "read_at", "agreed_at", "pep_text_version", "code_sent_at", "signed_at",
    "refused_at", "refusal_reason", "called_at", "message",
]  # fmt: skip
FIXED_ONCE_SET = [
    ("replaced_at",),
    ("opened_at", "browser_hash", "ip", "user_agent"),
    ("signed_at", "agreed_at", "pep_text_version"),
    ("refused_at", "refusal_reason"),
    ("message_id",),
]


class Place(models.TextChoices):
    """Who gave a consent, or requested or entered a code: the client on their page, or the manager."""

    CLIENT_PAGE = "client_page", "Клиентом на своей странице"
    MANAGER = "manager", "Менеджером за клиента"


@dataclass(frozen=True)
class Browser:
    """What is known of the browser that sent a request."""

    ip: str
    user_agent: str

    @property
    def columns(self) -> dict:
        return {"ip": self.ip or None, "user_agent": self.user_agent[:300]}


class LinkTaken(Exception):
    """The link was opened in another browser before."""


class LinkGone(Exception):
    """The link was replaced, has expired or was declined since it was found."""


class NothingToSign(Exception):
    """The contract was signed or replaced before a link to it was created."""


class LinkQuerySet(models.QuerySet):
    def in_force(self, now: datetime) -> "LinkQuerySet":
        return self.filter(replaced_at=None, expires_at__gt=now)

    def find(self, token: str) -> "Link | None":
        """Return the link in force with this token, or None."""
        found = (
            self.in_force(timezone.now()).filter(token_hash=hash_secret(token)).select_related("client", "created_by")
        )
        link = found.first()
        return link if link and link.is_permitted else None

    def opened_in(self, browser_secret: str) -> "LinkQuerySet":
        """The links that were opened in the browser with this secret."""
        return self.filter(browser_hash=hash_secret(browser_secret)) if browser_secret else self.none()

    def newest_of(self, client: Client, contract_id: uuid.UUID | None) -> "Link | None":
        """Return the newest link of a contract, or with None of the consent to processing personal data."""
        links = self.filter(client=client, contract_id=contract_id).select_related("contract", "message")
        return links.order_by("-created_at").first()


class LinkManager(models.Manager.from_queryset(LinkQuerySet)):
    @transaction.atomic
    def issue(
        self, client: Client, contract_id: uuid.UUID | None, *, by: Manager, browser: Browser
    ) -> tuple["Link", str]:
        """Create a link and return it with its token. All earlier links of the client stop working.

        `contract_id`: the contract to sign; None: the consent to processing personal data. Raises ClientErased or
        ClientReassigned, and NothingToSign if the contract is not open any more: the client may be downloading the copy
        on the page of the link that has signed it.
        """
        client, now = client.lock(), timezone.now()
        is_open = client.contracts.filter(pk=contract_id, signed_at=None, void_at=None)
        if contract_id and not is_open.exists():
            raise NothingToSign
        self.filter(client=client, replaced_at=None).update(replaced_at=now)
        token = secrets.token_urlsafe(24)  # 192 bits
        link = self.create(
            client=client,
            contract_id=contract_id,
            token_hash=hash_secret(token),
            created_at=now,
            created_by=by,
            created_ip=browser.columns["ip"],
            created_user_agent=browser.columns["user_agent"],
            expires_at=now + LIFETIME,
        )
        return link, token


def _facts_change() -> pgtrigger.Condition:
    """Whether an update changes what has already happened on the page."""

    def row(version: str, names: tuple[str, ...]) -> str:
        return f"ROW({', '.join(f'{version}.{name}' for name in names)})"

    changes = [
        f"(OLD.{names[0]} IS NOT NULL AND {row('OLD', names)} IS DISTINCT FROM {row('NEW', names)})"
        for names in FIXED_ONCE_SET
    ]
    return pgtrigger.Condition(f"({' OR '.join(changes)})")


class Link(models.Model):
    """A link to the client's page about one contract, or about the consent to processing personal data.

    The token is in the URL that the manager shows; only its hash is stored. The browser that opens the link is the only
    one in which it works. What happens on the page is recorded as times.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    client = models.ForeignKey(Client, on_delete=models.PROTECT, related_name="links", verbose_name="клиент")
    contract = models.ForeignKey(
        "contracts.Contract", on_delete=models.PROTECT, null=True, related_name="links", verbose_name="договор"
    )
    token_hash = models.CharField(max_length=64, unique=True, editable=False)
    created_at = models.DateTimeField("создана")
    created_by = models.ForeignKey(Manager, on_delete=models.PROTECT, related_name="+", verbose_name="кто создал")
    created_ip = models.GenericIPAddressField("адрес менеджера", null=True)
    created_user_agent = models.CharField("браузер менеджера", max_length=300, blank=True)
    # NULL: the manager showed it.
    message = models.ForeignKey(
        OutgoingMessage,
        on_delete=models.PROTECT,
        null=True,
        related_name="+",
        db_index=False,
        verbose_name="сообщение со ссылкой",
    )
    expires_at = models.DateTimeField("действует до")
    replaced_at = models.DateTimeField("заменена", null=True)

    opened_at = models.DateTimeField("открыта", null=True)
    browser_hash = models.CharField(max_length=64, blank=True, db_index=True, editable=False)
    ip = models.GenericIPAddressField("адрес клиента", null=True)
    user_agent = models.CharField("браузер клиента", max_length=300, blank=True)
    passport_attempts = models.PositiveSmallIntegerField("неверных цифр телефона", default=0)
    passport_shown_at = models.DateTimeField("паспорт показан", null=True)
    pdf_opened_at = models.DateTimeField("PDF открыт", null=True)
    read_at = models.DateTimeField("дочитано до конца", null=True)
    agreed_at = models.DateTimeField("согласия даны", null=True)
    pep_text_version = models.CharField("редакция согласия на ПЭП", max_length=20, blank=True)
    code_sent_at = models.DateTimeField("код отправлен", null=True)
    signed_at = models.DateTimeField("подписано", null=True)
    refused_at = models.DateTimeField("отказ", null=True)
    refusal_reason = models.CharField("причина отказа", max_length=500, blank=True)
    called_at = models.DateTimeField("позван менеджер", null=True)

    objects = LinkManager()

    class Meta:
        db_table = "manager_client_links"
        verbose_name = "ссылка клиента"
        verbose_name_plural = "ссылки клиентов"
        ordering = ["-created_at", "-id"]
        indexes = [models.Index(fields=["client", "-created_at"], name="links_of_client")]
        constraints = [
            models.UniqueConstraint("client", name="manager_client_links_one", condition=Q(replaced_at=None)),
            models.CheckConstraint(
                condition=Q(opened_at=None, browser_hash="") | Q(opened_at__isnull=False, browser_hash__gt=""),
                name="manager_client_links_opened_in_a_browser",
            ),
            models.CheckConstraint(
                condition=Q(signed_at=None) | Q(refused_at=None), name="manager_client_links_signed_or_refused"
            ),
            models.CheckConstraint(
                condition=Q(passport_attempts__lte=MAX_PASSPORT_ATTEMPTS), name="manager_client_links_attempts_limited"
            ),
        ]
        triggers = [
            pgtrigger.ReadOnly(name="link_is_frozen", exclude=CHANGING_FIELDS),
            pgtrigger.Protect(name="link_facts_stay", operation=pgtrigger.Update, condition=_facts_change()),
            pgtrigger.Protect(
                name="passport_attempts_are_counted",
                operation=pgtrigger.Update,
                condition=pgtrigger.Condition("NEW.passport_attempts < OLD.passport_attempts"),
            ),
        ]

    def __str__(self):
        return f"Ссылка от {timezone.localtime(self.created_at):%d.%m.%Y %H:%M}"

    @property
    def is_permitted(self) -> bool:
        """Whether the manager who created the link may still open the client, and the client was not erased."""
        visible = Client.objects.visible_to(self.created_by).exclude(status=Status.ERASED)
        return self.created_by.is_active and visible.filter(pk=self.client_id).exists()

    @property
    def sent_by(self) -> str:
        """The channel by which it was sent; "" if the manager showed it. A code never goes by the same channel."""
        return self.message.channel if self.message else ""

    @cached_property
    def code_message(self) -> OutgoingMessage | None:
        """The message with the newest code that the client has requested on the page."""
        if not self.code_sent_at:
            return None
        codes = self.contract.codes.filter(sent_at__gte=self.code_sent_at, message__isnull=False)
        code = codes.order_by("-sent_at").select_related("message").first()
        return code and code.message

    def is_in_force(self, now: datetime) -> bool:
        return self.replaced_at is None and now < self.expires_at

    def check_still_open(self) -> None:
        """Raise LinkGone if the client can't answer on the page any more. The caller holds the client's lock."""
        self.refresh_from_db()
        if self.refused_at or not self.is_in_force(timezone.now()):
            raise LinkGone

    def open(self, browser_secret: str, browser: Browser) -> None:
        """Bind the link to a browser. Idempotent for that browser.

        Raises LinkTaken for any other, LinkGone, ClientErased or ClientReassigned.
        """
        now, browser_hash = timezone.now(), hash_secret(browser_secret)
        unopened = Link.objects.in_force(now).filter(pk=self.pk, opened_at=None)
        with transaction.atomic():
            client = self.client.lock()
            is_first = unopened.update(
                opened_at=now, browser_hash=browser_hash, expires_at=now + LIFETIME, **browser.columns
            )
            if is_first:
                log.add_event(client, f"Клиент открыл страницу: {self.subject}", by=None, now=now)
        self.refresh_from_db()
        if not self.opened_at:
            raise LinkGone
        if not hmac.compare_digest(self.browser_hash, browser_hash):
            raise LinkTaken

    @property
    def subject(self) -> str:
        return f"договор {self.contract.number}" if self.contract_id else "согласие на обработку персональных данных"

    def record_time(self, name: str) -> None:
        """Set the time `name` to now, unless it is set: the first time counts."""
        now = timezone.now()
        if Link.objects.filter(pk=self.pk, **{name: None}).update(**{name: now}):
            setattr(self, name, now)

    def set(self, **values) -> None:
        Link.objects.filter(pk=self.pk).update(**values)
        for name, value in values.items():
            setattr(self, name, value)

    @transaction.atomic
    def agree_to_sign(self, version: str) -> None:
        """Record that the client agrees to sign, with the edition of the consent. The first time counts.

        Raises LinkGone, ClientErased or ClientReassigned.
        """
        self.client.lock()
        self.check_still_open()
        if not self.signed_at and (not self.agreed_at or self.pep_text_version != version):
            self.set(agreed_at=timezone.now(), pep_text_version=version)

    def count_passport_attempt(self) -> bool:
        """Count an attempt to show the passport before it is checked. Return False if none is left.

        Raises Link.DoesNotExist if the client's data was erased meanwhile.
        """
        left = Link.objects.filter(pk=self.pk, passport_attempts__lt=MAX_PASSPORT_ATTEMPTS)
        counted = left.update(passport_attempts=F("passport_attempts") + 1)
        self.refresh_from_db(fields=["passport_attempts"])
        return bool(counted)

    @transaction.atomic
    def refuse(self, reason: str) -> bool:
        """Record that the client refuses. The code that was sent before no longer signs.

        Does nothing and returns False if the client has refused before, has given the consent, or the contract was
        signed, on this page or by the manager.
        """
        client, now = self.client.lock(), timezone.now()
        if self.contract_id:
            is_answered = client.contracts.signed().filter(pk=self.contract_id).exists()
        else:
            is_answered = client.agreements.is_given("personal_data")
        unanswered = Link.objects.filter(pk=self.pk, refused_at=None)
        is_refused = not is_answered and unanswered.update(refused_at=now, refusal_reason=reason)
        if is_refused:
            log.add_event(client, f"Клиент отказался: {self.subject}. Причина: {reason}", by=None, now=now)
        self.refresh_from_db()
        return bool(is_refused)

    @transaction.atomic
    def call_manager(self) -> None:
        """Record a call. Calls within CALL_PAUSE of the last one are the same call."""
        client, now = self.client.lock(), timezone.now()
        self.check_still_open()
        if self.called_at and now - self.called_at < CALL_PAUSE:
            return
        log.add_event(client, "Клиент зовёт менеджера со своей страницы", by=None, now=now)
        self.set(called_at=now)


def hash_secret(secret: str) -> str:
    """Return what is stored of a token, or of the secret in a browser's cookie."""
    return hashlib.sha256(secret.encode()).hexdigest()
