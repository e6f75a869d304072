from django.apps import AppConfig


class ContractsConfig(AppConfig):
    name = "contracts"
    verbose_name = "Договоры"

    def ready(self):
        from contracts import app_payments, code_deliveries, contact_signals
        from foundation import worker

        worker.register("app_payments", app_payments.note_claims)
        worker.register("code_deliveries", code_deliveries.record_deliveries)
        worker.register("contact_signals", contact_signals.record_signals)
