from django.apps import AppConfig


class PrivetConfig(AppConfig):
    name = "privet"
    verbose_name = "Привет"

    def ready(self):
        from privet import checks  # noqa: F401  registers them
