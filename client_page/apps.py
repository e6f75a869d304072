from django.apps import AppConfig


class ClientPageConfig(AppConfig):
    name = "client_page"
    verbose_name = "Страница клиента"
