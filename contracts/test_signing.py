"""Rules of signing codes and signatures."""

import re
from datetime import timedelta
from decimal import Decimal

import pytest
import time_machine
from django.db import DatabaseError, connection
from django.urls import reverse
from django.utils import timezone

from clients.models import AccountStatus, AppUser, Status
from conftest import as_owner
from contracts import issuing, signing
from contracts.conftest import code_appears_in, code_sent_to, sign, wrong_code
from contracts.evidence import evidence_is_intact
from contracts.models import Contract, SigningCode
from devices.saving import delete_device
from messaging import codes
from messaging.codes import MAX_ATTEMPTS_PER_CODE, MAX_CODES_PER_HOUR
from passport.saving import save_passport
from support.models import LogEntry, Message, Ticket


def later(**delta):
    return time_machine.travel(timezone.now() + timedelta(**delta), tick=True)


def test_client_code_signs(issued, anna):
    contract = sign(issued, anna)

    contract.refresh_from_db()
    assert contract.signed_by == anna
    assert contract.client.status == Status.AWAITING_PAYMENT
    assert contract.codes.get().used_at == contract.signed_at
    assert (contract.signer_ip, contract.user_agent, contract.code_channel) == ("192.0.2.7", "Firefox", "Привет Супер")
    assert evidence_is_intact(contract)


@pytest.mark.parametrize(
    ("surcharge", "amount"), [("512.50", "на 512,50 ₽"), ("12500", "на 12 500,00 ₽"), ("0", "без доплаты")]
)
def test_code_message_begins_with_the_code_and_names_contract_and_amount(make, anna, surcharge, amount):
    contract = issuing.issue(make.awaiting_contract(anna, fee=Decimal(surcharge)), by=anna)
    signing.request_code(contract, by=anna)

    message = Message.objects.get(masked__isnull=False)
    rest = (
        f" — договор {contract.number} {amount}. Действует 10 минут."
        " Прочитайте договор на экране менеджера: он обязан его показать. Если согласны подписать, назовите код"
        " менеджеру, который рядом с вами, и больше никому."
    )
    assert re.fullmatch(r"Код \d{3} \d{3}" + re.escape(rest), message.body)
    assert message.masked.body == f"Код ••• •••{rest}"


def test_code_is_stored_only_as_a_hash(issued, anna):
    code = signing.request_code(issued, by=anna)

    digits = code_sent_to(issued.client)
    row = SigningCode.objects.filter(pk=code.pk).values().get()
    assert not any(code_appears_in(digits, str(value)) for value in row.values())


@pytest.mark.parametrize(("masked", "seen"), [(True, False), (False, True)])
def test_client_log_masks_the_code_depending_on_the_setting(issued, anna, settings, masked, seen):
    settings.MASK_CODE_IN_MANAGER_LOG = masked
    signing.request_code(issued, by=anna)

    entry = LogEntry.objects.get(body__startswith="Код")
    assert code_appears_in(code_sent_to(issued.client), entry.body) is seen


def test_client_messages_are_masked_whatever_the_setting(issued, anna, as_vera, settings):
    settings.MASK_CODE_IN_MANAGER_LOG = False
    signing.request_code(issued, by=anna)

    ticket = Ticket.objects.get(user=issued.client.user)
    for url in (reverse("support:tickets"), reverse("support:ticket", args=[ticket.pk])):
        text = as_vera.get(url).text
        assert "Код ••• ••• — договор" in text
        assert not code_appears_in(code_sent_to(issued.client), text)


def test_code_is_used_up_after_five_wrong_attempts(issued, anna):
    signing.request_code(issued, by=anna)
    code = code_sent_to(issued.client)
    for left in reversed(range(MAX_ATTEMPTS_PER_CODE)):
        with pytest.raises(signing.CodeWrong) as refused:
            sign(issued, anna, wrong_code(code))
        assert refused.value.attempts_left == left
    assert str(refused.value) == "Неверный код, и попыток больше нет. Запросите новый код."

    with pytest.raises(signing.CodeUsedUp):
        sign(issued, anna, code)
    assert Contract.objects.get(pk=issued.pk).signed_at is None


def test_ten_wrong_attempts_lock_the_contract(issued, anna, gleb):
    for minutes in (0, 2):
        with later(minutes=minutes):
            signing.request_code(issued, by=anna)
            code = code_sent_to(issued.client)
            for _ in range(MAX_ATTEMPTS_PER_CODE):
                with pytest.raises(signing.CodeWrong):
                    sign(issued, anna, wrong_code(code))
    with later(minutes=4):
        with pytest.raises(signing.SigningLocked):
            signing.request_code(issued, by=anna)
        with pytest.raises(signing.SigningLocked):
            sign(issued, anna, code)

        signing.unlock(issued, by=gleb)
        assert sign(issued, anna).signed_at


def test_reissuing_does_not_reset_the_attempt_count(issued, anna, make):
    signing.request_code(issued, by=anna)
    for _ in range(3):
        with pytest.raises(signing.CodeWrong):
            sign(issued, anna, wrong_code(code_sent_to(issued.client)))
    make.device(make.fresh(issued.client), anna, title="Ещё одно")

    again = issuing.issue(make.fresh(issued.client), by=anna)

    assert again.pk != issued.pk
    assert again.failed_tries == 3


def test_undoing_and_redoing_a_change_does_not_reset_the_attempt_count(signed, anna, make):
    def change():
        return make.device(make.fresh(signed.client), anna, title="Ещё одно")

    device = change()
    draft = issuing.issue(make.fresh(signed.client), by=anna)
    Contract.objects.filter(pk=draft.pk).update(failed_tries=9)
    delete_device(device, by=anna)
    issuing.restore_signed_contract(signed.client, by=anna)
    change()

    assert issuing.issue(make.fresh(signed.client), by=anna).failed_tries == 9


def test_signature_resets_the_attempt_count(issued, anna, make):
    Contract.objects.filter(pk=issued.pk).update(failed_tries=9)
    signed = sign(issued, anna)
    make.device(make.fresh(signed.client), anna, title="Ещё одно")

    assert issuing.issue(make.fresh(signed.client), by=anna).failed_tries == 0


def test_expired_code_is_refused(issued, anna):
    signing.request_code(issued, by=anna)
    code = code_sent_to(issued.client)

    for delta in ({"minutes": 10}, {"days": 30}):
        with later(**delta), pytest.raises(signing.CodeLate):
            sign(issued, anna, code)


def test_code_is_valid_for_ten_minutes(issued, anna, time_machine):
    time_machine.move_to(timezone.now(), tick=False)
    signing.request_code(issued, by=anna)

    time_machine.shift(timedelta(minutes=9, seconds=59))
    assert sign(issued, anna, code_sent_to(issued.client)).signed_at


@pytest.mark.parametrize("code", ["", "000000", " "])
def test_empty_code_does_not_sign_without_a_request(issued, anna, code):
    with pytest.raises(signing.CodeNotRequested):
        sign(issued, anna, code)
    assert issued.client.contracts.signed().count() == 0


def test_empty_code_does_not_sign_after_a_request(issued, anna):
    signing.request_code(issued, by=anna)

    with pytest.raises(signing.CodeWrong):
        sign(issued, anna, "")


def test_repeated_code_requests_send_one_message(issued, anna):
    signing.request_code(issued, by=anna)
    for _ in range(29):
        with pytest.raises(signing.CodeTooSoon):
            signing.request_code(issued, by=anna)

    assert Message.objects.filter(body__startswith="Код").count() == 1


def test_at_most_five_codes_are_sent_per_hour(issued, anna):
    for number in range(MAX_CODES_PER_HOUR):
        with later(minutes=2 * number):
            signing.request_code(issued, by=anna)
    with later(minutes=20), pytest.raises(signing.TooManyCodes):
        signing.request_code(issued, by=anna)
    with later(minutes=61):
        assert signing.request_code(issued, by=anna)


@pytest.fixture
def distinct_codes(monkeypatch):
    """Generate distinct codes; random ones could be equal."""
    numbers = iter(range(100_000, 1_000_000))
    monkeypatch.setattr(codes.secrets, "randbelow", lambda limit: next(numbers))


@pytest.mark.usefixtures("distinct_codes")
def test_only_the_newest_code_signs(issued, anna):
    signing.request_code(issued, by=anna)
    first = code_sent_to(issued.client)
    with later(minutes=2):
        signing.request_code(issued, by=anna)
        with pytest.raises(signing.CodeWrong):
            sign(issued, anna, first)


@pytest.mark.usefixtures("distinct_codes")
def test_code_of_another_contract_does_not_sign(issued, anna, make):
    other = issuing.issue(make.awaiting_contract(anna), by=anna)
    signing.request_code(issued, by=anna)
    signing.request_code(other, by=anna)

    with pytest.raises(signing.CodeWrong):
        sign(other, anna, code_sent_to(issued.client))


def test_signing_without_consent_counts_no_attempt(issued, anna):
    signing.request_code(issued, by=anna)

    with pytest.raises(signing.ConsentMissing):
        sign(issued, anna, code_sent_to(issued.client), consent=False)

    assert issued.codes.get().failed_tries == 0
    assert not Contract.objects.get(pk=issued.pk).signed_at


def test_signing_twice_signs_once(signed, anna):
    again = sign(signed, anna, "000000")

    assert again.signed_at == signed.signed_at
    assert signed.invoices.count() == 1


def test_passport_edited_after_the_code_was_sent_prevents_signing(issued, anna):
    signing.request_code(issued, by=anna)
    passport = issued.client.passport
    passport.issued_by = "Отделом УФМС по Тверской области"
    save_passport(passport, passport.digits, by=anna)

    with pytest.raises(signing.ContractStale):
        sign(issued, anna, code_sent_to(issued.client))
    with pytest.raises(signing.ContractStale):
        signing.request_code(issued, by=anna)


@pytest.mark.parametrize(
    "change", [{"surcharge": 1}, {"pdf_sha256": "0" * 64}, {"signed_at": None}, {"evidence": "{}"}]
)
def test_signed_contract_is_immutable(signed, change):
    with pytest.raises(DatabaseError, match="Cannot update"), as_owner():
        Contract.objects.filter(pk=signed.pk).update(**change)


def test_signed_contract_cannot_be_deleted(signed):
    with pytest.raises(DatabaseError, match="Cannot delete"), as_owner(), connection.cursor() as cursor:
        cursor.execute("DELETE FROM manager_contracts WHERE id = %s", [signed.pk])


def test_tampered_evidence_is_detected(signed):
    signed.refresh_from_db()
    assert evidence_is_intact(signed)

    signed.pdf_sha256 = "0" * 64
    assert not evidence_is_intact(signed)


closed_accounts = pytest.mark.parametrize(
    ("closed", "message"),
    [
        ({"status": AccountStatus.BLOCKED}, "заблокирована"),
        ({"status": AccountStatus.DELETED}, "удалена"),
        ({"deleted_at": timezone.now()}, "удалена"),
    ],
)


@closed_accounts
def test_no_code_is_sent_to_a_closed_account(issued, anna, closed, message):
    AppUser.objects.filter(pk=issued.client.user_id).update(**closed)
    logged = LogEntry.objects.count()

    with pytest.raises(signing.AccountClosed, match=f"учётная запись клиента в «Привет Супер» {message}"):
        signing.request_code(issued, by=anna)

    assert not SigningCode.objects.exists()
    assert not Message.objects.exists()
    assert LogEntry.objects.count() == logged


def test_no_code_is_sent_to_a_deleted_account(issued, anna, make):
    make.delete_account(issued.client)

    with pytest.raises(signing.AccountClosed):
        signing.request_code(Contract.objects.get(), by=anna)

    assert not SigningCode.objects.exists()


@closed_accounts
def test_code_sent_before_the_account_was_closed_does_not_sign(issued, anna, closed, message):
    signing.request_code(issued, by=anna)
    code = code_sent_to(issued.client)
    AppUser.objects.filter(pk=issued.client.user_id).update(**closed)

    for digits in (code, "000000" if code != "000000" else "111111"):
        with pytest.raises(signing.AccountClosed, match=message):
            sign(issued, anna, digits)

    contract = Contract.objects.get()
    assert (contract.signed_at, contract.failed_tries) == (None, 0)
    AppUser.objects.update(status=AccountStatus.ACTIVE, deleted_at=None)
    assert sign(issued, anna, code).signed_at


def test_deleted_account_cannot_sign(issued, anna, make):
    signing.request_code(issued, by=anna)
    code = code_sent_to(issued.client)
    make.delete_account(issued.client)

    with pytest.raises(signing.AccountClosed, match="удалена"):
        sign(issued, anna, code)

    assert Contract.objects.get().signed_at is None


def test_code_is_sent_after_the_account_was_reopened(issued, anna):
    AppUser.objects.update(status=AccountStatus.BLOCKED)
    with pytest.raises(signing.AccountClosed):
        signing.request_code(issued, by=anna)

    AppUser.objects.update(status=AccountStatus.ACTIVE)

    assert signing.request_code(issued, by=anna)
