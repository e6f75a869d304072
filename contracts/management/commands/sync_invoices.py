from django.core.management.base import BaseCommand, CommandError

from contracts import app_payments, mirror


class Command(BaseCommand):
    help = (
        "Mirror open invoices into «Привет Супер», renew their due dates there, and record payments that the app"
        " reports. Run it at least once a day. Can be run again."
    )

    def handle(self, **options):
        try:
            result = mirror.sync_invoices()
        except mirror.MirrorUnavailable as unavailable:
            raise CommandError(f"Invoices are not mirrored: {unavailable}.") from unavailable
        clients = app_payments.note_claims()
        self.stdout.write(f"{result.saved} invoices mirrored, new payments of {clients} clients.")
        if result.failed:
            raise CommandError(f"{result.failed} invoices could not be mirrored: see the log.")
