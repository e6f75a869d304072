"""Erasure on request: nothing is left but what the law requires us to retain."""

import re
from decimal import Decimal

import pgtrigger
import pytest
import time_machine
from django.urls import reverse
from django.utils import timezone

from agreements import consents
from agreements.models import AgreementKind
from clients.models import ERASED_NAME, AppUser, Client, ClientErased, Status
from clients.test_admin import save
from conftest import execute_as_owner
from contracts import audit, issuing, payment, signing
from contracts.conftest import sign
from contracts.models import Contract, InvoiceStatus, Payment
from contracts.payment_records import ERASED_REASON
from devices.saving import delete_device
from devices.shared import SharedDevice, SharedDevicePhoto
from devices.surcharge import fix_surcharge
from erasure import erasing
from erasure.conftest import LINK_ADDRESSES, MARK, act_text, all_rows_as_text, days, keys
from erasure.models import DataCategory, Erasure, ErasureReason, ErasureScope
from foundation.storage import object_storage
from foundation.storage.models import LeftObject
from managers.cipher import decrypt
from passport.models import Passport
from support import bridge, log
from support.models import LogEntry, Message, Ticket

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("maintenance")]

TOKEN = re.compile(r"gAAAA[\w=-]+")


def erase(client, gleb, **options) -> Erasure:
    return erasing.erase(client, ErasureReason.REQUEST, by=gleb, note="Заявление вх. 15", **options)


def left_in(table_texts: dict[str, str], *words: str) -> dict[str, list[str]]:
    """Return which of `words` each table contains, in plain text or encrypted."""
    matches = {}
    for table, text in table_texts.items():
        decrypted = text + " ".join(map(decrypt, TOKEN.findall(text)))
        if found := [word for word in words if word in decrypted]:
            matches[table] = found
    return matches


@pytest.mark.usefixtures("storage", "declined_link")
def test_no_client_data_is_left(issued, gleb):
    client = issued.client
    words = [MARK, client.user.phone, "yuzhny@mail.example", client.passport.digits, "1985-06-01", *LINK_ADDRESSES]
    before = left_in(all_rows_as_text(), *words)
    assert len(before) > 10
    assert keys("passports/")
    assert keys("devices/")
    assert keys("contracts/")

    erasure = erase(client, gleb)

    # The act contains the client's name, and no other data.
    assert left_in(all_rows_as_text(), *words) == {"manager_erasures": [MARK]}
    assert {key.split("/")[0] for key in keys()} == {"agreements", "erasures"}
    assert erasure.act_key in keys()


def test_account_is_closed_and_the_client_cannot_be_opened(issued, gleb, as_gleb, as_anna, make):
    client = issued.client
    erase(client, gleb)

    user = AppUser.objects.get(pk=client.user_id)
    assert (user.name, user.email, user.address, user.status) == (ERASED_NAME, None, None, "deleted")
    assert (len(user.phone), user.phone[0], bool(user.deleted_at)) == (10, "0", True)
    assert make.fresh(client).status == Status.ERASED
    for browser in (as_anna, as_gleb):
        for name in ("clients:contact", "passport:passport", "devices:devices", "contracts:card"):
            assert browser.get(reverse(name, args=[client.pk])).status_code == 404
    assert str(client.pk) not in as_anna.get(reverse("clients:list"), {"tab": "mine"}).text
    assert not Client.objects.search(MARK)
    assert client.changes.last().by == gleb


def test_unclaimed_client_can_be_erased(make, gleb):
    client = make.client(name=MARK)
    erase(client, gleb)

    assert make.fresh(client).status == Status.ERASED
    assert left_in(all_rows_as_text(), client.user.phone) == {}


def test_no_client_data_is_left_if_the_app_deleted_the_account(issued, make, gleb):
    client = issued.client
    words = [MARK, client.user.phone, "yuzhny@mail.example", client.passport.digits, "1985-06-01"]
    make.delete_account(client)

    erasure = erase(client, gleb)

    assert left_in(all_rows_as_text(), *words) == {"manager_erasures": [MARK]}
    assert erasure.lines.filter(category=DataCategory.CONTACT, table="manager_contact_history").exists()
    assert "которой клиент пользуется" not in act_text(erasure)


@pytest.mark.parametrize("has_history", [True, False])
def test_act_names_the_client_of_a_deleted_account_from_the_history(has_history, make, gleb):
    client = make.client(name=MARK)
    make.delete_account(client)
    if not has_history:
        with pgtrigger.ignore("clients.AppUserHistory:append_only"):
            AppUser.history.rel.related_model.objects.all().delete()

    erasure = erase(client, gleb)
    assert erasure.subject == (MARK if has_history else "Учётная запись удалена")
    assert "которой клиент пользуется" not in act_text(erasure)


def test_operations_on_an_erased_client_are_refused(issued, gleb, anna):
    client = issued.client
    erase(client, gleb)

    with pytest.raises(ClientErased):
        log.add_note(client, MARK, by=anna, now=timezone.now())
    with pytest.raises(ClientErased):
        bridge.notify_client(client, MARK, by=anna, now=timezone.now())
    with pytest.raises(ClientErased):
        client.confirm_contact(by=anna, name=MARK, phone="9770000001", email=None, address=MARK)
    with pytest.raises(ClientErased):
        erase(client, gleb)


def test_contract_in_force_limits_the_erasure_to_the_passport(paid, gleb, as_anna, make):
    client = paid.client
    erasure = erase(client, gleb)

    assert erasure.scope == ErasureScope.PASSPORT
    assert not Passport.objects.exists()
    assert not keys("passports/")
    assert not keys("incoming/")
    assert keys("contracts/") == {paid.pdf_key}
    fresh = make.fresh(client)
    assert (fresh.status, fresh.user.name) == (Status.PROCESSED, client.user.name)
    assert fresh.devices.exists()
    message = Message.objects.filter(ticket__user=client.user).order_by("-created_at").first()
    assert "Паспортные данные и фотография паспорта уничтожены" in message.body
    for name in ("contracts:done", "contracts:card"):
        assert as_anna.get(reverse(name, args=[client.pk])).status_code == 200
    # Only the name and address of the account, which stay; not those of the passport.
    assert fresh.search.count(MARK.lower()) == 2


def test_next_contract_requires_consent_and_passport_again(paid, gleb, anna, as_anna, make):
    client = paid.client
    erase(client, gleb)
    make.device(make.fresh(client), anna)

    response = as_anna.get(reverse("contracts:contract", args=[client.pk]))
    assert response.url == reverse("passport:passport", args=[client.pk])
    assert "Согласие на обработку" in as_anna.get(response.url).text


def test_only_the_contract_is_retained_if_the_client_ended_it(paid, gleb, make):
    client = paid.client
    erasure = erase(client, gleb, ended=True)

    assert erasure.scope == ErasureScope.CLIENT
    assert make.fresh(client).status == Status.ERASED
    paid.refresh_from_db()
    assert paid.snapshot.contents.person.last_name == MARK
    assert keys("contracts/") == {paid.pdf_key}
    assert list(audit.find_faults(files=True)) == []


def test_payments_are_retained_without_what_staff_typed(paid, gleb):
    erase(paid.client, gleb, ended=True)

    rows = Payment.objects.order_by("confirmed_at").values_list("method", "note", "undo_reason")
    assert list(rows) == [("qr", "", ERASED_REASON), ("cash", "", "")]
    assert MARK not in all_rows_as_text()["manager_payments"]
    assert paid.invoices.get().status == InvoiceStatus.PAID


def test_pending_invoices_are_cancelled(signed, gleb):
    erase(signed.client, gleb, ended=True)

    assert signed.invoices.get().status == InvoiceStatus.CANCELLED
    assert list(audit.find_faults()) == []


def issued_again(make, client, by) -> Contract:
    """Issue a contract for a client who was erased and is claimed again."""
    fresh = make.fresh(client)
    fresh.confirm_contact(by=by, name=fresh.user.name, phone=fresh.user.phone, email=None, address="")
    make.passport(make.fresh(client), by)
    make.agreement(make.fresh(client), by, AgreementKind.ELECTRONIC_SIGNATURE)
    make.device(make.fresh(client), by)
    fix_surcharge(make.fresh(client), make.tariff(), by=by)
    return issuing.issue(make.fresh(client), by=by)


def test_amounts_from_before_the_erasure_are_ignored(paid, gleb, anna, make):
    """A returning client pays the full surcharge of the new contract."""
    client = paid.client
    AppUser.objects.filter(pk=client.user_id).update(has_subscription=True)
    erase(client, gleb, ended=True)
    assert payment.Balance.for_client(make.fresh(client)) == payment.Balance([], None)

    again = sign(issued_again(make, client, anna), anna)

    assert again.due == again.surcharge == Decimal("150.00")


def test_failed_codes_from_before_the_erasure_are_ignored(issued, gleb, anna, make):
    """A returning client's contract is not locked by earlier wrong codes."""
    client = issued.client
    AppUser.objects.filter(pk=client.user_id).update(has_subscription=True)
    Contract.objects.filter(pk=issued.pk).update(failed_tries=10)
    erase(client, gleb)

    assert issued_again(make, client, anna).failed_tries == 0


def test_unpaid_ended_contract_binds_during_the_limitation_period(signed, gleb):
    with time_machine.travel(signed.ends_at + days(1)):
        assert erase(signed.client, gleb).scope == ErasureScope.PASSPORT
    with time_machine.travel(signed.ends_at + days(3 * 366 + 1)):
        assert erase(signed.client, gleb).scope == ErasureScope.CLIENT


def test_only_admins_open_the_documents_of_an_erased_client(paid, gleb, as_gleb, as_anna):
    erase(paid.client, gleb, ended=True)

    for url in (
        reverse("contracts:pdf", args=[paid.pk]),
        reverse("contracts:invoice_pdf", args=[paid.invoices.get().pk]),
        reverse("agreements:pdf", args=[paid.client.agreements.first().pk]),
    ):
        assert as_gleb.get(url).status_code == 200, url
        assert as_anna.get(url).status_code == 404, url


def test_earlier_documents_are_hidden_from_the_next_manager(paid, gleb, as_gleb, as_boris, boris, make):
    client = paid.client
    AppUser.objects.filter(pk=client.user_id).update(has_subscription=True)
    erase(client, gleb, ended=True)
    documents = (
        reverse("contracts:pdf", args=[paid.pk]),
        reverse("contracts:invoice_pdf", args=[paid.invoices.get().pk]),
        reverse("agreements:pdf", args=[client.agreements.first().pk]),
    )

    def check():
        text = as_boris.get(reverse("contracts:card", args=[client.pk])).text
        for url in documents:
            assert (as_gleb.get(url).status_code, as_boris.get(url).status_code) == (200, 404), url
            assert url not in text

    check()
    fresh = make.fresh(client)
    fresh.confirm_contact(by=boris, name=fresh.user.name, phone=fresh.user.phone, email=None, address="")
    check()


def test_closed_account_with_a_subscription_is_erased(issued, gleb, make):
    AppUser.objects.filter(pk=issued.client.user_id).update(has_subscription=True, status="deleted")
    erase(make.fresh(issued.client), gleb)

    assert left_in(all_rows_as_text(), MARK) == {"manager_erasures": [MARK]}


def test_name_is_erased_from_the_admin_log(issued, gleb, boris, as_gleb):
    client = issued.client
    save(as_gleb, client, boris)
    assert MARK in all_rows_as_text()["django_admin_log"]

    erase(client, gleb)

    assert left_in(all_rows_as_text(), MARK) == {"manager_erasures": [MARK]}


def test_backup_retention_starts_at_the_last_deleted_object(issued, gleb, settings):
    erasure = erase(issued.client, gleb)
    later = timezone.now() + days(5)
    erasure.objects_gone.update(removed_at=later)

    assert erasure.purged_from_backups_at == later + days(7 * settings.BACKUP_WEEKS + 1)


def test_open_contract_is_voided_and_erased_with_events(issued, gleb):
    erase(issued.client, gleb)

    issued.refresh_from_db()
    assert issued.void_at
    assert issued.erased_at
    assert issued.encrypted_snapshot == ""
    assert [event.what for event in issued.events.all()] == ["issued", "void", "erased"]
    assert list(audit.find_faults(files=True)) == []


def test_subscriber_becomes_a_new_client(issued, gleb, anna, make):
    client = issued.client
    digits = client.passport.digits
    AppUser.objects.filter(pk=client.user_id).update(has_subscription=True)
    erasure = erase(make.fresh(client), gleb)

    fresh = make.fresh(client)
    assert (fresh.status, fresh.manager, fresh.claimed_at) == (Status.NEW, None, None)
    assert DataCategory.CONTACT.label not in erasure.categories
    assert DataCategory.CONTACT_HISTORY.label in erasure.categories
    assert "учётная запись в приложении «Привет Супер», которой клиент пользуется" in act_text(erasure)
    assert (fresh.user.name, fresh.user.status) == (client.user.name, "active")
    assert Ticket.objects.filter(user=client.user).exists()
    assert not fresh.agreements.is_given(AgreementKind.PERSONAL_DATA)
    assert left_in(all_rows_as_text(), digits, "1985-06-01") == {}
    # The client can be claimed and can agree again.
    fresh.confirm_contact(by=anna, name=fresh.user.name, phone=fresh.user.phone, email=None, address="")
    make.agreement(make.fresh(client), anna)
    assert make.fresh(client).agreements.is_given(AgreementKind.PERSONAL_DATA)


def test_objects_whose_deletion_failed_earlier_are_deleted(issued, gleb, make, anna, storage):
    client = issued.client
    folder = f"devices/{make.device(client, anna).pk}"
    delete_device(client.devices.last(), by=anna)
    for key in (f"passports/{client.pk}/old.jpg", f"{folder}/old.jpg", "passports/another/old.jpg"):
        object_storage.put(key, b"left")
        LeftObject.objects.create(key=key)

    erase(client, gleb)

    assert keys("passports/") == {"passports/another/old.jpg"}
    assert keys("devices/") == set()


def test_mirrored_device_in_use_by_the_app_stays_without_photos_and_serial_number(issued, gleb):
    shared = SharedDevice.objects.get(serial_number=MARK)
    execute_as_owner("CREATE TABLE public.service_requests (device_id uuid REFERENCES public.devices (id))")
    execute_as_owner("INSERT INTO public.service_requests VALUES (%s)", [shared.pk])

    erase(issued.client, gleb)

    assert SharedDevice.objects.get(pk=shared.pk).serial_number.startswith("mgr-")
    assert not SharedDevicePhoto.objects.exists()
    assert not issued.client.devices.exists()


def test_erasure_on_request_withdraws_agreements(issued, gleb):
    erase(issued.client, gleb)

    assert {agreement.withdrawn_by for agreement in issued.client.agreements.all()} == {gleb}
    assert {agreement.status_label[:8] for agreement in issued.client.agreements.all()} == {"Отозвано"}


def test_new_log_starts_with_the_act(issued, gleb):
    erasure = erase(issued.client, gleb)

    entry = LogEntry.objects.get(thread__client=issued.client)
    assert entry.body == f"Данные клиента уничтожены. Акт № {erasure.number}."


def test_withdrawal_message_announces_the_erasure(issued, anna):
    consents.withdraw(issued.client, by=anna, reason="Сказал по телефону")
    message = Message.objects.filter(ticket__user=issued.client.user).order_by("-created_at").first()
    assert "уничтожены не позднее 30 дней" in message.body


def test_act_counts_rows_and_lists_objects_by_category(issued, gleb):
    erasure = erase(issued.client, gleb)

    counted = {(line.category, line.table): line.count for line in erasure.lines.all()}
    assert counted[DataCategory.PASSPORT, "users_passports"] == 1
    assert counted[DataCategory.PASSPORT, "users_passports_history"] >= 4
    assert counted[DataCategory.CONTACT, "users"] == 1
    assert counted[DataCategory.DRAFTS, "manager_contracts"] == 1
    categories = dict(erasure.objects_gone.values_list("key", "category"))
    assert categories[issued.pdf_key] == DataCategory.DRAFTS
    assert all(erasure.objects_gone.values_list("removed_at", flat=True))
    others = (DataCategory.CONTRACTS, DataCategory.AGREEMENTS, DataCategory.CONTACT_HISTORY)
    assert set(erasure.categories) == {category.label for category in DataCategory if category not in others}


def test_masked_messages_are_erased_with_the_conversation(issued, anna, gleb):
    signing.request_code(issued, by=anna)
    assert issued.number in all_rows_as_text()["manager_masked_messages"]

    erasure = erase(issued.client, gleb)
    assert all_rows_as_text()["manager_masked_messages"] == ""
    assert erasure.lines.get(table="manager_masked_messages").category == DataCategory.CONVERSATION


def test_storage_outage_leaves_the_act_pending_but_erases_rows(issued, gleb, monkeypatch):
    def raise_outage(key):
        raise object_storage.StorageUnavailable(key)

    with monkeypatch.context() as patch:
        patch.setattr(object_storage, "delete", raise_outage)
        erasure = erase(issued.client, gleb)
        assert (erasure.act_key, keys("erasures/")) == ("", set())
        assert not Passport.objects.exists()
        assert not erasing.finish(erasure)

    assert erasing.finish(erasure)
    assert keys("erasures/") == {erasure.act_key}
    assert keys("passports/") == set()
    assert erasing.finish(erasure)
    assert keys("erasures/") == {erasure.act_key}
    assert MARK in act_text(erasure)
