from django.core.management.base import BaseCommand

from devices import mirror
from devices.models import DevicePhoto


class Command(BaseCommand):
    help = (
        "Rewrite the photo URLs in the tables of «Привет Супер». Needed after SECRET_KEY or APP_BASE_URL changed,"
        " because the old URLs stop working. Can be run again."
    )

    def handle(self, **options):
        updated = sum(mirror.update_photo_url(photo) for photo in DevicePhoto.objects.only("pk").iterator())
        self.stdout.write(f"{updated} URLs updated.")
