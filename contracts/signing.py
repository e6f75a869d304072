"""Sign contracts with a one-time code: a simple electronic signature (63-ФЗ, art. 5 and 9).

The client gets the code by the app, SMS or e-mail (code_channels.py).
Codes are rate-limited, short-lived, stored as keyed hashes, bound to the contract's PDF and single-use.
"""

from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from agreements import consents
from agreements.models import AgreementKind, AgreementMissing
from clients.models import AccountStatus, AppUser, Client, Status
from contracts import payment, signals, signature_consent
from contracts.code_channels import ClientChannels
from contracts.current import is_current, is_newest_edition
from contracts.event_chain import EventKind, append_event
from contracts.evidence import write_evidence
from contracts.models import MAX_ATTEMPTS_PER_CONTRACT, SIGNATURE_FIELDS, Contract, SigningCode
from contracts.refusals import (
    AccountClosed,
    AgreementNeeded,
    ChannelUnavailable,
    CodeByManagerDisabled,
    CodeForClientPage,
    CodeLate,
    CodeNotRequested,
    CodeSentLikeLink,
    CodeTooSoon,
    CodeUsedUp,
    CodeWrong,
    ConsentMissing,
    ContractClosed,
    ContractEditionOld,
    ContractStale,
    InvoicePaidInApp,
    LinkEnded,
    SigningDeclined,
    SigningLocked,
    SigningRefused,
    TooManyCodes,
)
from foundation.observability import metrics
from foundation.russian import money
from links.copies import copy_hint
from links.models import LIFETIME, Browser, Link, LinkGone, Place
from managers import cipher, limits
from managers.models import Manager
from messaging import sending
from messaging.codes import (
    CODE_LIFETIME,
    CODE_MASK,
    CODE_RESEND_DELAY,
    HOUR,
    MAX_CODES_PER_HOUR,
    new_digits,
    next_code_at,
    split_digits,
)
from messaging.models import Channel, OutgoingMessage, Purpose
from support import bridge, log

# How the client uses the code: typed by themselves, or read out to the manager.
ENTER_YOURSELF = "Введите код сами на странице договора и никому не называйте."
TELL_MANAGER = (
    "Прочитайте договор на экране менеджера: он обязан его показать. Если согласны подписать, назовите код менеджеру, "
    "который рядом с вами, и больше никому."
)


@metrics.count_outcome(metrics.CODES, SigningRefused, success="sent")
@transaction.atomic
def request_code(
    contract: Contract, *, by: Manager, link: Link | None = None, channel: str | None = None
) -> SigningCode:
    """Send the client a new code. Earlier ones become invalid.

    `link`: the client requested it on their page, and can enter it only on a page of their own. `channel`: the one that
    was chosen; by default the best one.

    Raises ChannelUnavailable, AccountClosed, ContractClosed, SigningLocked, AgreementNeeded, ContractStale,
    CodeTooSoon, TooManyCodes, CodeByManagerDisabled, LinkEnded, or limits.TooManyTries if `by` has sent too many codes
    to all clients.
    """
    client, contract = _lock(contract)
    now = timezone.now()  # taken after waiting for the lock, so that times are in order
    _check_way(contract, link)
    _check_can_be_signed(client, contract)
    next_at = next_code_at(recent_codes(client, now), now)
    if next_at > now:
        raise (CodeTooSoon if next_at - now <= CODE_RESEND_DELAY else TooManyCodes)(next_at - now)
    chosen = _choose_channel(client, link or link_in_force(contract), channel)
    limits.CODES.consume(by)  # last: requests that are refused don't count
    digits = new_digits()
    code = SigningCode(contract=contract, pdf_sha256=contract.pdf_sha256, sent_at=now, expires_at=now + CODE_LIFETIME)
    code.set_digits(digits)
    code.requested_on, code.delivery_recorded = _place(link), chosen == Channel.APP
    code.message = _send_code(client, code, digits, chosen, by=None if link else by)
    code.save()
    if link:
        link.set(code_sent_at=now)
    facts = {"code": str(code.pk), "pdf_sha256": contract.pdf_sha256, "on": code.requested_on}
    facts |= {"channel": chosen.value, "message": str(code.message.pk), "contact_hash": _contact_hash(client, code)}
    append_event(contract, EventKind.CODE_REQUESTED, by=by, at=now, **facts)
    return code


def _contact_hash(client: Client, code: SigningCode) -> str:
    """Return a keyed hash of the phone and e-mail at this moment.

    The chain is never erased. So the hash is bound to the code: it proves a phone that somebody names, but does not
    find other codes or clients with the same.
    """
    return cipher.keyed_hash(f"{code.pk}|{client.user.phone}|{client.user.email or ''}")


def _choose_channel(client: Client, link: Link | None, channel: str | None) -> Channel:
    channels = ClientChannels.of(client).for_code(link)
    if not channels or channel and channel not in channels:
        raise ChannelUnavailable
    return Channel(channel) if channel else channels[0]


def _send_code(
    client: Client, code: SigningCode, digits: str, channel: Channel, *, by: Manager | None
) -> OutgoingMessage:
    body, masked = (_code_message(code, shown) for shown in (digits, CODE_MASK))
    text = sending.Text(
        body,
        subject=f"Код для договора {code.contract.number}",
        masked=masked,
        log_text=masked if settings.MASK_CODE_IN_MANAGER_LOG else body,
    )
    return sending.send(
        client, channel, text, purpose=Purpose.SIGNING_CODE, by=by, now=code.sent_at, expires_at=code.expires_at
    )


def link_in_force(contract: Contract) -> Link | None:
    """The link to the contract that the client may open, or has open."""
    return contract.links.in_force(timezone.now()).select_related("message").first()


def check_account_open(account: AppUser | None) -> None:
    """Raise AccountClosed if the client can't open the app to read the code. A deleted `account` is None."""
    state = account.effective_status if account else AccountStatus.DELETED
    if state in (AccountStatus.BLOCKED, AccountStatus.DELETED):
        raise AccountClosed(state)


def recent_codes(client: Client, now: datetime) -> list[SigningCode]:
    """Return the codes of the last hour, newest first. Older ones have expired."""
    codes = SigningCode.objects.filter(contract__client=client, sent_at__gt=now - HOUR).select_related("message")
    return list(codes.order_by("-sent_at")[:MAX_CODES_PER_HOUR])


def current_code(contract: Contract) -> SigningCode | None:
    """Return the newest code, the only one that can sign, or None."""
    return contract.codes.select_related("message").order_by("-sent_at").first()


@metrics.count_outcome(metrics.SIGNATURES, SigningRefused, success="signed")
def sign(
    contract: Contract,
    code: str,
    *,
    consent: bool,
    pep_text_version: str,
    by: Manager,
    browser: Browser,
    link: Link | None = None,
) -> Contract:
    """Sign with the code. Return the contract, also if it is already signed.

    `link`: the client entered the code on their page, which `by` showed them; otherwise `by` entered it in their
    place. `browser` is the one in which it was entered.

    Raises SigningRefused. A wrong code is counted, unless the account is closed.
    """
    refused = None
    with transaction.atomic():
        client, contract = _lock(contract)
        now = timezone.now()
        if contract.signed_at:
            return contract
        _check_way(contract, link)
        _check_can_be_signed(client, contract)
        if not consent or pep_text_version != signature_consent.current_version():
            raise ConsentMissing
        try:
            entered = _check_code(contract, code, link, now)
        except CodeWrong as wrong:
            refused = wrong  # raised after the commit, so that the count stays
            facts = {"tries": str(contract.failed_tries), "on": _place(link)}
            append_event(contract, EventKind.CODE_WRONG, by=by, at=now, **facts)
        else:
            contract.pep_text_version = pep_text_version
            contract.pep_agreed_at = link.agreed_at if link else now
            contract.signer_ip, contract.user_agent = browser.columns["ip"], browser.columns["user_agent"]
            _record_signature(client, contract, entered, by=by, link=link, now=now)
    if refused:
        raise refused
    return contract


@transaction.atomic
def decline(link: Link, reason: str) -> None:
    """Record that the client declines to sign. Idempotent. Codes that were sent before no longer sign."""
    if link.refuse(reason):
        append_event(link.contract, EventKind.DECLINED, by=None, at=link.refused_at)


def unlock(contract: Contract, *, by: Manager) -> None:
    """Reset the number of wrong codes, so that the contract can be signed. The caller checks that `by` is an admin."""
    with transaction.atomic():
        client, contract = _lock(contract)
        if not contract.is_open or not contract.failed_tries:
            return
        contract.failed_tries = 0
        contract.save(update_fields=["failed_tries"])
        now = timezone.now()
        log.add_event(client, f"Подписание договора {contract.number} разблокировано", by=by, now=now)
        append_event(contract, EventKind.UNLOCKED, by=by, at=now)


def _lock(contract: Contract) -> tuple[Client, Contract]:
    # Lock the client first; every operation uses this lock order.
    client = contract.client.lock()
    return client, Contract.objects.select_for_update(of=("self",)).get(pk=contract.pk)


def _check_can_be_signed(client: Client, contract: Contract) -> None:
    # Locked: the app may be closing the account. A code sent earlier is no proof of consent either if the client can't
    # open the account.
    check_account_open(client.lock_account())
    if not contract.is_open or client.status != Status.AWAITING_CONTRACT:
        raise ContractClosed
    if contract.is_locked:
        raise SigningLocked
    try:
        consents.require_consent(client, AgreementKind.PERSONAL_DATA, AgreementKind.ELECTRONIC_SIGNATURE)
    except AgreementMissing as missing:
        raise AgreementNeeded(missing) from missing
    if not is_newest_edition(contract):
        raise ContractEditionOld
    if not is_current(contract.snapshot.contents, client):
        raise ContractStale


def _place(link: Link | None) -> Place:
    return Place.CLIENT_PAGE if link else Place.MANAGER


def _check_way(contract: Contract, link: Link | None) -> None:
    """Check that a code may be requested and entered there. The caller holds the client's lock."""
    if link is None:
        if not settings.CODE_BY_MANAGER:
            raise CodeByManagerDisabled
        return
    if link.contract_id != contract.pk:
        raise LinkEnded
    try:
        link.check_still_open()
    except LinkGone as gone:
        raise LinkEnded from gone


def _check_code(contract: Contract, text: str, link: Link | None, now: datetime) -> SigningCode:
    code = current_code(contract)
    if code is None:
        raise CodeNotRequested
    if link is None and code.requested_on == Place.CLIENT_PAGE:
        raise CodeForClientPage
    if Link.objects.filter(contract=contract, refused_at__gte=code.sent_at).exists():
        raise SigningDeclined
    if link and link.sent_by and code.message and code.message.channel == link.sent_by:
        raise CodeSentLikeLink
    if code.used_at or code.attempts_left == 0:
        raise CodeUsedUp
    if code.is_expired(now):
        raise CodeLate
    if not code.matches(text) or code.pdf_sha256 != contract.pdf_sha256:
        _count_wrong_code(contract, code)
        raise CodeWrong(min(code.attempts_left, MAX_ATTEMPTS_PER_CONTRACT - contract.failed_tries))
    code.used_at = now
    code.save(update_fields=["used_at"])
    return code


def _count_wrong_code(contract: Contract, code: SigningCode) -> None:
    code.failed_tries += 1
    code.save(update_fields=["failed_tries"])
    contract.failed_tries += 1
    contract.save(update_fields=["failed_tries"])


def _record_signature(
    client: Client, contract: Contract, code: SigningCode, *, by: Manager, link: Link | None, now: datetime
) -> None:
    contract.signed_at = contract.code_entered_at = now
    contract.signed_by, contract.code_entered_on = by, _place(link)
    contract.code_channel = code.message.get_channel_display() if code.message else Channel.APP.label
    contract.code_sent_at = code.sent_at
    contract.due = payment.BillingSummary.for_client(client).due_for(contract)
    write_evidence(
        contract,
        account=client.user,
        agreements=client.agreements.filter(withdrawn_at=None).order_by("given_at", "pk"),
        pages=contract.links.filter(opened_at__isnull=False).select_related("message").order_by("created_at"),
        codes=contract.codes.select_related("message").order_by("sent_at"),
        link=link,
    )
    contract.save(update_fields=SIGNATURE_FIELDS)
    if code.message and code.message.channel == Channel.SMS:
        client.mark_phone_confirmed(client.user.phone)
    if link:
        link.set(signed_at=now, expires_at=now + LIFETIME)
    text = f"Договор {contract.number} подписан. Спасибо! {copy_hint(contract.number)}"
    bridge.notify_client(client, text, by=None if link else by, now=now)
    signature = {"pdf_sha256": contract.pdf_sha256, "evidence_hmac": contract.evidence_hmac}
    append_event(contract, EventKind.SIGNED, by=by, at=now, code=str(code.pk), on=contract.code_entered_on, **signature)
    signals.record(contract)
    try:
        payment.bill_after_signing(client, contract, by=by, now=now)
    except payment.PaymentClaimed as claimed:
        raise InvoicePaidInApp(claimed) from claimed


def _code_message(code: SigningCode, digits: str) -> str:
    contract = code.contract
    amount = f"на {money.format_rubles(contract.surcharge)}" if contract.surcharge else "без доплаты"
    instruction = ENTER_YOURSELF if code.requested_on == Place.CLIENT_PAGE else TELL_MANAGER
    lifetime = f"Действует {CODE_LIFETIME // timedelta(minutes=1)} минут."
    text = f"Код {split_digits(digits)} — договор {contract.number} {amount}. {lifetime} {instruction}"
    return text.replace(money.NBSP, " ")
