"""Photos that a browser sends straight to the storage: handed out, then completed, then attached to a row."""

import uuid
from datetime import datetime, timedelta

from django.db import models
from django.db.models import Q
from django.utils import timezone

from clients.models import Client
from foundation.storage import object_storage
from managers.models import Manager

CONTENT_TYPES = ("image/jpeg", "image/png", "image/webp", "image/heic", "image/heif")
# How long an upload that did not arrive takes a place among the photos of its device.
IN_FLIGHT = timedelta(seconds=object_storage.UPLOAD_SECONDS)


class Purpose(models.TextChoices):
    PASSPORT = "passport", "паспорт"
    DEVICE = "device", "устройство"


class UploadQuerySet(models.QuerySet):
    def expected_for(self, device_id: uuid.UUID) -> "UploadQuerySet":
        """Those that may yet become photos of the device: on their way, or accepted."""
        coming = Q(completed_at=None, created_at__gt=timezone.now() - IN_FLIGHT)
        return self.filter(coming | ~Q(photo_key=""), device_id=device_id, attached_at=None)

    def accepted(self) -> "UploadQuerySet":
        return self.exclude(photo_key="")


class Upload(models.Model):
    """One file that a manager may send for a client's passport or device; the device may not be kept yet."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    client = models.ForeignKey(Client, on_delete=models.PROTECT, related_name="uploads")
    manager = models.ForeignKey(Manager, on_delete=models.PROTECT, related_name="+")
    purpose = models.CharField(max_length=10, choices=Purpose)
    device_id = models.UUIDField(null=True)
    content_type = models.CharField(max_length=20)
    size = models.PositiveIntegerField()
    key = models.CharField(max_length=200, unique=True)
    created_at = models.DateTimeField(default=timezone.now)
    completed_at = models.DateTimeField(null=True)
    # What it became: refused in these words, or accepted as the photo under this key.
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
                condition=Q(purpose=Purpose.DEVICE, device_id__isnull=False)
                | Q(purpose=Purpose.PASSPORT, device_id=None),
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
        """Of a device's photo; a passport's has no thumbnail."""
        return self.photo_key.replace(".jpg", "-thumbnail.jpg") if self.purpose == Purpose.DEVICE else ""

    @property
    def keys(self) -> list[str]:
        """Of all objects that there may be."""
        return [key for key in (self.key, self.photo_key, self.thumbnail_key if self.photo_key else "") if key]

    @classmethod
    def hand_out(
        cls, client, purpose: str, *, device_id: uuid.UUID | None, content_type: str, size: int, by
    ) -> "Upload":
        """Note that `by` may send a file; its key is nobody's yet, and lies where nothing is shown from."""
        return cls.objects.create(
            client=client, manager=by, purpose=purpose, device_id=device_id, content_type=content_type, size=size,
            key=f"incoming/{client.pk}/{purpose}-{uuid.uuid4().hex}",
        )  # fmt: skip

    def accept(self, photo_key: str, *, now: datetime) -> bool:
        """Note what the upload became; False when it was completed already. Call it in a transaction."""
        return self._complete(now=now, photo_key=photo_key)

    def refuse(self, words: str, *, now: datetime) -> bool:
        return self._complete(now=now, refusal=words)

    def _complete(self, *, now: datetime, **became) -> bool:
        changed = Upload.objects.filter(pk=self.pk, completed_at=None).update(completed_at=now, **became)
        self.refresh_from_db()
        if changed:
            object_storage.remove_after_commit(self.key)
        return bool(changed)

    def attach(self, *, now: datetime) -> bool:
        """Note that a row names the photo now; False when one did already. Call it in that row's transaction."""
        changed = Upload.objects.accepted().filter(pk=self.pk, attached_at=None).update(attached_at=now)
        self.refresh_from_db(fields=["attached_at"])
        return bool(changed)

    def discard(self) -> None:
        """Forget the upload with its objects, unless a row names its photo. Call it in a transaction."""
        if Upload.objects.filter(pk=self.pk, attached_at=None).delete()[0]:
            object_storage.remove_after_commit(*self.keys)
