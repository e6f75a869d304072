"""`rotate_keys`: all encrypted data moves to the first key, and signed data and concurrent edits are not affected."""

import io

import pytest
from cryptography.fernet import InvalidToken
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import connection
from django.utils import timezone

from conftest import authenticator_of
from contact.conftest import NEW_PHONE, request_change
from contact.models import ContactChange
from contracts import issuing
from contracts.conftest import sign
from contracts.evidence import evidence_is_intact
from contracts.models import Contract
from managers import cipher
from managers.models import Authenticator
from messaging.conftest import queue
from messaging.models import DeliveryState, OutgoingMessage
from operations import key_rotation
from passport.models import Passport, PassportTaken
from passport.saving import save_passport

pytestmark = pytest.mark.usefixtures("maintenance")

OLD, NEW = "the old key of personal data, long enough", "the new key of personal data, long enough"


def rotate(**options) -> str:
    out = io.StringIO()
    call_command("rotate_keys", stdout=out, **options)
    return out.getvalue()


def rows(table: str, without: str) -> list:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT (to_jsonb(t) - '{without}')::text FROM {table} t ORDER BY 1")  # noqa: S608
        return cursor.fetchall()


@pytest.fixture
def office(settings, make, anna):
    """A signed, a void and an open contract, a passport with history, a second factor: all with the old key."""
    settings.PERSONAL_DATA_KEYS = [OLD]
    authenticator_of(anna)
    client = make.awaiting_contract(anna)
    sign(issuing.issue(client, by=anna), anna)
    make.device(client, anna)
    issuing.issue(make.fresh(client), by=anna)
    save_passport(make.fresh(client).passport, "4613999999", by=anna)
    issuing.issue(make.fresh(client), by=anna)
    request_change(make.verified(anna, password_hash="set in the app"), anna, phone=NEW_PHONE)
    queue(make.fresh(client), recipient="9770000009")
    settings.PERSONAL_DATA_KEYS = [NEW, OLD]
    return client


def test_new_key_alone_decrypts_everything_after_rotation(office, settings):
    rotate(apply=True)

    settings.PERSONAL_DATA_KEYS = [NEW]
    assert Passport.objects.get().digits == "4613999999"
    assert all(cipher.decrypt(row.series_and_number)[:4] == "4613" for row in Passport.objects.get().history.all())
    assert {contract.snapshot.contents.person.passport_series for contract in Contract.objects.all()} == {"4613"}
    assert cipher.decrypt(Authenticator.objects.get().encrypted_key)
    assert ContactChange.objects.get().values.new == {"phone": NEW_PHONE}
    assert OutgoingMessage.objects.get(channel="sms").content.recipient == "9770000009"


def test_command_covers_every_encrypted_column(office):
    rotate(apply=True)

    with connection.cursor() as cursor:
        cursor.execute("SELECT relname FROM pg_stat_user_tables WHERE schemaname = 'privet'")
        for (table,) in cursor.fetchall():
            cursor.execute(f"SELECT value FROM \"{table}\" t, jsonb_each_text(to_jsonb(t)) WHERE value ^@ 'gAAAAA'")  # noqa: S608
            assert all(cipher.reencrypt(token) == token for (token,) in cursor.fetchall()), table


def test_rotation_changes_nothing_else_and_signatures_stay_valid(office):
    tables = {
        "manager_contracts": "encrypted_snapshot", "users_passports": "series_and_number",
        "users_passports_history": "series_and_number", "manager_contracts_history": "", "manager_contract_events": "",
    }  # fmt: skip
    before = {table: rows(table, column) for table, column in tables.items()}

    rotate(apply=True)

    assert {table: rows(table, column) for table, column in tables.items()} == before
    assert evidence_is_intact(Contract.objects.signed().get())
    assert "No faults found" in _verify_audit()


def _verify_audit() -> str:
    out = io.StringIO()
    call_command("verify_audit", stdout=out, files=True)
    return out.getvalue()


def test_dry_run_only_counts(office):
    before = rows("manager_contracts", ""), rows("users_passports", ""), rows("users_passports_history", "")

    output = rotate()

    assert "manager_contracts.encrypted_snapshot: 3 of 3 to renew" in output
    assert "users_passports.series_and_number: 1 of 1 to renew" in output
    assert (rows("manager_contracts", ""), rows("users_passports", ""), rows("users_passports_history", "")) == before


def test_interrupted_rotation_continues(office, monkeypatch):
    monkeypatch.setattr(key_rotation, "BATCH_SIZE", 1)
    renew, calls = key_rotation.EncryptedColumn._rotate_row, []

    def interrupted(self, row, **options):
        calls.append(row)
        if len(calls) == 4:
            raise KeyboardInterrupt
        renew(self, row, **options)

    monkeypatch.setattr(key_rotation.EncryptedColumn, "_rotate_row", interrupted)
    with pytest.raises(KeyboardInterrupt):
        rotate(apply=True)

    output = rotate(apply=True)

    assert "users_passports.series_and_number: 0 of 1 renewed" in output
    assert "manager_contracts.encrypted_snapshot: 3 of 3 renewed" in output
    assert "encrypted_snapshot: 0 of 3 renewed" in rotate(apply=True)


def test_undecryptable_row_is_reported_and_unchanged(office, settings):
    settings.PERSONAL_DATA_KEYS = [NEW]
    before = rows("users_passports", "")

    with pytest.raises(CommandError, match="rows are unchanged"):
        rotate(apply=True)

    assert rows("users_passports", "") == before
    with pytest.raises(InvalidToken):
        _ = Passport.objects.get().digits


def test_rotation_to_another_hash_key_still_finds_duplicates(office, make, anna, settings):
    settings.PERSONAL_DATA_HASH_KEY = "another key of hashes"
    rotate(apply=True)

    with pytest.raises(PassportTaken):
        make.passport(make.verified(anna), anna, digits="4613999999")


def test_saving_an_old_form_does_not_restore_the_old_token(office, anna):
    loaded_before = Passport.objects.select_related("client").get()
    rotate(apply=True)
    token = Passport.objects.get().series_and_number

    loaded_before.issued_by = "ОВД «Арбат»"
    save_passport(loaded_before, loaded_before.digits, by=anna)

    assert (Passport.objects.get().series_and_number, Passport.objects.get().issued_by) == (token, "ОВД «Арбат»")


def test_hash_of_a_recipient_is_renewed_while_the_content_is_there(office, settings):
    queued, failed = OutgoingMessage.objects.get(channel="sms"), queue(office, recipient="9770000009")
    failed.change_state(DeliveryState.FAILED, now=timezone.now(), problem="")
    before = failed.recipient_hash
    settings.PERSONAL_DATA_HASH_KEY = "another key of hashes"

    rotate(apply=True)

    queued.refresh_from_db()
    failed.refresh_from_db()
    assert queued.recipient_hash == cipher.keyed_hash("9770000009")
    assert failed.recipient_hash == before != queued.recipient_hash


def test_concurrent_edit_is_not_overwritten(race, make, anna, settings):
    settings.PERSONAL_DATA_KEYS = [OLD]
    passport = make.passport(make.verified(anna), anna)
    settings.PERSONAL_DATA_KEYS = [NEW, OLD]

    race(lambda: rotate(apply=True), lambda: save_passport(passport, "4613777777", by=anna), at=passport)

    settings.PERSONAL_DATA_KEYS = [NEW]
    assert Passport.objects.get().digits == "4613777777"
