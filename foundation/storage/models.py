"""Deletions that the object storage has to repeat."""

from django.db import models
from django.utils import timezone


class LeftObject(models.Model):
    """An orphan whose deletion failed; `clean_storage` tries again."""

    key = models.CharField("объект", max_length=200, primary_key=True)
    left_at = models.DateTimeField("когда", default=timezone.now)

    class Meta:
        db_table = "manager_left_objects"
        verbose_name = "неудалённый объект"
        verbose_name_plural = "неудалённые объекты"

    def __str__(self):
        return self.key
