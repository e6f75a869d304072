"""The history records every change with its user, IP address and request. It is append-only."""

import pghistory
import pgtrigger
import pytest
from django.apps import apps
from django.db import DatabaseError, connection, transaction
from django.urls import reverse
from pghistory.models import Event

from clients import inbox
from clients.models import AppUser
from conftest import ROLES, appears_in, as_owner, as_role, execute_as_owner
from contracts import issuing
from contracts.conftest import sign
from devices.models import Device, Tariff
from devices.saving import delete_device
from managers.history import command_context
from managers.models import Role
from passport.test_passport_form import payload

pytestmark = pytest.mark.django_db

HISTORY_MODELS = [model for model in apps.get_models() if issubclass(model, Event) and model._meta.managed]
CONTACT = {"name": "Сидорова Ольга", "phone": "+7 977 555-66-77", "email": "", "address": "г. Тула, ул. Мира, д. 1"}


def history(obj) -> list:
    return list(obj.history.order_by("pgh_id"))


def test_tracked_models():
    assert {model.pgh_tracked_model.__name__ for model in HISTORY_MODELS} == {
        "AppUser", "Client", "ClientTariff", "Contract", "Device", "Invoice", "Manager", "Passport", "Tariff",
    }  # fmt: skip


def test_history_has_no_password_plain_number_or_contract_text():
    names = {field.name for model in HISTORY_MODELS for field in model._meta.fields}

    assert not names & {"password", "password_hash", "series_and_number_hash", "encrypted_snapshot", "evidence"}


def test_history_records_user_ip_and_request(as_anna, anna, make):
    client = make.client()

    response = as_anna.post(reverse("clients:contact", args=[client.pk]), CONTACT)

    context = {"user": str(anna.pk), "ip": "127.0.0.1", "request": response["X-Request-ID"]}
    assert (history(client)[-1].status, history(client)[-1].manager) == ("in_verification", anna)
    assert history(client)[-1].pgh_context == context
    before, after = history(client.user)
    assert (before.name, after.name, after.phone) == ("Иванов Пётр Сергеевич", "Сидорова Ольга", "9775556677")
    assert (before.pgh_context, after.pgh_context) == (None, context)


def test_passport_history_is_encrypted(as_anna, make, anna):
    client = make.consented(anna)

    as_anna.post(reverse("passport:passport", args=[client.pk]), payload(digits="4613 348353"))
    as_anna.post(reverse("passport:passport", args=[client.pk]), payload(digits="", last_name="Иванова"))

    first, second = history(client.passport)
    assert (first.last_name, second.last_name) == ("Ёлкина-Дорн", "Иванова")
    assert first.series_and_number == client.passport.series_and_number
    assert not any(appears_in(part, str(value)) for value in vars(first).values() for part in ("348353", "4613348353"))


def test_role_change_in_the_admin_is_recorded(as_gleb, gleb, anna):
    page = reverse("admin:managers_manager_change", args=[anna.pk])
    response = as_gleb.post(page, {"email": anna.email, "name": anna.name, "role": "support", "is_active": "on"})

    event = history(anna)[-1]
    assert (event.pgh_label, event.role) == ("update", Role.SUPPORT)
    assert event.pgh_context["request"] == response["X-Request-ID"]
    assert event.pgh_context["user"] == str(gleb.pk)


def test_history_records_the_management_command(make):
    with command_context(["manage.py", "sync_clients"]):
        tariff = make.tariff()

    assert history(tariff)[0].pgh_context == {"command": "sync_clients"}


def test_deletion_is_recorded(make, anna):
    device = make.device(make.verified(anna), anna, title="Плита")
    pk = device.pk
    delete_device(device, by=anna)

    assert list(Device.history.rel.related_model.objects.filter(pgh_obj_id=pk).values_list("pgh_label", "title")) == [
        ("insert", "Плита"), ("delete", "Плита"),
    ]  # fmt: skip


def test_saving_without_changes_leaves_no_history(make, anna):
    client = make.verified(anna)
    before = len(history(client))
    client.save()
    make.passport(client, anna)  # updates the search text of the client

    assert len(history(client)) == before


def test_password_change_is_not_recorded(anna):
    before = len(history(anna))
    anna.set_password("four other words here")
    anna.save()

    assert len(history(anna)) == before


def test_change_by_the_app_is_recorded_without_a_user(make):
    user = make.user()
    execute_as_owner("UPDATE public.users SET phone = '9991112233', updated_at = now()")
    execute_as_owner("UPDATE public.users SET updated_at = now()")
    inbox.drain()

    assert [(event.pgh_label, event.phone[:3], event.pgh_context) for event in history(user)] == [
        ("insert", "977", None), ("update", "999", None),
    ]  # fmt: skip


def test_long_values_of_the_app_are_truncated(make):
    user = make.user()
    AppUser.objects.filter(pk=user.pk).update(name="Я" * 3000, phone="+79771232323", email="e" * 3000)
    inbox.drain()

    # Compared by the database: what is read of them is bounded too.
    newest = user.history.filter(pgh_id=history(user)[-1].pgh_id)
    assert newest.filter(name="Я" * 2000, phone="+79771232323", email="e" * 2000).exists()


def test_app_can_insert_accounts_if_the_history_fails(make):
    execute_as_owner("ALTER TABLE manager_contact_history RENAME TO renamed_history")
    execute_as_owner(
        "INSERT INTO public.users (id, phone, password_hash, name, has_subscription, created_at, updated_at)"
        " VALUES (gen_random_uuid(), '9771232323', 'x', 'Новая', false, now(), now())"
    )
    inbox.drain()

    assert AppUser.objects.get().name == "Новая"
    assert inbox.problems()["failed"] == 1


@pytest.mark.parametrize("statement", ["UPDATE {} SET pgh_label = 'x'", "DELETE FROM {}", "TRUNCATE {}"])
def test_history_is_append_only(statement, make, anna):
    sign(issuing.issue(make.awaiting_contract(anna), by=anna), anna)
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        for model in HISTORY_MODELS:
            assert model.objects.exists(), model
            with pytest.raises(DatabaseError, match="Cannot"), as_owner():
                cursor.execute(statement.format(model._meta.db_table))


@pytest.mark.parametrize(("role", "added"), [(ROLES.web, 1), (ROLES.maintenance, 0)])
def test_only_commands_can_skip_history(make, role, added):
    tariff = make.tariff()
    before = len(history(tariff))

    with as_role(role), pgtrigger.ignore("devices.Tariff:update_update"):
        Tariff.objects.filter(pk=tariff.pk).update(notes="Другое")

    assert len(history(tariff)) == before + added


def test_erasure_may_delete_history_by_ignoring_the_trigger(make):
    tariff = make.tariff()
    with as_role(ROLES.maintenance), pgtrigger.ignore("devices.TariffHistory:append_only"):
        tariff.history.update(notes="")
        tariff.history.all().delete()

    assert not history(tariff)


def test_rolled_back_change_leaves_no_history(make):
    tariff = make.tariff()
    with pghistory.context(command="test"), transaction.atomic():
        Tariff.objects.update(notes="другое")
        transaction.set_rollback(True)

    assert len(history(tariff)) == 1
