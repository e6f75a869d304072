from django.apps import AppConfig
from django.db.models.signals import post_migrate


class ManagersConfig(AppConfig):
    name = "managers"
    verbose_name = "Сотрудники"

    def ready(self):
        from managers import roles, sessions  # noqa: F401  the receiver of sessions

        post_migrate.connect(roles.sync_groups)
