from django.apps import AppConfig


class MessagingConfig(AppConfig):
    name = "messaging"
    verbose_name = "Сообщения клиентам"

    def ready(self):
        from foundation import worker
        from messaging import delivery

        worker.register("messages", delivery.send_next, oldest=delivery.oldest_queued)
        worker.register("delivery_reports", delivery.check_next)
