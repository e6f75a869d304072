"""The event chain detects direct changes in the database."""

import io

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import DatabaseError, connection, transaction

from conftest import ROLES, as_owner, as_role, as_superuser
from contracts import audit, issuing, payment, signing
from contracts.conftest import code_sent_to, sign, wrong_code
from contracts.event_chain import ChainHead, ContractEvent, EventKind
from contracts.payment_undo import undo_payment
from foundation.storage import object_storage


def event_kinds(contract) -> list[str]:
    return list(contract.events.order_by("number").values_list("what", flat=True))


def verify(**options) -> tuple[bool, str]:
    out = io.StringIO()
    try:
        with as_role(ROLES.maintenance):
            call_command("verify_audit", stdout=out, **options)
    except CommandError as error:
        return False, out.getvalue() + str(error)
    return True, out.getvalue()


def execute(sql: str, *values) -> None:
    """Execute SQL with all triggers disabled, as the owner of the database could."""
    with as_superuser(), connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE; SET LOCAL session_replication_role = replica")
        cursor.execute(sql, values)
        cursor.execute("SET LOCAL session_replication_role = origin")


def test_each_operation_appends_its_event(issued, anna):
    signing.request_code(issued, by=anna)
    code = code_sent_to(issued.client)
    with pytest.raises(signing.CodeWrong):
        sign(issued, anna, wrong_code(code))
    signing.unlock(issued, by=anna)
    signed = sign(issued, anna, code)
    payment.confirm_payment(signed.invoices.get(), "cash", by=anna)

    assert event_kinds(signed) == [
        EventKind.ISSUED, EventKind.CODE_REQUESTED, EventKind.CODE_WRONG, EventKind.UNLOCKED, EventKind.SIGNED,
        EventKind.BILLED, EventKind.BILL_PAID, EventKind.PAID,
    ]  # fmt: skip
    assert set(signed.events.values_list("by", flat=True)) == {anna.pk}
    assert verify() == (True, f"No faults found. Head: {ChainHead.objects.get()}\n")


def test_payment_that_is_undone_only_in_the_row_or_only_in_the_events_is_found(signed, anna):
    invoice = signed.invoices.get()
    payment.confirm_payment(invoice, "cash", by=anna)
    paid_at = invoice.paid_at
    execute("UPDATE manager_contracts SET paid_at = NULL, paid_by_id = NULL")
    assert "differ about paid" in verify()[1]
    execute("UPDATE manager_contracts SET paid_at = %s, paid_by_id = %s", paid_at, anna.pk)
    undo_payment(invoice, confirmed_at=paid_at, by=anna)
    assert verify()[0]

    execute("UPDATE manager_contracts SET paid_at = %s, paid_by_id = %s", paid_at, anna.pk)
    assert "differ about paid" in verify()[1]


def test_replaced_contract_gets_a_void_event(issued, make, anna):
    make.device(issued.client, anna)
    issuing.issue(make.fresh(issued.client), by=anna)

    assert event_kinds(issued) == [EventKind.ISSUED, EventKind.VOID]
    assert verify()[0]


def test_rolled_back_operation_appends_no_event(issued, anna):
    with transaction.atomic():
        signing.request_code(issued, by=anna)
        transaction.set_rollback(True)

    assert event_kinds(issued) == [EventKind.ISSUED]
    assert verify()[0]


def test_events_hold_no_personal_data(signed):
    facts = " ".join(event.facts for event in ContractEvent.objects.all())
    person = signed.snapshot.contents.person

    for value in (person.last_name, person.phone, person.passport_number, person.address, person.email):
        assert value not in facts


@pytest.mark.parametrize(
    ("sql", "fault"),
    [
        ("DELETE FROM manager_contract_events WHERE number = 2", "events 2 to 2 are missing"),
        ("DELETE FROM manager_contract_events WHERE number = 1", "events 1 to 1 are missing"),
        ("DELETE FROM manager_contract_events WHERE number > 2", "events 3 to 4 are missing at the end"),
        ("DELETE FROM manager_contract_events", "events 1 to 4 are missing"),
        ("TRUNCATE manager_contract_events", "events 1 to 4 are missing"),
        (
            "UPDATE manager_contract_events SET at = at - interval '1 day' WHERE number = 3",
            "event 3 (signed) was changed",
        ),
        ("UPDATE manager_contract_events SET facts = '{}' WHERE number = 4", "event 4 (billed) was changed"),
        ("UPDATE manager_contract_events SET by_id = NULL WHERE number = 1", "event 1 (issued) was changed"),
        (
            "UPDATE manager_contract_events SET number = CASE number WHEN 2 THEN -3 ELSE -2 END WHERE number IN (2, 3);"
            "UPDATE manager_contract_events SET number = -number WHERE number < 0",
            "event 2 does not follow event 1",
        ),
        (
            "INSERT INTO manager_contract_events (number, contract_id, at, what, facts, previous, hmac)"
            " SELECT 5, contract_id, at, what, facts, hmac, hmac"
            " FROM manager_contract_events WHERE number = 4",
            "event 5 (billed) was changed",
        ),
        ("DELETE FROM manager_contract_events_head", "the head of the chain is missing"),
        ("UPDATE manager_contract_events_head SET number = 3", "the head of the chain was changed"),
        (
            "DELETE FROM manager_contract_events WHERE number = 4; UPDATE manager_contract_events_head SET number = 3,"
            " hmac = (SELECT hmac FROM manager_contract_events WHERE number = 3)",
            "the head of the chain was changed",
        ),
        ("UPDATE manager_contracts SET evidence = replace(evidence, '192.0.2.7', '192.0.2.8')", "does not verify"),
        ("UPDATE manager_contracts SET due = 1", "does not verify"),
        ("UPDATE manager_contracts SET evidence_hmac = 'x'", "its signature differs from the signed event"),
        ("UPDATE manager_contracts SET pdf_sha256 = 'x'", "its PDF hash differs from the issued event"),
        ("UPDATE manager_contracts SET void_at = now(), signed_at = NULL", "differ about void"),
        ("UPDATE manager_contracts SET paid_at = now()", "differ about paid"),
    ],
)
def test_direct_changes_in_the_database_are_detected(signed, sql, fault):
    assert verify()[0]

    execute("ALTER TABLE manager_contracts DROP CONSTRAINT manager_contracts_signed_or_void")
    execute(sql)

    is_intact, output = verify()
    assert not is_intact
    assert fault in output


def test_contract_deleted_with_its_events_is_detected(signed):
    execute("DELETE FROM manager_contract_events WHERE contract_id = %s", signed.pk)
    execute("DELETE FROM manager_contracts WHERE id = %s", signed.pk)

    assert "are missing" in verify()[1]


def test_files_option_verifies_stored_pdfs(signed):
    assert verify(files=True)[0]
    object_storage.delete(signed.pdf_key)
    assert verify()[0]
    assert f"contract {signed.number}: its file is missing" in verify(files=True)[1]
    object_storage.put(signed.pdf_key, b"%PDF another")
    assert f"contract {signed.number}: its file was changed" in verify(files=True)[1]


def test_verification_fails_with_another_secret(signed, settings):
    settings.CONTRACT_SIGNATURE_SECRET = "another"

    assert "event 1 (issued) was changed" in verify()[1]


def test_contracts_without_events_are_adopted_once(signed):
    execute("DELETE FROM manager_contract_events")
    execute("DELETE FROM manager_contract_events_head")
    assert "it has no issued event" in verify()[1]

    assert verify(adopt=True)[1].startswith("Contracts adopted: 1.")
    assert verify(adopt=True)[1].startswith("Contracts adopted: 0.")
    assert event_kinds(signed) == [EventKind.ADOPTED]


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE manager_contract_events SET what = 'void'",
        "DELETE FROM manager_contract_events",
        "TRUNCATE manager_contract_events",
    ],
)
def test_triggers_refuse_changes_of_events(signed, sql):
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        with pytest.raises(DatabaseError, match="Cannot"), as_owner():
            cursor.execute(sql)


def test_concurrent_operations_append_to_one_chain(race, make, anna):
    clients = [make.awaiting_contract(anna), make.awaiting_contract(anna)]
    issuing.issue(make.awaiting_contract(anna), by=anna)

    race(*(lambda client=client: issuing.issue(client, by=anna) for client in clients), at=ChainHead.objects.get())

    assert list(ContractEvent.objects.values_list("number", flat=True)) == [1, 2, 3]
    assert list(audit.find_faults()) == []
