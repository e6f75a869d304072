import pytest
from django.contrib.auth.models import Group, Permission
from django.core.management import call_command
from django.urls import reverse

from conftest import as_owner
from managers.models import ROLE_RIGHTS, Manager, Right, Role
from managers.roles import ADMIN_EDITABLE, GROUPS, OUR_APPS

pytestmark = pytest.mark.django_db


def create_manager(role: Role) -> Manager:
    return Manager.objects.create_user(f"{role.value}@privet.example", name="Кто-то", role=role)


def test_each_role_has_its_group():
    assert set(GROUPS) == set(Role) == set(ROLE_RIGHTS)
    assert set(Group.objects.values_list("name", flat=True)) == {"Менеджеры", "Поддержка", "Администраторы"}


@pytest.mark.parametrize(
    ("role", "permissions"),
    [(Role.MANAGER, {"managers.serve_clients"}), (Role.SUPPORT, {"managers.answer_tickets"})],
)
def test_managers_and_support_have_one_permission_each(role, permissions):
    assert create_manager(role).get_all_permissions() == permissions


def test_admins_may_view_all_our_models_and_edit_the_listed_ones():
    permissions = create_manager(Role.ADMIN).get_all_permissions()

    view_permissions = Permission.objects.filter(content_type__app_label__in=OUR_APPS, codename__startswith="view_")
    rights = {f"managers.{right}" for right in Right}
    assert {name for name in permissions if ".view_" not in name} == rights | ADMIN_EDITABLE
    assert len(permissions) == view_permissions.count() + len(rights) + len(ADMIN_EDITABLE)


@pytest.mark.parametrize("role", Role)
def test_role_properties_equal_permissions_without_queries(role, django_assert_num_queries):
    manager = create_manager(role)

    with django_assert_num_queries(0):
        rights = [manager.is_field_manager, manager.is_support, manager.is_admin]

    assert rights == [manager.has_perm(f"managers.{right}") for right in Right]


def test_inactive_manager_has_no_permissions():
    admin = create_manager(Role.ADMIN)
    admin.is_active = False

    assert not admin.is_staff
    assert admin.get_all_permissions() == set()


def test_admin_is_not_superuser():
    Group.objects.get(name="Администраторы").permissions.clear()

    assert not create_manager(Role.ADMIN).has_perm("clients.view_client")


@pytest.mark.parametrize(
    ("codename", "page"),
    [
        ("view_contract", "admin:contracts_contract_changelist"),
        ("view_client", "admin:clients_client_changelist"),
        ("add_tariff", "admin:devices_tariff_add"),
        ("add_manager", "admin:managers_manager_add"),
    ],
)
def test_admin_site_checks_permissions(as_gleb, codename, page):
    assert as_gleb.get(reverse(page)).status_code == 200
    group = Group.objects.get(name="Администраторы")
    group.permissions.remove(*Permission.objects.filter(codename__in=[codename, codename.replace("view", "change")]))

    assert as_gleb.get(reverse(page)).status_code == 403


def test_migrate_restores_changed_groups():
    managers = Group.objects.get(name="Менеджеры")
    managers.permissions.add(Permission.objects.get(codename="change_manager"))
    Group.objects.get(name="Поддержка").delete()

    with as_owner():
        call_command("migrate", verbosity=0)

    assert create_manager(Role.MANAGER).get_all_permissions() == {"managers.serve_clients"}
    assert create_manager(Role.SUPPORT).get_all_permissions() == {"managers.answer_tickets"}


def test_unknown_role_has_no_permissions():
    manager = Manager(email="x@privet.example", name="X", role="owner")

    assert [manager.is_admin, manager.is_support, manager.is_field_manager, manager.is_staff] == [False] * 4
    assert manager.get_all_permissions() == set()
