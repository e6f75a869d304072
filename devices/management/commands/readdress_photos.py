from django.core.management.base import BaseCommand

from devices import mirror
from devices.models import DevicePhoto


class Command(BaseCommand):
    help = (
        "Writes the addresses at which «Привет Супер» shows our photos anew, where they are others: after SECRET_KEY or"
        " APP_BASE_URL was changed the old ones show nothing. Safe to run again."
    )

    def handle(self, **options):
        renewed = sum(mirror.update_photo_url(photo) for photo in DevicePhoto.objects.only("pk").iterator())
        self.stdout.write(f"{renewed} addresses renewed.")
