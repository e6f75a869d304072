"""Sign contracts with a one-time code sent to «Привет Супер»: a simple electronic signature (63-ФЗ, art. 5 and 9).

Codes are rate-limited, short-lived, stored as keyed hashes, bound to the contract's PDF and single-use.
"""

import hashlib
import hmac
import json
import re
import secrets
from datetime import UTC, datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from agreements import consents
from agreements.models import AgreementKind, AgreementMissing
from clients.models import AccountStatus, AppUser, Client, Status
from contracts import payment
from contracts.current import is_current
from contracts.event_chain import EventKind, append_event
from contracts.models import (
    CODE_LIFETIME,
    CODE_RESEND_DELAY,
    MAX_ATTEMPTS_PER_CONTRACT,
    MAX_CODES_PER_HOUR,
    SIGNATURE_FIELDS,
    Contract,
    SigningCode,
)
from foundation.observability import metrics
from foundation.russian import money
from managers.limits import TooManyTries, format_wait
from managers.models import Manager
from support import bridge, log

CHANNEL = "Привет Супер"
CODE_MASK = "••••••"


class SigningRefused(Exception):
    """The contract was not signed, or no code was sent. `message` is the reason and what to do."""

    message = ""

    def __str__(self):
        return self.message


class CodeWrong(SigningRefused):
    def __init__(self, attempts_left: int):
        self.attempts_left = attempts_left
        self.message = f"Неверный код. Осталось попыток: {attempts_left}."
        if not attempts_left:
            self.message = "Неверный код, и попыток больше нет. Запросите новый код."


class CodeLate(SigningRefused):
    message = "Срок действия кода истёк. Запросите новый код."


class CodeUsedUp(SigningRefused):
    message = "Код больше не действует: слишком много неверных попыток. Запросите новый код."


class CodeNotRequested(SigningRefused):
    message = "Код ещё не запрошен. Нажмите «Запросить код»."


class SigningLocked(SigningRefused):
    message = (
        f"Подписание заблокировано: введено {MAX_ATTEMPTS_PER_CONTRACT} неверных кодов. "
        "Обратитесь к администратору — он снимет блокировку."
    )


class ConsentMissing(SigningRefused):
    message = "Отметьте согласие клиента на простую электронную подпись."


class AgreementNeeded(SigningRefused):
    def __init__(self, missing: AgreementMissing):
        self.message = missing.message


class AccountClosed(SigningRefused):
    def __init__(self, state: str):
        is_blocked = state == AccountStatus.BLOCKED
        done, undone = ("заблокирована", "разблокировать") if is_blocked else ("удалена", "восстановить")
        self.message = (
            f"Коды сейчас не действуют: учётная запись клиента в «Привет Супер» {done}. "
            f"Попросите поддержку её {undone}, потом запросите код снова."
        )


class ContractStale(SigningRefused):
    message = "Данные клиента изменились после формирования договора. Сформируйте договор заново."


class ContractClosed(SigningRefused):
    message = "Этот договор уже не ждёт подписи. Обновите страницу."


class InvoicePaidInApp(SigningRefused):
    """Signing would cancel an invoice that the client has paid in the app."""

    def __init__(self, claimed: payment.PaymentClaimed):
        self.message = claimed.message


class CodeTooSoon(SigningRefused, TooManyTries):
    def __init__(self, wait: timedelta):
        super().__init__(wait)
        self.message = f"Новый код можно запросить через {self.seconds} с."


class TooManyCodes(SigningRefused, TooManyTries):
    def __init__(self, wait: timedelta):
        super().__init__(wait)
        self.message = (
            f"За последний час отправлено {MAX_CODES_PER_HOUR} кодов. Попробуйте через {format_wait(self.seconds)}."
        )


@metrics.count_outcome(metrics.CODES, SigningRefused, success="sent")
@transaction.atomic
def request_code(contract: Contract, *, by: Manager) -> SigningCode:
    """Send the client a new code. Earlier ones become invalid.

    Raises AccountClosed, ContractClosed, SigningLocked, AgreementNeeded, ContractStale, CodeTooSoon or TooManyCodes.
    """
    client, contract = _lock(contract)
    now = timezone.now()  # taken after waiting for the lock, so that times are in order
    _check_can_be_signed(client, contract)
    next_at = next_code_at(client, now)
    if next_at > now:
        raise (CodeTooSoon if next_at - now <= CODE_RESEND_DELAY else TooManyCodes)(next_at - now)
    digits = f"{secrets.randbelow(10**6):06}"
    code = SigningCode(contract=contract, pdf_sha256=contract.pdf_sha256, sent_at=now, expires_at=now + CODE_LIFETIME)
    code.code_hash = _code_hash(code, digits)
    code.save()
    _send_code(client, contract, digits, by=by, now=now)
    append_event(contract, EventKind.CODE_REQUESTED, by=by, at=now, code=str(code.pk), pdf_sha256=contract.pdf_sha256)
    return code


def _send_code(client: Client, contract: Contract, digits: str, *, by: Manager, now: datetime) -> None:
    body, masked = (_code_message(contract, shown) for shown in (digits, CODE_MASK))
    log_text = masked if settings.MASK_CODE_IN_MANAGER_LOG else body
    bridge.notify_client(client, body, masked=masked, log_text=log_text, by=by, now=now)


def check_account_open(account: AppUser | None) -> None:
    """Raise AccountClosed if the client can't open the app to read the code. A deleted `account` is None."""
    state = account.effective_status if account else AccountStatus.DELETED
    if state in (AccountStatus.BLOCKED, AccountStatus.DELETED):
        raise AccountClosed(state)


def next_code_at(client: Client, now: datetime) -> datetime:
    """Return when the next code may be requested; `now` or earlier if immediately."""
    hour = timedelta(hours=1)
    codes = SigningCode.objects.filter(contract__client=client, sent_at__gt=now - hour).order_by("-sent_at")
    sent = list(codes.values_list("sent_at", flat=True)[:MAX_CODES_PER_HOUR])
    if not sent:
        return now
    after_delay = sent[0] + CODE_RESEND_DELAY
    return max(after_delay, sent[-1] + hour) if len(sent) == MAX_CODES_PER_HOUR else after_delay


def current_code(contract: Contract) -> SigningCode | None:
    """Return the newest code, the only one that can sign, or None."""
    return contract.codes.order_by("-sent_at").first()


@metrics.count_outcome(metrics.SIGNATURES, SigningRefused, success="signed")
def sign(
    contract: Contract,
    code: str,
    *,
    consent: bool,
    pep_text_version: str,
    by: Manager,
    ip: str,
    user_agent: str,
) -> Contract:
    """Sign with the code that the client read out. Return the contract, also if it is already signed.

    Raises SigningRefused. A wrong code is counted, unless the account is closed.
    """
    refused = None
    with transaction.atomic():
        client, contract = _lock(contract)
        now = timezone.now()
        if contract.signed_at:
            return contract
        _check_can_be_signed(client, contract)
        if not consent:
            raise ConsentMissing
        try:
            entered = _check_code(contract, code, now)
        except CodeWrong as wrong:
            refused = wrong  # raised after the commit, so that the count stays
            append_event(contract, EventKind.CODE_WRONG, by=by, at=now, tries=str(contract.failed_tries))
        else:
            contract.pep_text_version = pep_text_version
            contract.signer_ip, contract.user_agent = ip or None, user_agent[:300]
            _record_signature(client, contract, entered, by=by, now=now)
    if refused:
        raise refused
    return contract


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


def evidence_is_intact(contract: Contract) -> bool:
    """Whether the evidence is unchanged and matches this contract and its PDF."""
    if not contract.evidence:
        return False
    same = hmac.compare_digest(contract.evidence_hmac, _hmac(contract.evidence))
    return same and json.loads(contract.evidence) == json.loads(_evidence_json(contract))


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
    if not is_current(contract.snapshot.contents, client):
        raise ContractStale


def _check_code(contract: Contract, text: str, now: datetime) -> SigningCode:
    code = current_code(contract)
    if code is None:
        raise CodeNotRequested
    if code.used_at or code.attempts_left == 0:
        raise CodeUsedUp
    if code.is_expired(now):
        raise CodeLate
    digits = re.sub(r"\D", "", text)
    is_right = hmac.compare_digest(code.code_hash, _code_hash(code, digits)) and code.pdf_sha256 == contract.pdf_sha256
    if not is_right:
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


def _record_signature(client: Client, contract: Contract, code: SigningCode, *, by: Manager, now: datetime) -> None:
    contract.signed_at = contract.pep_agreed_at = contract.code_entered_at = now
    contract.signed_by = by
    contract.code_channel, contract.code_sent_at = CHANNEL, code.sent_at
    contract.due = payment.BillingSummary.for_client(client).due_for(contract)
    write_evidence(contract)
    contract.save(update_fields=SIGNATURE_FIELDS)
    bridge.notify_client(client, f"Договор {contract.number} подписан. Спасибо!", by=by, now=now)
    signature = {"pdf_sha256": contract.pdf_sha256, "evidence_hmac": contract.evidence_hmac}
    append_event(contract, EventKind.SIGNED, by=by, at=now, code=str(code.pk), **signature)
    try:
        payment.bill_after_signing(client, contract, by=by, now=now)
    except payment.PaymentClaimed as claimed:
        raise InvoicePaidInApp(claimed) from claimed


def write_evidence(contract: Contract) -> None:
    """Set the evidence of the signature and its HMAC. The caller saves the contract."""
    contract.evidence = _evidence_json(contract)
    contract.evidence_hmac = _hmac(contract.evidence)


def _evidence_json(contract: Contract) -> str:
    """Canonical JSON of who signed what, when and how: sorted keys, no spaces, times in ISO 8601 UTC."""
    facts = {
        "contract": contract.pk,
        "number": contract.number,
        "client": contract.client_id,
        "pdf_sha256": contract.pdf_sha256,
        "template_version": contract.template_version,
        "issued_at": contract.issued_at,
        "surcharge": f"{contract.surcharge:.2f}",
        "due": f"{contract.due:.2f}",
        "pep_text_version": contract.pep_text_version,
        "pep_agreed_at": contract.pep_agreed_at,
        "code_channel": contract.code_channel,
        "code_sent_at": contract.code_sent_at,
        "code_entered_at": contract.code_entered_at,
        "signed_at": contract.signed_at,
        "signed_by": contract.signed_by_id,
        "ip": contract.signer_ip or "",
        "user_agent": contract.user_agent,
    }
    return json.dumps(facts, default=_canonical, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def _canonical(value) -> str:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    return str(value)


def _hmac(text: str) -> str:
    return hmac.new(settings.CONTRACT_SIGNATURE_SECRET.encode(), text.encode(), hashlib.sha256).hexdigest()


def _code_hash(code: SigningCode, digits: str) -> str:
    return _hmac(f"signing-code|{code.pk}|{code.contract_id}|{code.pdf_sha256}|{digits}")


def _code_message(contract: Contract, digits: str) -> str:
    minutes = int(CODE_LIFETIME.total_seconds() // 60)
    amount = f"на {money.format_rubles(contract.surcharge)}" if contract.surcharge else "без доплаты"
    return (
        f"Код {digits[:3]} {digits[3:]} — договор {contract.number} {amount}. Действует {minutes} минут. "
        "Прочитайте договор и назовите код менеджеру, только если согласны подписать."
    ).replace(money.NBSP, " ")
