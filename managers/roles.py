"""Roles as Django groups with permissions.

A user has one role, and the role names the group (managers/backend.py). Group membership is not stored, so the two
can't differ. The permissions of groups are defined here and saved at every migrate. Access to a particular client or
ticket is decided in clients/access.py and support/access.py.
"""

from django.apps import AppConfig, apps
from django.contrib.auth.management import create_permissions
from django.contrib.auth.models import Group, Permission

from managers.models import ROLE_RIGHTS, Role

GROUPS = {Role.MANAGER: "Менеджеры", Role.SUPPORT: "Поддержка", Role.ADMIN: "Администраторы"}
OUR_APPS = (
    "managers", "clients", "messaging", "links", "photos", "agreements", "contact", "passport", "devices", "contracts",
    "copies", "support", "erasure",
)  # fmt: skip

# In the admin site admins may view all our models, and change these.
ADMIN_EDITABLE = {
    "managers.add_manager",
    "managers.change_manager",
    "clients.change_client",
    "erasure.add_erasurerequest",
    "devices.add_devicetype",
    "devices.change_devicetype",
    "devices.delete_devicetype",
    "devices.add_tariff",
    "devices.change_tariff",
    "devices.delete_tariff",
}


def role_has_permission(role: Role, permission: str) -> bool:
    """Whether users with `role` have `permission`, given as `app_label.codename` of one of our apps."""
    codename = permission.partition(".")[2]
    if permission in {f"managers.{right}" for right in ROLE_RIGHTS[role]}:
        return True
    return role == Role.ADMIN and (codename.startswith("view_") or permission in ADMIN_EDITABLE)


def sync_groups(sender: AppConfig, using: str, **kwargs) -> None:
    """Receiver of post_migrate: give the groups exactly the permissions defined here, after the last of our apps."""
    if sender.label != [config.label for config in apps.get_app_configs() if config.label in OUR_APPS][-1]:
        return
    create_permissions(sender, verbosity=0, using=using)  # those of the other apps exist already
    ours = Permission.objects.using(using).filter(content_type__app_label__in=OUR_APPS).select_related("content_type")
    names = {permission: f"{permission.content_type.app_label}.{permission.codename}" for permission in ours}
    for role, name in GROUPS.items():
        group, _ = Group.objects.using(using).get_or_create(name=name)
        group.permissions.set(
            [permission for permission, full_name in names.items() if role_has_permission(role, full_name)]
        )
