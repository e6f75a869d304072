from django.apps import AppConfig


class PrivetConfig(AppConfig):
    name = "privet"
    verbose_name = "Привет"

    def ready(self):
        from privet import checks, error_reports  # noqa: F401  the checks register themselves

        error_reports.start()
