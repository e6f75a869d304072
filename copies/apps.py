from django.apps import AppConfig


class CopiesConfig(AppConfig):
    name = "copies"
    verbose_name = "Копии документов"

    def ready(self):
        from copies import codes
        from foundation import worker

        worker.register("copy_codes", codes.send_next, oldest=codes.oldest_waiting)
