"""Load demo data."""

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from demo.load import load_demo_data
from demo.office import PASSWORD, STAFF


class Command(BaseCommand):
    help = "Loads demo data: staff, tariffs, about forty clients in all statuses. Needs DEBUG=1. Idempotent."

    def handle(self, *args, **options):
        if not settings.DEBUG:
            raise CommandError("load_demo creates staff with a well-known password, so it requires DEBUG=1.")
        created = load_demo_data(lambda text: self.stdout.write(text))
        self.stdout.write(f"{created} clients created." if created else "Nothing to do: the demo data exists.")
        self.stdout.write(f"\n{'Role':<10}{'E-mail':<24}{'Password':<20}Name")
        for email, name, role in STAFF:
            self.stdout.write(f"{role.value:<10}{email:<24}{PASSWORD:<20}{name}")
