"""Compute and record the fraud signals of a signature.

Contracts that were signed before there were signals have none.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import F, Q, QuerySet, Subquery

from agreements.models import Agreement, AgreementKind
from contact.changes import changed_since
from contact.models import ContactChange, Way
from contracts.models import Contract, FraudSignal, SignalKind, SigningCode
from contracts.snapshot import Contents
from foundation.russian import money
from links.models import Link, Place
from messaging.models import Channel

FAST = timedelta(seconds=10)
CONTACT_PERIOD = timedelta(days=1)
# Contracts of other clients that a signal names, of the newest codes or pages that are read to find them.
MAX_NAMED, MAX_READ = 3, 20


@dataclass(frozen=True)
class Facts:
    """What signals depend on besides the contract."""

    page_opened_at: datetime | None = None  # when the client's page was last opened
    # Numbers of the contracts of other clients; None for a page without a contract.
    same_phone: Sequence[str] = ()
    same_browser: Sequence[str | None] = ()
    contact_changes: Sequence[str] = ()  # values of Way
    accepted_by_manager: Sequence[str] = ()  # kinds of agreements


def record(contract: Contract) -> None:
    """Record the signals of a contract that was just signed, in the transaction of the signature.

    Call it after the event of the signature. The chain head is locked then: if two clients sign at the same time with
    one phone, the second one reads the signature of the first. Two queries; one if there is no signal.
    """
    FraudSignal.objects.bulk_create(
        FraudSignal(
            client_id=contract.client_id,
            contract=contract,
            kind=kind,
            at=contract.signed_at,
            manager_id=contract.signed_by_id,
            details=details,
        )
        for kind, details in found_in(contract, contract.snapshot.contents, _read(contract)).items()
    )


def found_in(contract: Contract, contents: Contents, facts: Facts) -> dict[SignalKind, str]:
    """Return the signals of a signed contract with their details: a sentence without personal data."""
    details = {
        SignalKind.FAST: _fast(contract, facts.page_opened_at),
        SignalKind.SHARED_PHONE: _shared("Код приходил на телефон другого клиента", facts.same_phone),
        SignalKind.SHARED_BROWSER: _shared("В этом браузере открывали страницу другого клиента", facts.same_browser),
        SignalKind.CONTACT_CHANGED: _contact_changed(facts.contact_changes),
        SignalKind.LOW_SURCHARGE: _low_surcharge(contents),
        SignalKind.CONSENT_BY_MANAGER: _consent_by_manager(contract, facts.accepted_by_manager),
        SignalKind.CODE_BY_MANAGER: "Код ввёл менеджер" if _is_code_by_manager(contract) else "",
    }
    return {kind: text for kind, text in details.items() if text}


def _read(contract: Contract) -> Facts:
    opened = Link.objects.filter(contract=contract, opened_at__isnull=False)
    facts = {
        "page_opened_at": Subquery(opened.order_by("-opened_at").values("opened_at")[:1]),
        "same_phone": ArraySubquery(_codes_on_same_phone(contract).values("contract__number")[:MAX_READ]),
        "same_browser": ArraySubquery(_pages_in_same_browser(contract, opened).values("contract__number")[:MAX_READ]),
        "contact_changes": ArraySubquery(_contact_changes(contract).values("way")),
        "accepted_by_manager": ArraySubquery(_agreements_by_manager(contract).values("kind")),
    }
    return Facts(**Contract.objects.filter(pk=contract.pk).values(**facts).get())


def _codes_on_same_phone(contract: Contract) -> QuerySet[SigningCode]:
    """Codes for signed contracts of other clients, sent to a phone to which a code for this contract was sent."""
    codes = SigningCode.objects.filter(message__channel=Channel.SMS)
    # Erased recipients are "".
    phones = codes.filter(contract=contract).exclude(message__recipient_hash="").values("message__recipient_hash")
    others = codes.filter(message__recipient_hash__in=phones).exclude(message__client=contract.client_id)
    # By the client, because codes have no index on their message.
    signed = others.filter(contract__client=F("message__client"), contract__signed_at__isnull=False)
    return signed.order_by("-sent_at")


def _pages_in_same_browser(contract: Contract, opened: QuerySet[Link]) -> QuerySet[Link]:
    """Pages of other clients, also those without a contract, in the browsers in which this contract was opened."""
    pages = Link.objects.filter(browser_hash__in=opened.values("browser_hash"))
    return pages.exclude(client=contract.client_id).order_by("-created_at")


def _contact_changes(contract: Contract) -> QuerySet[ContactChange]:
    """Changes of phone or e-mail by managers, written within a day before the signature."""
    return changed_since(contract.client, contract.signed_at - CONTACT_PERIOD).order_by("applied_at")


def _agreements_by_manager(contract: Contract) -> QuerySet[Agreement]:
    """Agreements on which the signature rests, ticked by the manager. Older editions no longer matter."""
    editions = Q(*[Q(kind=kind, version=kind.current_version) for kind in AgreementKind], _connector=Q.OR)
    in_force = Agreement.objects.filter(editions, client=contract.client_id, withdrawn_at=None)
    return in_force.filter(accepted_on=Place.MANAGER).order_by("kind")


def _is_code_by_manager(contract: Contract) -> bool:
    return contract.code_entered_on == Place.MANAGER


def _fast(contract: Contract, page_opened_at: datetime | None) -> str:
    if page_opened_at is None or contract.signed_at - page_opened_at > FAST:
        return ""
    seconds = math.ceil((contract.signed_at - page_opened_at).total_seconds())
    return f"Подписан через {seconds} с после открытия страницы"


def _shared(what: str, numbers: Sequence[str | None]) -> str:
    if not numbers:
        return ""
    named = list(dict.fromkeys(filter(None, numbers)))
    more = " и другие" if len(named) > MAX_NAMED else ""
    return f"{what}: {', '.join(named[:MAX_NAMED])}{more}" if named else what


def _contact_changed(ways: Sequence[str]) -> str:
    if not ways:
        return ""
    labels = dict.fromkeys(Way(way).label.lower() for way in ways)
    return f"Контакт изменён меньше чем за сутки до подписи: {', '.join(labels)}"


def _low_surcharge(contents: Contents) -> str:
    by_tariff = contents.tariff.extra_per_device * len(contents.devices)
    if 2 * contents.surcharge >= by_tariff:  # always, if the tariff's fee is zero
        return ""
    return f"Доплата {money.format_rubles(contents.surcharge)}, по тарифу {money.format_rubles(by_tariff)}"


def _consent_by_manager(contract: Contract, accepted_by_manager: Sequence[str]) -> str:
    labels = [AgreementKind(kind).label for kind in accepted_by_manager]
    if _is_code_by_manager(contract):  # who enters the code, ticks the consent next to it
        labels.append("Согласие подписать договор")
    return f"Отметил менеджер: {'; '.join(labels)}" if labels else ""
