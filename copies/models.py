"""Codes with which clients open the copies of their documents."""

import hashlib
from datetime import timedelta

import pgtrigger
from django.db import models
from django.db.models import F, Q
from django.utils import timezone

from clients.models import Client
from messaging.codes import OneTimeCode

# How long the documents stay open after a code was entered.
OPEN_FOR = timedelta(minutes=30)


class CopyCodeQuerySet(models.QuerySet):
    def opened_in(self, browser_secret: str) -> "CopyCodeQuerySet":
        """The codes that were entered in the browser with this secret and still open the documents."""
        if not browser_secret:
            return self.none()
        return self.filter(browser_hash=hash_secret(browser_secret), open_until__gt=timezone.now())


class CopyCode(OneTimeCode):
    """A one-time code bound to a client. It opens the documents in the one browser in which it was entered."""

    client = models.ForeignKey(Client, on_delete=models.PROTECT, related_name="copy_codes", db_index=False)
    browser_hash = models.CharField(max_length=64, blank=True, editable=False)
    open_until = models.DateTimeField("документы открыты до", null=True)

    objects = CopyCodeQuerySet.as_manager()

    class Meta:
        db_table = "manager_copy_codes"
        verbose_name = "код для копий"
        verbose_name_plural = "коды для копий"
        indexes = [models.Index(fields=["client", "-sent_at"], name="copy_codes_of_client")]
        constraints = [
            models.CheckConstraint(condition=Q(expires_at__gt=F("sent_at")), name="manager_copy_codes_expire"),
            models.CheckConstraint(
                condition=Q(used_at=None, browser_hash="", open_until=None)
                | Q(used_at__isnull=False, browser_hash__gt="", open_until__isnull=False),
                name="manager_copy_codes_used_in_a_browser",
            ),
        ]
        triggers = [
            pgtrigger.Protect(
                name="copy_code_is_used_once",
                operation=pgtrigger.Update,
                condition=pgtrigger.Condition(
                    "OLD.used_at IS NOT NULL"
                    " AND (ROW(OLD.used_at, OLD.browser_hash) IS DISTINCT FROM ROW(NEW.used_at, NEW.browser_hash)"
                    " OR NEW.open_until > OLD.open_until)"
                ),
            ),
        ]

    @property
    def bound_to(self) -> str:
        return f"copy-code|{self.pk}|{self.client_id}"


def hash_secret(browser_secret: str) -> str:
    return hashlib.sha256(browser_secret.encode()).hexdigest()
