from django.core.management.base import BaseCommand, CommandError

from managers import second_factor
from managers.models import Manager
from managers.notices import send_notice


class Command(BaseCommand):
    help = "Resets the second factor of a person: for the only admin, whom no other admin can help."

    def add_arguments(self, parser):
        parser.add_argument("email")

    def handle(self, *, email: str, **options):
        manager = Manager.objects.filter(email=Manager.objects.normalize_email(email)).first()
        if manager is None:
            raise CommandError(f"Nobody signs in with {email}.")
        second_factor.reset(manager)
        send_notice(manager, "second_factor_reset_mail")
        self.stdout.write(f"The second factor of {manager.email} is reset; their sessions have ended.")
