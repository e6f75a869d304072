"""Every change is kept: what it was, who made it, from which address, in which request. Nobody rewrites that."""

import pghistory
import pgtrigger
import pytest
from django.apps import apps
from django.db import DatabaseError, connection, transaction
from django.urls import reverse
from pghistory.models import Event

from clients.models import AppUser
from conftest import appears_in
from contracts import issuing
from contracts.conftest import sign
from devices.models import Device, Tariff
from devices.saving import delete_device
from managers.history import command_context
from managers.models import Role
from passport.test_passport_form import payload

pytestmark = pytest.mark.django_db

HISTORIES = [model for model in apps.get_models() if issubclass(model, Event) and model._meta.managed]
CONTACT = {"name": "Сидорова Ольга", "phone": "+7 977 555-66-77", "email": "", "address": "г. Тула, ул. Мира, д. 1"}


def history(obj) -> list:
    return list(obj.history.order_by("pgh_id"))


def test_what_is_tracked():
    assert {model.pgh_tracked_model.__name__ for model in HISTORIES} == {
        "AppUser", "Client", "ClientTariff", "Contract", "Device", "Invoice", "Manager", "Passport", "Tariff",
    }  # fmt: skip


def test_no_history_holds_a_password_a_plain_number_or_a_contracts_text():
    names = {field.name for model in HISTORIES for field in model._meta.fields}

    assert not names & {"password", "password_hash", "series_and_number_hash", "encrypted_snapshot", "evidence"}


def test_history_records_user_ip_and_request(as_anna, anna, make):
    client = make.client()

    answer = as_anna.post(reverse("clients:contact", args=[client.pk]), CONTACT)

    context = {"user": str(anna.pk), "ip": "127.0.0.1", "request": answer["X-Request-ID"]}
    assert (history(client)[-1].status, history(client)[-1].manager) == ("in_verification", anna)
    assert history(client)[-1].pgh_context == context
    before, after = history(client.user)
    assert (before.name, after.name, after.phone) == ("Иванов Пётр Сергеевич", "Сидорова Ольга", "9775556677")
    assert (before.pgh_context, after.pgh_context) == (None, context)


def test_a_passport_is_kept_encrypted(as_anna, make, anna):
    client = make.consented(anna)

    as_anna.post(reverse("passport:passport", args=[client.pk]), payload(digits="4613 348353"))
    as_anna.post(reverse("passport:passport", args=[client.pk]), payload(digits="", last_name="Иванова"))

    first, second = history(client.passport)
    assert (first.last_name, second.last_name) == ("Ёлкина-Дорн", "Иванова")
    assert first.series_and_number == client.passport.series_and_number
    assert not any(appears_in(part, str(value)) for value in vars(first).values() for part in ("348353", "4613348353"))


def test_the_admin_site_and_roles_are_kept_too(as_gleb, gleb, anna):
    page = reverse("admin:managers_manager_change", args=[anna.pk])
    answer = as_gleb.post(page, {"email": anna.email, "name": anna.name, "role": "support", "is_active": "on"})

    event = history(anna)[-1]
    assert (event.pgh_label, event.role) == ("update", Role.SUPPORT)
    assert event.pgh_context["request"] == answer["X-Request-ID"]
    assert event.pgh_context["user"] == str(gleb.pk)


def test_a_management_command_names_itself(make):
    with command_context(["manage.py", "sync_clients"]):
        tariff = make.tariff()

    assert history(tariff)[0].pgh_context == {"command": "sync_clients"}


def test_what_was_removed_is_kept(make, anna):
    device = make.device(make.verified(anna), anna, title="Плита")
    pk = device.pk
    delete_device(device, by=anna)

    assert list(Device.history.rel.related_model.objects.filter(pgh_obj_id=pk).values_list("pgh_label", "title")) == [
        ("insert", "Плита"), ("delete", "Плита"),
    ]  # fmt: skip


def test_saving_without_a_change_and_searching_leave_nothing(make, anna):
    client = make.verified(anna)
    before = len(history(client))
    client.save()
    make.passport(client, anna)  # refreshes what search looks through

    assert len(history(client)) == before


def test_a_sign_in_or_a_new_password_is_no_history(anna):
    before = len(history(anna))
    anna.set_password("four other words here")
    anna.save()

    assert len(history(anna)) == before


def test_a_change_by_the_app_is_kept_without_a_person(make):
    user = make.user()
    with connection.cursor() as cursor:
        cursor.execute("UPDATE users SET phone = '9991112233', updated_at = now()")
        cursor.execute("UPDATE users SET updated_at = now()")

    assert [(event.pgh_label, event.phone[:3], event.pgh_context) for event in history(user)] == [
        ("insert", "977", None), ("update", "999", None),
    ]  # fmt: skip


def test_whatever_the_app_writes_is_kept_at_any_length(make):
    user = make.user()
    AppUser.objects.filter(pk=user.pk).update(name="Я" * 3000, phone="+79771232323", email="e" * 3000)

    kept = history(user)[-1]
    assert (kept.name, kept.phone, kept.email) == ("Я" * 3000, "+79771232323", "e" * 3000)


def test_the_app_goes_on_when_its_history_cannot_be_written(make):
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE manager_contact_history RENAME TO away")

    client = make.client(name="Новая")

    assert AppUser.objects.get(pk=client.user_id).name == "Новая"
    assert client.status == "new"


@pytest.mark.parametrize("deed", ["UPDATE {} SET pgh_label = 'x'", "DELETE FROM {}", "TRUNCATE {}"])
def test_history_is_append_only(deed, make, anna):
    sign(issuing.issue(make.awaiting_contract(anna), by=anna), anna)
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        for model in HISTORIES:
            assert model.objects.exists(), model
            with pytest.raises(DatabaseError, match="Cannot"), transaction.atomic():
                cursor.execute(deed.format(model._meta.db_table))


def test_erasure_may_delete_history_by_ignoring_the_trigger(make):
    tariff = make.tariff()
    with pgtrigger.ignore("devices.TariffHistory:append_only"):
        tariff.history.update(notes="")
        tariff.history.all().delete()

    assert not history(tariff)


def test_rolled_back_change_leaves_no_history(make):
    tariff = make.tariff()
    with pghistory.context(command="test"), transaction.atomic():
        Tariff.objects.update(notes="другое")
        transaction.set_rollback(True)

    assert len(history(tariff)) == 1
