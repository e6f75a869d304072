from django.apps import AppConfig


class ErasureConfig(AppConfig):
    name = "erasure"
    verbose_name = "Уничтожение данных"

    def ready(self):
        from erasure import requests
        from foundation import worker

        worker.register("erasure_requests", requests.carry_out_next, oldest=requests.oldest_request)
        worker.register("erasure_acts", requests.finish_next, oldest=requests.oldest_pending_act)
