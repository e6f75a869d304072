"""The app's tables `devices` and `device_photos`, which we share."""

import uuid

from django.db import models

from clients.models import AppUser
from foundation.database import shared


class SharedDevice(shared.SharedModel):
    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    user = models.ForeignKey(AppUser, on_delete=models.DO_NOTHING, null=True, related_name="+")
    title = models.CharField(max_length=255)
    brand = models.CharField(max_length=255)
    model = models.CharField(max_length=255)
    serial_number = models.CharField(max_length=255, unique=True)
    purchase_date = models.DateField(null=True)
    warranty_until = models.DateField(null=True)
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField()

    class Meta:
        managed = False
        db_table = shared.table("devices")

    def __str__(self):
        return self.title


class SharedDevicePhoto(shared.SharedModel):
    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    device = models.ForeignKey(SharedDevice, on_delete=models.DO_NOTHING, related_name="photos")
    file_url = models.CharField(max_length=2000)
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField()

    class Meta:
        managed = False
        db_table = shared.table("device_photos")

    def __str__(self):
        return str(self.id)
