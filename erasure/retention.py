"""Retention rules: which clients' data has expired, and how much of it may be erased."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db import connection, transaction
from django.db.models import Exists, F, OuterRef, Q, QuerySet, Subquery, Sum
from django.db.models.functions import Coalesce
from django.db.models.lookups import LessThanOrEqual
from django.utils import timezone

from agreements.models import Agreement, AgreementKind
from clients.models import IN_WORK, AccountStatus, AppUser, Client, Status
from contracts.models import CONTRACT_TERM, Contract, Invoice, InvoiceStatus
from contracts.payment import ZERO, Balance
from erasure.models import ErasureReason, ErasureScope
from passport.models import Passport
from support.models import LogEntry

CLAIMED_STATUSES = (*IN_WORK, Status.PROCESSED)
# Limitation period for debts (article 196 of the Civil Code).
LIMITATION_PERIOD = timedelta(days=3 * 366)


@dataclass(frozen=True)
class RetentionRule:
    """A rule: erase `scope` of these clients for `reason`. None means the largest allowed scope."""

    reason: ErasureReason
    scope: ErasureScope | None
    clients: Callable[[datetime], QuerySet[Client]]


def contract_binds_until(client: Client) -> datetime | None:
    """Return until when the contact data is needed for a signed contract, or None without one.

    It is the end of the contract, or the end of the limitation period if something is unpaid.
    """
    last = client.contracts.signed().filter(signed_at__gte=F("client__claimed_at")).order_by("-signed_at").first()
    if last is None:
        return None
    balance = Balance.for_client(client)
    return last.ends_at + LIMITATION_PERIOD if balance.pending or balance.outstanding else last.ends_at


def allowed_scope(client: Client, now: datetime, *, ended: bool = False) -> ErasureScope:
    """Return how much of the client's data may be erased now.

    `ended`: the client terminated the contract before its term ended.
    """
    until = None if ended else contract_binds_until(client)
    return ErasureScope.PASSPORT if until and until > now else ErasureScope.CLIENT


def _consent_withdrawn(now: datetime) -> QuerySet[Client]:
    """Clients who withdrew consent and did not give it again.

    Withdrawals before the client was last claimed don't count.
    """
    consent = Agreement.objects.filter(client=OuterRef("pk"), kind=AgreementKind.PERSONAL_DATA)
    cutoff = now - timedelta(days=settings.RETENTION_WITHDRAWN_DAYS)
    withdrawn = consent.filter(
        withdrawn_at__lte=cutoff, withdrawn_at__gte=OuterRef("claimed_at"), withdrawn_by__isnull=False
    )
    clients = Client.objects.filter(Exists(withdrawn), ~Exists(consent.filter(withdrawn_at=None)))
    return clients.filter(Q(status__in=CLAIMED_STATUSES), _has_erasable_data(now))


def _has_erasable_data(now: datetime) -> Q:
    """The client has a passport or unsigned contracts, or has any data and no contract in force."""
    unsigned = Contract.objects.filter(client=OuterRef("pk"), signed_at=None, erased_at=None)
    return (
        Q(Exists(_passports()))
        | Q(Exists(unsigned))
        | Q(~Exists(_signed_after(now - CONTRACT_TERM))) & _has_no_debt(now)
    )


def _has_no_debt(now: datetime) -> Q:
    """The client has no debt within the limitation period, billed or not."""
    invoices = Invoice.objects.filter(contract__client=OuterRef("pk"), contract__signed_at__gte=OuterRef("claimed_at"))
    paid = invoices.filter(status=InvoiceStatus.PAID).values("contract__client").annotate(total=Sum("amount"))
    newest = _signed_contracts().order_by("-signed_at").values("surcharge")[:1]
    is_paid = LessThanOrEqual(Coalesce(Subquery(newest), ZERO), Coalesce(Subquery(paid.values("total")), ZERO))
    pending = Exists(Invoice.objects.filter(contract__client=OuterRef("pk"), status=InvoiceStatus.PENDING))
    return Q(~pending, is_paid) | Q(~Exists(_signed_after(now - CONTRACT_TERM - LIMITATION_PERIOD)))


def _abandoned(now: datetime) -> QuerySet[Client]:
    """Clients without a signed contract and without recent activity. New clients who use the app are excluded."""
    cutoff = now - timedelta(days=settings.RETENTION_UNFINISHED_DAYS)
    without_password = Q(password_hash=OuterRef("initial_password_hash"))
    unused = (without_password & Q(has_subscription=False)) | Q(status=AccountStatus.DELETED)
    used = AppUser.objects.filter(pk=OuterRef("user_id")).exclude(unused)  # none if the app deleted the account
    new = Q(status=Status.NEW, created_at__lt=cutoff) & ~Exists(used)
    clients = Client.objects.filter(Q(status__in=IN_WORK, claimed_at__lt=cutoff) | new)
    return clients.filter(~Exists(_signed_contracts()), ~Exists(_activity_since(cutoff)))


def _ended_with_passport(now: datetime) -> QuerySet[Client]:
    return _ended(now, settings.RETENTION_PASSPORT_DAYS).filter(Exists(_passports()))


def _ended_without_debt(now: datetime) -> QuerySet[Client]:
    return _ended(now, settings.RETENTION_CLIENT_DAYS).filter(_has_no_debt(now))


def _ended(now: datetime, days: int) -> QuerySet[Client]:
    """Clients whose last contract ended `days` ago, without activity since."""
    cutoff = now - timedelta(days=days)
    clients = Client.objects.filter(
        Exists(_signed_contracts()), ~Exists(_signed_after(cutoff - CONTRACT_TERM)), status__in=CLAIMED_STATUSES
    )
    return clients.filter(~Exists(_activity_since(cutoff)))


def _with_expired_documents(now: datetime) -> QuerySet[Client]:
    contracts = expired_contracts(now).filter(client=OuterRef("pk"))
    return Client.objects.filter(Exists(contracts) | Exists(expired_agreements(now).filter(client=OuterRef("pk"))))


def expired_contracts(now: datetime) -> QuerySet[Contract]:
    """Signed contracts that ended and were paid in years whose retention has expired (402-ФЗ art. 29)."""
    year = timezone.localtime(now).year - settings.RETENTION_CONTRACT_YEARS
    end = timezone.make_aware(datetime(year, 1, 1))
    paid_later = Invoice.objects.filter(contract=OuterRef("pk"), paid_at__gte=end)
    return Contract.objects.signed().filter(~Exists(paid_later), signed_at__lt=end - CONTRACT_TERM, erased_at=None)


def expired_agreements(now: datetime) -> QuerySet[Agreement]:
    """Agreements withdrawn before the cutoff, unless the client has signed contracts that are still retained."""
    cutoff = now - timedelta(days=settings.RETENTION_RECORD_YEARS * 366)
    signed = Contract.objects.signed().filter(client=OuterRef("client"), erased_at=None)
    retained = signed.exclude(pk__in=expired_contracts(now).values("pk"))
    return Agreement.objects.filter(~Exists(retained), withdrawn_at__lt=cutoff)


def _signed_contracts() -> QuerySet[Contract]:
    """Signed contracts since the client was last claimed. Earlier ones are only retained."""
    return Contract.objects.signed().filter(client=OuterRef("pk"), signed_at__gte=OuterRef("claimed_at"))


def _signed_after(moment: datetime) -> QuerySet[Contract]:
    return _signed_contracts().filter(signed_at__gt=moment)


def _passports() -> QuerySet[Passport]:
    return Passport.objects.filter(client=OuterRef("pk"))


def _activity_since(moment: datetime) -> QuerySet[LogEntry]:
    return LogEntry.objects.filter(thread__client=OuterRef("pk"), created_at__gte=moment, author__isnull=False)


RULES = (
    RetentionRule(ErasureReason.WITHDRAWN, None, _consent_withdrawn),
    RetentionRule(ErasureReason.UNFINISHED, ErasureScope.CLIENT, _abandoned),
    RetentionRule(ErasureReason.ENDED, ErasureScope.CLIENT, _ended_without_debt),
    RetentionRule(ErasureReason.ENDED, ErasureScope.PASSPORT, _ended_with_passport),
    RetentionRule(ErasureReason.STORED, ErasureScope.DOCUMENTS, _with_expired_documents),
)


def expired_clients(now: datetime) -> Iterator[tuple[RetentionRule, list]]:
    """Yield each rule with the ids of the clients to which it applies."""
    for rule in RULES:
        yield rule, _client_ids(rule, now)


@transaction.atomic
def _client_ids(rule: RetentionRule, now: datetime) -> list:
    with connection.cursor() as cursor:
        # With a million clients the query exceeds the timeout of pages. LOCAL, because PgBouncer shares sessions.
        cursor.execute("SET LOCAL statement_timeout = 0")
    return list(rule.clients(now).order_by("pk").values_list("pk", flat=True))
