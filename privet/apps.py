from django.apps import AppConfig


class PrivetConfig(AppConfig):
    name = "privet"
    verbose_name = "Привет"

    def ready(self):
        from foundation.observability import error_reports
        from privet import checks  # noqa: F401  the checks register themselves

        error_reports.init_sentry()
