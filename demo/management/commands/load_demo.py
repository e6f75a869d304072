"""A small office to look around in."""

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from demo.load import load_demo_data
from demo.office import PASSWORD, STAFF


class Command(BaseCommand):
    help = "Loads demonstration data: people who sign in, tariffs, about forty clients in every status."

    def handle(self, *args, **options):
        if not settings.DEBUG:
            raise CommandError("load_demo makes people whose password everybody knows; it runs only with DEBUG=1.")
        created = load_demo_data(lambda text: self.stdout.write(text))
        self.stdout.write(f"{created} clients created." if created else "Nothing to do: the demonstration data is there.")
        self.stdout.write(f"\n{'Role':<10}{'E-mail':<24}{'Password':<20}Name")
        for email, name, role in STAFF:
            self.stdout.write(f"{role.value:<10}{email:<24}{PASSWORD:<20}{name}")
