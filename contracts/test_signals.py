"""Fraud signals: which signatures get which."""

from datetime import timedelta
from decimal import Decimal

import pytest
import time_machine
from django.db import DatabaseError, connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from agreements import consents
from agreements.consents import Recorder
from agreements.models import AgreementKind
from client_page.conftest import Phone, issue_link, phone  # noqa: F401  fixture
from conftest import ROLES, as_role
from contracts import issuing, signals, signing
from contracts.conftest import code_sent_to, sign
from contracts.current import current_contents
from contracts.event_chain import ChainHead
from contracts.models import Contract, FraudSignal, SignalKind
from devices.surcharge import fix_surcharge
from links.models import Browser
from messaging import sending
from messaging.models import Channel, OutgoingMessage, Purpose

pytestmark = pytest.mark.django_db

PHONE, OTHER_PHONE = "9160000001", "9160000002"


def details(contract: Contract, kind: SignalKind) -> str | None:
    """The details of the contract's signal of this kind; None if there is none."""
    return contract.signals.filter(kind=kind).values_list("details", flat=True).first()


def new_contract(make, by, **options) -> Contract:
    return issuing.issue(make.awaiting_contract(by, **options), by=by)


def send_code(contract: Contract, by, *, to: str = PHONE, channel: Channel = Channel.SMS) -> str:
    """Send a code to the phone `to`. Return its digits."""
    code = signing.request_code(contract, by=by)
    text, now = sending.Text("Код"), timezone.now()
    with transaction.atomic():
        code.message = sending.send(
            contract.client, channel, text, purpose=Purpose.SIGNING_CODE, by=by, now=now, recipient=to
        )
    code.save(update_fields=["message"])
    return code_sent_to(contract.client)


def sign_by_sms(contract: Contract, by, **options) -> Contract:
    return sign(contract, by, send_code(contract, by, **options))


@pytest.mark.parametrize(
    ("milliseconds", "expected"),
    [
        (6_400, "Подписан через 7 с после открытия страницы"),
        (10_000, "Подписан через 10 с после открытия страницы"),
        (10_001, None),
    ],
)
@pytest.mark.parametrize("by_client", [True, False])
def test_signature_within_ten_seconds_of_opening_the_page_is_fast(issued, anna, milliseconds, expected, by_client):
    phone = Phone()  # noqa: F811
    with time_machine.travel(timezone.now(), tick=False) as clock:
        phone.open(*issue_link(issued.client, anna, issued))
        if by_client:
            phone.accept()
        else:
            signing.request_code(issued, by=anna)
        clock.shift(timedelta(milliseconds=milliseconds))
        phone.sign() if by_client else sign(issued, anna, code_sent_to(issued.client))

    assert details(issued, SignalKind.FAST) == expected


def test_last_opening_before_the_signature_counts(issued, anna):
    with time_machine.travel(timezone.now(), tick=False) as clock:
        Phone().open(*issue_link(issued.client, anna, issued))
        clock.shift(timedelta(minutes=5))
        Phone().open(*issue_link(issued.client, anna, issued))
        signing.request_code(issued, by=anna)
        clock.shift(timedelta(seconds=3))
        issue_link(issued.client, anna, issued)  # nobody opens it
        sign(issued, anna, code_sent_to(issued.client))

    assert details(issued, SignalKind.FAST) == "Подписан через 3 с после открытия страницы"


def test_signature_without_an_opened_page_is_not_fast(issued, anna):
    issue_link(issued.client, anna, issued)
    assert details(sign(issued, anna), SignalKind.FAST) is None


def test_phone_that_got_codes_of_another_client_is_shared(make, anna, boris):
    first, second = new_contract(make, anna), new_contract(make, boris)
    sign_by_sms(first, anna)
    sign_by_sms(second, boris)

    assert details(first, SignalKind.SHARED_PHONE) is None
    signal = second.signals.get(kind=SignalKind.SHARED_PHONE)
    assert signal.details == f"Код приходил на телефон другого клиента: {first.number}"
    assert (signal.client, signal.manager, signal.at) == (second.client, boris, second.signals.first().at)


def test_any_code_of_the_contract_counts_not_only_the_one_that_signed(make, anna):
    first, second = new_contract(make, anna), new_contract(make, anna)
    sign_by_sms(first, anna)
    send_code(second, anna)
    sign(second, anna)  # a later code, in the app

    assert details(second, SignalKind.SHARED_PHONE)


def test_another_phone_is_not_shared(make, anna):
    first, second = new_contract(make, anna), new_contract(make, anna)
    sign_by_sms(first, anna)
    sign_by_sms(second, anna, to=OTHER_PHONE)

    assert details(second, SignalKind.SHARED_PHONE) is None


def test_phone_of_another_client_who_did_not_sign_is_not_shared(make, anna):
    first, second = new_contract(make, anna), new_contract(make, anna)
    send_code(first, anna)
    sign_by_sms(second, anna)

    assert details(second, SignalKind.SHARED_PHONE) is None


def test_messages_that_are_no_codes_and_other_channels_are_not_compared(make, anna):
    first, second, third = (new_contract(make, anna) for _ in range(3))
    sign_by_sms(first, anna, to=OTHER_PHONE)
    text, now = sending.Text("Ссылка"), timezone.now()
    sending.send(first.client, Channel.SMS, text, purpose=Purpose.LINK, by=anna, now=now, recipient=PHONE)
    sign_by_sms(second, anna)
    sign_by_sms(third, anna, to=OTHER_PHONE, channel=Channel.EMAIL)

    assert details(second, SignalKind.SHARED_PHONE) is None
    assert details(third, SignalKind.SHARED_PHONE) is None


def test_earlier_contract_of_the_same_client_shares_nothing(make, anna):
    contract, phone = new_contract(make, anna), Phone()  # noqa: F811
    phone.open(*issue_link(contract.client, anna, contract))
    sign_by_sms(contract, anna)
    make.device(make.fresh(contract.client), anna, title="Утюг")
    again = issuing.issue(make.fresh(contract.client), by=anna)
    phone.open(*issue_link(again.client, anna, again))
    with time_machine.travel(timezone.now() + timedelta(minutes=2), tick=True):
        sign_by_sms(again, anna)

    assert not FraudSignal.objects.filter(kind__in=[SignalKind.SHARED_PHONE, SignalKind.SHARED_BROWSER]).exists()


def test_erased_recipients_are_not_compared(make, anna):
    first, second = new_contract(make, anna), new_contract(make, anna)
    sign_by_sms(first, anna)
    code = send_code(second, anna)
    with as_role(ROLES.maintenance):
        OutgoingMessage.objects.update(recipient_hash="")
    sign(second, anna, code)

    assert details(second, SignalKind.SHARED_PHONE) is None


def test_at_most_three_contracts_are_named(make, anna):
    for _ in range(4):
        last = sign_by_sms(new_contract(make, anna), anna)
        named = details(last, SignalKind.SHARED_PHONE)
    assert named.count(",") == 2
    assert "другие" not in named

    last = sign_by_sms(new_contract(make, anna), anna)
    named = details(last, SignalKind.SHARED_PHONE)
    assert named.count(",") == 2
    assert named.endswith(" и другие")


def test_browser_with_a_page_of_another_client_is_shared(make, anna):
    phone, first, second = Phone(), new_contract(make, anna), new_contract(make, anna)  # noqa: F811
    for contract in (first, second):
        phone.open(*issue_link(contract.client, anna, contract))
    sign(second, anna)

    expected = f"В этом браузере открывали страницу другого клиента: {first.number}"
    assert details(second, SignalKind.SHARED_BROWSER) == expected


def test_page_without_a_contract_shares_the_browser_too(issued, phone, make, anna):  # noqa: F811
    phone.open(*issue_link(make.verified(anna), anna))
    sign(issued, anna)

    assert details(issued, SignalKind.SHARED_BROWSER) == "В этом браузере открывали страницу другого клиента"


def test_every_browser_that_opened_the_contract_counts(issued, phone, make, anna):  # noqa: F811
    """The page of another client was opened in the first one, the contract is signed in the second one."""
    phone.open(*issue_link(make.verified(anna), anna))
    second = Phone()
    second.open(*issue_link(issued.client, anna, issued))
    second.accept()
    second.sign()

    assert details(issued, SignalKind.SHARED_BROWSER)


def test_own_browsers_are_not_shared(make, anna):
    first, second = new_contract(make, anna), new_contract(make, anna)
    for contract in (first, second):
        phone = Phone()  # noqa: F811
        phone.open(*issue_link(contract.client, anna, contract))
        phone.accept()
        phone.sign()

    assert not FraudSignal.objects.filter(kind=SignalKind.SHARED_BROWSER).exists()


@pytest.mark.parametrize(
    ("fees", "expected"),
    [
        (["74.99"], "Доплата 74,99 ₽, по тарифу 150,00 ₽"),
        (["75"], None),
        (["0", "149.99"], "Доплата 149,99 ₽, по тарифу 300,00 ₽"),
        (["0", None], None),
        ([None], None),
    ],
)
def test_surcharge_below_half_of_the_tariff_is_low(make, anna, fees, expected):
    client = make.awaiting_contract(anna, fee=fees[0] and Decimal(fees[0]))
    for fee in fees[1:]:
        make.device(client, anna, title="Утюг", extra_fee=fee and Decimal(fee))
    contract = sign(issuing.issue(make.fresh(client), by=anna), anna)

    found = details(contract, SignalKind.LOW_SURCHARGE)
    assert (found and found.replace("\u00a0", " ")) == expected


def test_no_surcharge_is_low_if_the_tariff_s_fee_is_zero(make, anna):
    client = make.awaiting_contract(anna, fee=Decimal(0))
    fix_surcharge(client, make.tariff("Без доплаты", extra_per_device=Decimal(0)), by=anna)
    contract = sign(issuing.issue(make.fresh(client), by=anna), anna)

    assert current_contents(make.fresh(client)).tariff.extra_per_device == 0
    assert details(contract, SignalKind.LOW_SURCHARGE) is None


def accept_on_page(client, kind: AgreementKind, by) -> None:
    """Let the client replace the agreement that the manager ticked by one that they accept on their page."""
    agreement = client.agreements.get(kind=kind)
    agreement.withdraw(by=by, reason="тест", now=agreement.given_at)
    link, token = issue_link(client, by)
    Phone().open(link, token)
    link.refresh_from_db()
    consents.record(client, kind, Recorder(by, Browser("203.0.113.5", "Android"), link))


def sign_on_page(contract: Contract, by) -> Contract:
    phone = Phone()  # noqa: F811
    with time_machine.travel(timezone.now(), tick=False) as clock:
        phone.open(*issue_link(contract.client, by, contract))
        phone.accept()
        clock.shift(timedelta(minutes=1))
        phone.sign()
    contract.refresh_from_db()
    return contract


def test_client_who_does_everything_on_their_page_gets_no_signal(issued, anna):
    for kind in AgreementKind:
        accept_on_page(issued.client, kind, anna)
    assert sign_on_page(issued, anna).signed_at

    assert not FraudSignal.objects.exists()


@pytest.mark.parametrize(
    ("by_client", "expected"),
    [
        (AgreementKind.PERSONAL_DATA, "Соглашение об использовании простой электронной подписи"),
        (AgreementKind.ELECTRONIC_SIGNATURE, "Согласие на обработку персональных данных"),
    ],
)
def test_agreement_that_the_manager_ticked_is_a_signal(issued, anna, by_client, expected):
    accept_on_page(issued.client, by_client, anna)
    sign_on_page(issued, anna)

    assert details(issued, SignalKind.CONSENT_BY_MANAGER) == f"Отметил менеджер: {expected}"
    assert details(issued, SignalKind.CODE_BY_MANAGER) is None


def test_older_edition_that_the_manager_ticked_is_no_signal(issued, anna):
    for kind in AgreementKind:
        accept_on_page(issued.client, kind, anna)
    newest = issued.client.agreements.filter(withdrawn_at=None).values().first()
    issued.client.agreements.create(
        **newest | {"id": None, "version": "v0", "pdf_key": "agreements/older", "accepted_on": "manager"}
    )
    sign_on_page(issued, anna)

    assert details(issued, SignalKind.CONSENT_BY_MANAGER) is None


def test_manager_who_enters_the_code_ticks_the_consent_to_the_signature_too(issued, anna):
    for kind in AgreementKind:
        accept_on_page(issued.client, kind, anna)
    sign(issued, anna)

    assert details(issued, SignalKind.CONSENT_BY_MANAGER) == "Отметил менеджер: Согласие подписать договор"
    assert details(issued, SignalKind.CODE_BY_MANAGER) == "Код ввёл менеджер"


def test_refused_signature_gets_no_signal(issued, anna):
    signing.request_code(issued, by=anna)
    with pytest.raises(signing.CodeWrong):
        sign(issued, anna, "000000" if code_sent_to(issued.client) != "000000" else "111111")

    assert not FraudSignal.objects.exists()


def test_signals_are_recorded_once_and_never_changed(signed):
    (signal, *_) = signed.signals.all()
    for change in (
        lambda: FraudSignal.objects.update(details=""),
        lambda: FraudSignal.objects.all().delete(),
        lambda: signals.record(signed),
    ):
        with pytest.raises(DatabaseError), transaction.atomic():
            change()
    assert FraudSignal.objects.filter(pk=signal.pk, details=signal.details).exists()


def test_concurrent_signatures_with_one_phone_leave_one_signal(race, make, anna):
    contracts = [new_contract(make, anna) for _ in range(2)]
    codes = [send_code(contract, anna) for contract in contracts]

    race(
        *[lambda n=n: sign(contracts[n], anna, codes[n]) for n in range(2)],
        at=ChainHead.objects.get(),
        in_order=True,
    )

    signal = FraudSignal.objects.get(kind=SignalKind.SHARED_PHONE)
    assert (signal.contract, signal.details.split(": ")[1]) == (contracts[1], contracts[0].number)


def test_concurrent_signatures_of_one_contract_record_signals_once(race, make, anna):
    contract = new_contract(make, anna)
    code = send_code(contract, anna)

    race(*[lambda: sign(contract, anna, code)] * 2, at=contract.client)

    kinds = {SignalKind.CONSENT_BY_MANAGER, SignalKind.CODE_BY_MANAGER}
    assert sorted(FraudSignal.objects.values_list("kind", flat=True)) == sorted(kinds)


def test_signals_take_two_queries(make, anna):
    phone = Phone()  # noqa: F811

    def queries() -> int:
        contract = new_contract(make, anna)
        phone.open(*issue_link(contract.client, anna, contract))
        sign_by_sms(contract, anna)
        with CaptureQueriesContext(connection) as captured, pytest.raises(DatabaseError), transaction.atomic():
            signals.record(Contract.objects.get(pk=contract.pk))
        return sum("manager_fraud_signals" in query["sql"] or "same_phone" in query["sql"] for query in captured)

    assert [queries() for _ in range(4)] == [2] * 4


def test_codes_of_a_phone_are_found_by_an_index(issued, anna):
    sign_by_sms(issued, anna)
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        plan = signals._codes_on_same_phone(issued).explain()
    assert "messages_by_phone" in plan, plan
    assert "Seq Scan" not in plan, plan
