from django.apps import AppConfig


class StorageConfig(AppConfig):
    name = "foundation.storage"
    verbose_name = "Хранилище"
