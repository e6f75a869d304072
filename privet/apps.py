from django.apps import AppConfig


class PrivetConfig(AppConfig):
    name = "privet"
    verbose_name = "Привет"
