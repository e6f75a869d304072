import pytest
from django.contrib.auth.models import Group, Permission
from django.core.management import call_command
from django.urls import reverse

from managers.models import ROLE_RIGHTS, Manager, Right, Role
from managers.roles import ADMIN_EDITABLE, GROUPS, OUR_APPS

pytestmark = pytest.mark.django_db


def person(role: Role) -> Manager:
    return Manager.objects.create_user(f"{role.value}@privet.example", name="Кто-то", role=role)


def test_each_role_has_its_group():
    assert set(GROUPS) == set(Role) == set(ROLE_RIGHTS)
    assert set(Group.objects.values_list("name", flat=True)) == {"Менеджеры", "Поддержка", "Администраторы"}


@pytest.mark.parametrize(
    ("role", "permissions"),
    [(Role.MANAGER, {"managers.serve_clients"}), (Role.SUPPORT, {"managers.answer_tickets"})],
)
def test_managers_and_support_may_do_their_work_and_nothing_else(role, permissions):
    assert person(role).get_all_permissions() == permissions


def test_admins_see_everything_of_ours_and_change_what_is_listed():
    permissions = person(Role.ADMIN).get_all_permissions()

    viewing = Permission.objects.filter(content_type__app_label__in=OUR_APPS, codename__startswith="view_")
    rights = {f"managers.{right}" for right in Right}
    assert {name for name in permissions if ".view_" not in name} == rights | ADMIN_EDITABLE
    assert len(permissions) == viewing.count() + len(rights) + len(ADMIN_EDITABLE)


@pytest.mark.parametrize("role", Role)
def test_what_costs_no_query_says_the_same_as_the_permissions(role, django_assert_num_queries):
    somebody = person(role)

    with django_assert_num_queries(0):
        free = [somebody.is_field_manager, somebody.is_support, somebody.is_admin]

    assert free == [somebody.has_perm(f"managers.{right}") for right in Right]


def test_inactive_manager_has_no_permissions():
    admin = person(Role.ADMIN)
    admin.is_active = False

    assert not admin.is_staff
    assert admin.get_all_permissions() == set()


def test_nobody_is_superuser():
    Group.objects.get(name="Администраторы").permissions.clear()

    assert not person(Role.ADMIN).has_perm("clients.view_client")


@pytest.mark.parametrize(
    ("codename", "page"),
    [
        ("view_contract", "admin:contracts_contract_changelist"),
        ("view_client", "admin:clients_client_changelist"),
        ("add_tariff", "admin:devices_tariff_add"),
        ("add_manager", "admin:managers_manager_add"),
    ],
)
def test_the_admin_site_asks_for_permissions(as_gleb, codename, page):
    assert as_gleb.get(reverse(page)).status_code == 200
    group = Group.objects.get(name="Администраторы")
    group.permissions.remove(*Permission.objects.filter(codename__in=[codename, codename.replace("view", "change")]))

    assert as_gleb.get(reverse(page)).status_code == 403


def test_what_somebody_changed_in_a_group_is_put_right_by_the_next_migrate():
    managers = Group.objects.get(name="Менеджеры")
    managers.permissions.add(Permission.objects.get(codename="change_manager"))
    Group.objects.get(name="Поддержка").delete()

    call_command("migrate", verbosity=0)

    assert person(Role.MANAGER).get_all_permissions() == {"managers.serve_clients"}
    assert person(Role.SUPPORT).get_all_permissions() == {"managers.answer_tickets"}


def test_unknown_role_has_no_permissions():
    stranger = Manager(email="x@privet.example", name="X", role="owner")

    assert [stranger.is_admin, stranger.is_support, stranger.is_field_manager, stranger.is_staff] == [False] * 4
    assert stranger.get_all_permissions() == set()
