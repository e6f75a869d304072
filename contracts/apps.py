from django.apps import AppConfig


class ContractsConfig(AppConfig):
    name = "contracts"
    verbose_name = "Договоры"

    def ready(self):
        from contracts import app_payments
        from foundation import worker

        worker.register("app_payments", app_payments.note_claims)
