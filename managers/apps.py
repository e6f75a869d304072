from django.apps import AppConfig


class ManagersConfig(AppConfig):
    name = "managers"
    verbose_name = "Сотрудники"

    def ready(self):
        from managers import sessions  # noqa: F401  its receiver
