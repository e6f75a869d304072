"""Whose data is to be destroyed, by the retention times of the settings, and how much of it may go."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db import connection, transaction
from django.db.models import Exists, F, OuterRef, Q, QuerySet, Subquery, Sum
from django.db.models.functions import Coalesce
from django.db.models.lookups import LessThanOrEqual
from django.utils import timezone

from agreements.models import Agreement, Kind
from clients.accounts import UNUSABLE_PASSWORD
from clients.models import IN_WORK, AccountStatus, AppUser, Client, Status
from contracts.models import TERM, Contract, Invoice, InvoiceStatus
from contracts.payment import NOTHING, Balance
from erasure.models import Reason, Scope
from passport.models import Passport
from support.models import LogEntry

WORKED_ON = (*IN_WORK, Status.PROCESSED)
# Debts are owed no longer than they can be sued for (article 196 of the Civil Code).
CLAIMS = timedelta(days=3 * 366)


@dataclass(frozen=True)
class Rule:
    """Clients of whom `scope` is to go because of `reason`; without a scope, as much as may go."""

    reason: Reason
    scope: Scope | None
    clients: Callable[[datetime], QuerySet[Client]]


def bound_until(client: Client) -> datetime | None:
    """Until when contact data is needed to perform a signed contract: its end, or that of claims to what is unpaid."""
    last = client.contracts.signed().filter(signed_at__gte=F("client__claimed_at")).order_by("-signed_at").first()
    if last is None:
        return None
    balance = Balance.of(client)
    return last.ends_at + CLAIMS if balance.pending or balance.outstanding else last.ends_at


def scope_now(client: Client, now: datetime, *, ended: bool = False) -> Scope:
    """How much of the client may go at once; `ended`: the client has ended the contract before its time."""
    until = None if ended else bound_until(client)
    return Scope.PASSPORT if until and until > now else Scope.CLIENT


def _withdrawn(now: datetime) -> QuerySet[Client]:
    """Consent was taken back, and not given anew; what was before the client was taken up again does not count."""
    consent = Agreement.objects.filter(client=OuterRef("pk"), kind=Kind.PERSONAL_DATA)
    before = now - timedelta(days=settings.RETENTION_WITHDRAWN_DAYS)
    taken_back = consent.filter(
        withdrawn_at__lte=before, withdrawn_at__gte=OuterRef("claimed_at"), withdrawn_by__isnull=False
    )
    clients = Client.objects.filter(Exists(taken_back), ~Exists(consent.filter(withdrawn_at=None)))
    return clients.filter(Q(status__in=WORKED_ON), _has_what_may_go(now))


def _has_what_may_go(now: datetime) -> Q:
    """A passport or what was drafted of it, or anything when no contract binds us any more."""
    drafts = Contract.objects.filter(client=OuterRef("pk"), signed_at=None, erased_at=None)
    return Q(Exists(_passports())) | Q(Exists(drafts)) | Q(~Exists(_signed_after(now - TERM))) & _owes_nothing(now)


def _owes_nothing(now: datetime) -> Q:
    """Nothing that could still be sued for, whether it was billed or not."""
    invoices = Invoice.objects.filter(contract__client=OuterRef("pk"), contract__signed_at__gte=OuterRef("claimed_at"))
    paid = invoices.filter(status=InvoiceStatus.PAID).values("contract__client").annotate(total=Sum("amount"))
    newest = _signed().order_by("-signed_at").values("surcharge")[:1]
    is_paid = LessThanOrEqual(Coalesce(Subquery(newest), NOTHING), Coalesce(Subquery(paid.values("total")), NOTHING))
    pending = Exists(Invoice.objects.filter(contract__client=OuterRef("pk"), status=InvoiceStatus.PENDING))
    return Q(~pending, is_paid) | Q(~Exists(_signed_after(now - TERM - CLAIMS)))


def _unfinished(now: datetime) -> QuerySet[Client]:
    """Nothing was signed, and nobody has worked on it for so long. New clients who use the app are the app's."""
    before = now - timedelta(days=settings.RETENTION_UNFINISHED_DAYS)
    unused = Q(password_hash=UNUSABLE_PASSWORD, has_subscription=False) | Q(status=AccountStatus.DELETED)
    used = AppUser.objects.filter(pk=OuterRef("user_id")).exclude(unused)  # none where the app deleted it
    new = Q(status=Status.NEW, created_at__lt=before) & ~Exists(used)
    clients = Client.objects.filter(Q(status__in=IN_WORK, claimed_at__lt=before) | new)
    return clients.filter(~Exists(_signed()), ~Exists(_worked_on_since(before)))


def _passport_of_ended(now: datetime) -> QuerySet[Client]:
    return _ended(now, settings.RETENTION_PASSPORT_DAYS).filter(Exists(_passports()))


def _clients_of_ended(now: datetime) -> QuerySet[Client]:
    return _ended(now, settings.RETENTION_CLIENT_DAYS).filter(_owes_nothing(now))


def _ended(now: datetime, days: int) -> QuerySet[Client]:
    """The last contract ended so long ago, and nobody has worked on a new one since."""
    before = now - timedelta(days=days)
    clients = Client.objects.filter(Exists(_signed()), ~Exists(_signed_after(before - TERM)), status__in=WORKED_ON)
    return clients.filter(~Exists(_worked_on_since(before)))


def _with_documents(now: datetime) -> QuerySet[Client]:
    contracts = contracts_due(now).filter(client=OuterRef("pk"))
    return Client.objects.filter(Exists(contracts) | Exists(agreements_due(now).filter(client=OuterRef("pk"))))


def contracts_due(now: datetime) -> QuerySet[Contract]:
    """Signed contracts that ended, and were paid, in years that need not be kept any longer (402-ФЗ art. 29)."""
    year = timezone.localtime(now).year - settings.RETENTION_CONTRACT_YEARS
    end = timezone.make_aware(datetime(year, 1, 1))
    paid_later = Invoice.objects.filter(contract=OuterRef("pk"), paid_at__gte=end)
    return Contract.objects.signed().filter(~Exists(paid_later), signed_at__lt=end - TERM, erased_at=None)


def agreements_due(now: datetime) -> QuerySet[Agreement]:
    """Agreements that ended so long ago, of clients none of whose signed contracts they stand behind."""
    before = now - timedelta(days=settings.RETENTION_RECORD_YEARS * 366)
    standing = Contract.objects.signed().filter(client=OuterRef("client"), erased_at=None)
    kept = standing.exclude(pk__in=contracts_due(now).values("pk"))
    return Agreement.objects.filter(~Exists(kept), withdrawn_at__lt=before)


def _signed() -> QuerySet[Contract]:
    """Since the client was taken up: what an earlier life of theirs left binds nobody, it is only kept."""
    return Contract.objects.signed().filter(client=OuterRef("pk"), signed_at__gte=OuterRef("claimed_at"))


def _signed_after(moment: datetime) -> QuerySet[Contract]:
    return _signed().filter(signed_at__gt=moment)


def _passports() -> QuerySet[Passport]:
    return Passport.objects.filter(client=OuterRef("pk"))


def _worked_on_since(moment: datetime) -> QuerySet[LogEntry]:
    return LogEntry.objects.filter(thread__client=OuterRef("pk"), created_at__gte=moment, author__isnull=False)


RULES = (
    Rule(Reason.WITHDRAWN, None, _withdrawn),
    Rule(Reason.UNFINISHED, Scope.CLIENT, _unfinished),
    Rule(Reason.ENDED, Scope.CLIENT, _clients_of_ended),
    Rule(Reason.ENDED, Scope.PASSPORT, _passport_of_ended),
    Rule(Reason.STORED, Scope.DOCUMENTS, _with_documents),
)


def due(now: datetime) -> Iterator[tuple[Rule, list]]:
    """Each rule with the ids of the clients whom it names."""
    for rule in RULES:
        yield rule, _named(rule, now)


@transaction.atomic
def _named(rule: Rule, now: datetime) -> list:
    with connection.cursor() as cursor:
        # Among a million clients it takes seconds, more than a page may. LOCAL: PgBouncer shares sessions.
        cursor.execute("SET LOCAL statement_timeout = 0")
    return list(rule.clients(now).order_by("pk").values_list("pk", flat=True))
