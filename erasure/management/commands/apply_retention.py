from datetime import datetime

from django.core.exceptions import ObjectDoesNotExist
from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError
from django.utils import timezone

from erasure import erasing, record_retention, retention
from erasure.models import Erasure


class Command(BaseCommand):
    help = (
        "Destroys personal data whose retention time (RETENTION_*) is over, and makes the acts of it. Counts what it"
        " would do; --apply does it. May be interrupted and run again."
    )

    def add_arguments(self, parser):
        parser.add_argument("--apply", action="store_true", help="destroy; without it nothing is changed")

    def handle(self, *, apply: bool, **options):
        now, self.failed = timezone.now(), 0
        for rule, clients in retention.expired_clients(now):
            done = sum(self._apply_rule(rule, pk, now) for pk in clients) if apply else len(clients)
            self._report(f"{rule.reason}, {rule.scope or 'what may go'}", done, apply)
        disclosures = (
            record_retention.delete_expired_disclosures(now)
            if apply
            else record_retention.expired_disclosures(now).count()
        )
        self._report("records of who saw whom", disclosures, apply)
        self._report("acts", self._delete_acts(now) if apply else record_retention.expired_acts(now).count(), apply)
        waiting = self._finish_erasures(apply)
        if self.failed or waiting:
            raise CommandError(f"{self.failed} clients are as they were, {waiting} acts wait for the storage.")

    def _apply_rule(self, rule: retention.RetentionRule, client_id, now: datetime) -> bool:
        try:
            return erasing.apply_rule(rule, client_id, now=now) is not None
        except (DatabaseError, ObjectDoesNotExist) as error:  # of one client; the others are not kept for it
            self.failed += 1
            self.stderr.write(f"client {client_id}: {type(error).__name__}")
            return False

    def _delete_acts(self, now: datetime) -> int:
        return sum(not record_retention.delete_act(erasure) for erasure in list(record_retention.expired_acts(now)))

    def _finish_erasures(self, apply: bool) -> int:
        """How many acts are still to be made."""
        waiting = Erasure.objects.filter(act_key="").order_by("number")
        return sum(not (apply and erasing.finish(erasure)) for erasure in list(waiting))

    def _report(self, what: str, count: int, apply: bool) -> None:
        self.stdout.write(f"{what}: {count} " + ("destroyed" if apply else "due"))
