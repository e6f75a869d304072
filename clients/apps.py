from django.apps import AppConfig


class ClientsConfig(AppConfig):
    name = "clients"
    verbose_name = "Клиенты"

    def ready(self):
        from clients import inbox
        from foundation import worker

        worker.register("client_inbox", inbox.drain, oldest=inbox.oldest)
