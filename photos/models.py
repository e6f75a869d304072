"""Direct uploads from the browser to the object storage: started, completed, then attached to a row."""

import uuid
from datetime import datetime, timedelta

from django.db import models
from django.db.models import Q
from django.utils import timezone

from clients.models import Client
from foundation.storage import object_storage
from managers.models import Manager
from photos.images import app_copy_key, thumbnail_key

CONTENT_TYPES = ("image/jpeg", "image/png", "image/webp", "image/heic", "image/heif")
# How long a pending upload counts towards the photo limit of its device.
PENDING_TIMEOUT = timedelta(seconds=object_storage.UPLOAD_SECONDS)


class UploadPurpose(models.TextChoices):
    PASSPORT = "passport", "паспорт"
    DEVICE = "device", "устройство"


class UploadQuerySet(models.QuerySet):
    def pending_for_device(self, device_id: uuid.UUID) -> "UploadQuerySet":
        """Uploads that can still become photos of the device: pending, or accepted and not attached."""
        pending = Q(completed_at=None, created_at__gt=timezone.now() - PENDING_TIMEOUT)
        return self.filter(pending | ~Q(photo_key=""), device_id=device_id, attached_at=None)

    def accepted(self) -> "UploadQuerySet":
        return self.exclude(photo_key="")


class Upload(models.Model):
    """An upload by a manager for a client's passport or device. The device need not be saved yet."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    client = models.ForeignKey(Client, on_delete=models.PROTECT, related_name="uploads")
    manager = models.ForeignKey(Manager, on_delete=models.PROTECT, related_name="+")
    purpose = models.CharField(max_length=10, choices=UploadPurpose)
    device_id = models.UUIDField(null=True)
    content_type = models.CharField(max_length=20)
    size = models.PositiveIntegerField()
    key = models.CharField(max_length=200, unique=True)
    created_at = models.DateTimeField(default=timezone.now)
    completed_at = models.DateTimeField(null=True)
    # The outcome: rejected with this message, or accepted as the photo with this key.
    refusal = models.CharField(max_length=300, default="", blank=True)
    photo_key = models.CharField(max_length=200, default="", blank=True)
    attached_at = models.DateTimeField(null=True)

    objects = UploadQuerySet.as_manager()

    class Meta:
        db_table = "manager_uploads"
        verbose_name = "загрузка фото"
        verbose_name_plural = "загрузки фото"
        ordering = ["created_at", "id"]
        indexes = [
            models.Index(fields=["device_id"], name="uploads_of_device", condition=Q(device_id__isnull=False)),
            models.Index(fields=["created_at"], name="uploads_by_time"),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(purpose=UploadPurpose.DEVICE, device_id__isnull=False)
                | Q(purpose=UploadPurpose.PASSPORT, device_id=None),
                name="manager_uploads_device_of_device",
            ),
            models.CheckConstraint(
                condition=Q(completed_at=None, refusal="", photo_key="")
                | Q(completed_at__isnull=False, photo_key="") & ~Q(refusal="")
                | Q(completed_at__isnull=False, refusal="") & ~Q(photo_key=""),
                name="manager_uploads_completed_as_something",
            ),
            models.CheckConstraint(
                condition=Q(attached_at=None) | ~Q(photo_key=""), name="manager_uploads_attached_accepted"
            ),
        ]

    def __str__(self):
        return self.key

    @property
    def thumbnail_key(self) -> str:
        """Key of the thumbnail; empty for a passport, whose photo has none."""
        return thumbnail_key(self.photo_key) if self.purpose == UploadPurpose.DEVICE else ""

    @property
    def keys(self) -> list[str]:
        """Keys of all objects that the upload can have."""
        copies = [app_copy_key(self.photo_key), self.thumbnail_key] if self.thumbnail_key else []
        return [key for key in (self.key, self.photo_key, *copies) if key]

    def mark_accepted(self, photo_key: str, *, now: datetime) -> bool:
        """Save the photo's key. Return False if the upload was already completed. Call it in a transaction."""
        return self._complete(now=now, photo_key=photo_key)

    def mark_rejected(self, message: str, *, now: datetime) -> bool:
        """Save the reason of the rejection. Return False if the upload was already completed."""
        return self._complete(now=now, refusal=message)

    def _complete(self, *, now: datetime, **result) -> bool:
        changed = Upload.objects.filter(pk=self.pk, completed_at=None).update(completed_at=now, **result)
        self.refresh_from_db()
        if changed:
            object_storage.delete_after_commit(self.key)
        return bool(changed)

    def mark_attached(self, *, now: datetime) -> bool:
        """Mark as attached. Return False if it already was. Call it in the transaction that saves the photo's row."""
        changed = Upload.objects.accepted().filter(pk=self.pk, attached_at=None).update(attached_at=now)
        self.refresh_from_db(fields=["attached_at"])
        return bool(changed)

    def discard(self) -> None:
        """Delete the upload and its objects, unless it is attached. Call it in a transaction."""
        if Upload.objects.filter(pk=self.pk, attached_at=None).delete()[0]:
            object_storage.delete_after_commit(*self.keys)
