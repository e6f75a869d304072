from datetime import datetime

from django.core.exceptions import ObjectDoesNotExist
from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError
from django.utils import timezone

from erasure import erasing, record_retention, retention
from erasure.models import Erasure


class Command(BaseCommand):
    help = (
        "Erase personal data whose retention (RETENTION_*) has expired, and make the acts. Without --apply only count"
        " it. Can be interrupted and run again."
    )

    def add_arguments(self, parser):
        parser.add_argument("--apply", action="store_true", help="erase; without it nothing is changed")

    def handle(self, *, apply: bool, **options):
        now, self.failed = timezone.now(), 0
        for rule, clients in retention.expired_clients(now):
            done = sum(self._apply_rule(rule, pk, now) for pk in clients) if apply else len(clients)
            self._report(f"{rule.reason}, {rule.scope or 'allowed scope'}", done, apply)
        disclosures = (
            record_retention.delete_expired_disclosures(now)
            if apply
            else record_retention.expired_disclosures(now).count()
        )
        self._report("disclosures", disclosures, apply)
        self._report("acts", self._delete_acts(now) if apply else record_retention.expired_acts(now).count(), apply)
        requests = record_retention.expired_requests(now)
        self._report("requests", requests.delete()[0] if apply else requests.count(), apply)
        pending = self._finish_erasures(apply)
        if self.failed or pending:
            raise CommandError(f"{self.failed} clients failed, {pending} acts are pending.")

    def _apply_rule(self, rule: retention.RetentionRule, client_id, now: datetime) -> bool:
        try:
            return erasing.apply_rule(rule, client_id, now=now) is not None
        except (DatabaseError, ObjectDoesNotExist) as error:  # one client's failure must not stop the others
            self.failed += 1
            self.stderr.write(f"client {client_id}: {type(error).__name__}")
            return False

    def _delete_acts(self, now: datetime) -> int:
        return sum(not record_retention.delete_act(erasure) for erasure in list(record_retention.expired_acts(now)))

    def _finish_erasures(self, apply: bool) -> int:
        """Make pending acts if `apply`. Return the number of acts that are still pending."""
        pending = Erasure.objects.filter(act_key="").order_by("number")
        return sum(not (apply and erasing.finish(erasure)) for erasure in list(pending))

    def _report(self, label: str, count: int, apply: bool) -> None:
        self.stdout.write(f"{label}: {count} " + ("erased" if apply else "expired"))
