from django.apps import AppConfig


class OperationsConfig(AppConfig):
    name = "operations"
    verbose_name = "Эксплуатация"

    def ready(self):
        from operations import database_checks  # noqa: F401  the checks register themselves
