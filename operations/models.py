"""When the worker last ran each job."""

from django.db import models


class JobRun(models.Model):
    """A job of the worker, and when it last succeeded. Web processes read it for /metrics."""

    job = models.CharField("задание", max_length=50, primary_key=True)
    succeeded_at = models.DateTimeField("когда")

    class Meta:
        db_table = "manager_job_runs"
        verbose_name = "задание службы"
        verbose_name_plural = "задания службы"

    def __str__(self):
        return self.job
