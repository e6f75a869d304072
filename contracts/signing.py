"""Signing with a one-time code that reaches the client in «Привет Супер»: a simple electronic signature (63-ФЗ, art. 5
and 9). Codes are few, short-lived, kept as keyed hashes, bound to the contract's very file, and used once.
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
from agreements.models import AgreementMissing, Kind
from clients.models import AccountStatus, AppUser, Client, Status
from contracts import payment
from contracts.current import is_current
from contracts.event_chain import What, append
from contracts.models import (
    CODE_LIFE,
    CODE_PAUSE,
    CODES_AN_HOUR,
    TRIES_PER_CONTRACT,
    Contract,
    SigningCode,
)
from foundation.observability import metrics
from managers.limits import TooManyTries, in_words
from managers.models import Manager
from support import bridge, log

CHANNEL = "Привет Супер"
MASK = "••••••"


class SigningRefused(Exception):
    """The contract was not signed, or no code was sent; `message` says why and what to do."""

    message = ""

    def __str__(self):
        return self.message


class CodeWrong(SigningRefused):
    def __init__(self, tries_left: int):
        self.tries_left = tries_left
        self.message = f"Неверный код. Осталось попыток: {tries_left}."
        if not tries_left:
            self.message = "Неверный код, и попыток больше нет. Запросите новый код."


class CodeLate(SigningRefused):
    message = "Срок действия кода истёк. Запросите новый код."


class CodeUsedUp(SigningRefused):
    message = "Код больше не действует: слишком много неверных попыток. Запросите новый код."


class CodeNotRequested(SigningRefused):
    message = "Код ещё не запрошен. Нажмите «Запросить код»."


class SigningLocked(SigningRefused):
    message = (
        f"Подписание заблокировано: введено {TRIES_PER_CONTRACT} неверных кодов. "
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


class CodeTooSoon(SigningRefused, TooManyTries):
    def __init__(self, wait: timedelta):
        super().__init__(wait)
        self.message = f"Новый код можно запросить через {self.seconds} с."


class TooManyCodes(SigningRefused, TooManyTries):
    def __init__(self, wait: timedelta):
        super().__init__(wait)
        self.message = f"За последний час отправлено {CODES_AN_HOUR} кодов. Попробуйте через {in_words(self.seconds)}."


@metrics.counted(metrics.CODES, SigningRefused, done="sent")
@transaction.atomic
def request_code(contract: Contract, *, by: Manager) -> SigningCode:
    """Send the client a new code; earlier ones stop working.

    Raises AccountClosed, ContractClosed, SigningLocked, AgreementNeeded, ContractStale, CodeTooSoon or TooManyCodes.
    """
    client, contract = _locked(contract)
    now = timezone.now()  # after the wait for the lock: a call that came first must not look later
    _check_signable(client, contract)
    next_at = next_code_at(client, now)
    if next_at > now:
        raise (CodeTooSoon if next_at - now <= CODE_PAUSE else TooManyCodes)(next_at - now)
    digits = f"{secrets.randbelow(10**6):06}"
    code = SigningCode(contract=contract, pdf_sha256=contract.pdf_sha256, sent_at=now, expires_at=now + CODE_LIFE)
    code.code_hash = _code_hash(code, digits)
    code.save()
    bridge.tell_client(
        client,
        _code_message(contract, digits),
        logged_as=_code_message(contract, MASK) if settings.MASK_CODE_IN_MANAGER_LOG else None,
        by=by,
        now=now,
    )
    append(contract, What.CODE_REQUESTED, by=by, at=now, code=str(code.pk), pdf_sha256=contract.pdf_sha256)
    return code


def check_reachable(account: AppUser | None) -> None:
    """AccountClosed when the client can't open the app, where the code would be; None: the app has no such account."""
    state = account.state if account else AccountStatus.DELETED
    if state in (AccountStatus.BLOCKED, AccountStatus.DELETED):
        raise AccountClosed(state)


def next_code_at(client: Client, now: datetime) -> datetime:
    """When the next code may be asked for; not later than `now` when at once."""
    hour = timedelta(hours=1)
    codes = SigningCode.objects.filter(contract__client=client, sent_at__gt=now - hour).order_by("-sent_at")
    sent = list(codes.values_list("sent_at", flat=True)[:CODES_AN_HOUR])
    if not sent:
        return now
    pause = sent[0] + CODE_PAUSE
    return max(pause, sent[-1] + hour) if len(sent) == CODES_AN_HOUR else pause


def current_code(contract: Contract) -> SigningCode | None:
    """The newest code; the only one that can sign."""
    return contract.codes.order_by("-sent_at").first()


@metrics.counted(metrics.SIGNATURES, SigningRefused, done="signed")
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
    """Sign with the code that the client read out. A contract that is signed already is returned as it is.

    Raises a SigningRefused; a wrong code is counted all the same, but none while the account is closed.
    """
    refused = None
    with transaction.atomic():
        client, contract = _locked(contract)
        now = timezone.now()
        if contract.signed_at:
            return contract
        _check_signable(client, contract)
        if not consent:
            raise ConsentMissing
        try:
            entered = _check_code(contract, code, now)
        except CodeWrong as wrong:
            refused = wrong  # raised after the commit, so that the count stays
            append(contract, What.CODE_WRONG, by=by, at=now, tries=str(contract.failed_tries))
        else:
            contract.pep_text_version = pep_text_version
            contract.signer_ip, contract.user_agent = ip or None, user_agent[:300]
            _record_signature(client, contract, entered, by=by, now=now)
    if refused:
        raise refused
    return contract


def unlock(contract: Contract, *, by: Manager) -> None:
    """Let the contract be signed again after too many wrong codes (admins; the caller checks)."""
    with transaction.atomic():
        client, contract = _locked(contract)
        if not contract.is_open or not contract.failed_tries:
            return
        contract.failed_tries = 0
        contract.save(update_fields=["failed_tries"])
        now = timezone.now()
        log.event(client, f"Подписание договора {contract.number} разблокировано", by=by, now=now)
        append(contract, What.UNLOCKED, by=by, at=now)


def evidence_is_intact(contract: Contract) -> bool:
    """Whether the evidence of the signature is what was written at signing, for this very file."""
    if not contract.evidence:
        return False
    same = hmac.compare_digest(contract.evidence_hmac, _hmac(contract.evidence))
    return same and json.loads(contract.evidence) == json.loads(_evidence(contract))


def _locked(contract: Contract) -> tuple[Client, Contract]:
    # The client first: every deed on a client takes its locks in this order.
    client = contract.client.locked()
    return client, Contract.objects.select_for_update(of=("self",)).get(pk=contract.pk)


def _check_signable(client: Client, contract: Contract) -> None:
    # Asked for once more: what came along with the client is of before the wait. A code that was sent earlier tells
    # nothing of the client's will either, when the account is not theirs to open.
    check_reachable(AppUser.objects.filter(pk=client.user_id).first())
    if not contract.is_open or client.status != Status.AWAITING_CONTRACT:
        raise ContractClosed
    if contract.is_locked:
        raise SigningLocked
    try:
        consents.require(client, Kind.PERSONAL_DATA, Kind.ELECTRONIC_SIGNATURE)
    except AgreementMissing as missing:
        raise AgreementNeeded(missing) from missing
    if not is_current(contract.snapshot.contents, client):
        raise ContractStale


def _check_code(contract: Contract, text: str, now: datetime) -> SigningCode:
    code = current_code(contract)
    if code is None:
        raise CodeNotRequested
    if code.used_at or code.tries_left == 0:
        raise CodeUsedUp
    if code.is_late(now):
        raise CodeLate
    digits = re.sub(r"\D", "", text)
    fits = hmac.compare_digest(code.code_hash, _code_hash(code, digits)) and code.pdf_sha256 == contract.pdf_sha256
    if not fits:
        _count_wrong(contract, code)
        raise CodeWrong(min(code.tries_left, TRIES_PER_CONTRACT - contract.failed_tries))
    code.used_at = now
    code.save(update_fields=["used_at"])
    return code


def _count_wrong(contract: Contract, code: SigningCode) -> None:
    code.failed_tries += 1
    code.save(update_fields=["failed_tries"])
    contract.failed_tries += 1
    contract.save(update_fields=["failed_tries"])


def _record_signature(client: Client, contract: Contract, code: SigningCode, *, by: Manager, now: datetime) -> None:
    contract.signed_at = contract.pep_agreed_at = contract.code_entered_at = now
    contract.signed_by = by
    contract.code_channel, contract.code_sent_at = CHANNEL, code.sent_at
    contract.due = payment.Billed.of(client).due_for(contract)
    seal(contract)
    contract.save()
    bridge.tell_client(client, f"Договор {contract.number} подписан. Спасибо!", by=by, now=now)
    signature = {"pdf_sha256": contract.pdf_sha256, "evidence_hmac": contract.evidence_hmac}
    append(contract, What.SIGNED, by=by, at=now, code=str(code.pk), **signature)
    payment.settle(client, contract, by=by, now=now)


def seal(contract: Contract) -> None:
    """Write down the evidence of the signature, with its HMAC."""
    contract.evidence = _evidence(contract)
    contract.evidence_hmac = _hmac(contract.evidence)


def _evidence(contract: Contract) -> str:
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
    minutes = int(CODE_LIFE.total_seconds() // 60)
    return (
        f"Код для подписания договора {contract.number}: {digits}. Действует {minutes} минут. "
        "Прочитайте договор и назовите код менеджеру, только если согласны подписать."
    )
