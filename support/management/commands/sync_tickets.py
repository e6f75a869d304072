from django.core.management.base import BaseCommand

from support import activity


class Command(BaseCommand):
    help = "Recomputes which tickets wait for an answer. Idempotent."

    def handle(self, **options):
        self.stdout.write(f"Checked {activity.rebuild()} tickets.")
