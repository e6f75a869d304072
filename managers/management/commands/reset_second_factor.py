from django.core.management.base import BaseCommand, CommandError

from managers import second_factor
from managers.models import Manager
from managers.notices import send_notice


class Command(BaseCommand):
    help = "Resets a user's second factor. Needed if the only admin has lost it: no other admin can reset it."

    def add_arguments(self, parser):
        parser.add_argument("email")

    def handle(self, *, email: str, **options):
        manager = Manager.objects.filter(email=Manager.objects.normalize_email(email)).first()
        if manager is None:
            raise CommandError(f"No user has the e-mail {email}.")
        second_factor.reset(manager)
        send_notice(manager, "second_factor_reset_mail")
        self.stdout.write(f"Reset the second factor of {manager.email} and ended all sessions.")
