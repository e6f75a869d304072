"""Step 3: the client's devices and their photos, mirrored into the tables of «Привет Супер»."""

import uuid
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models, transaction
from django.db.models import Q
from django.utils import timezone

from clients.models import Client
from devices import mirror
from devices.shared import SharedDevice, SharedDevicePhoto
from devices.tariffs import MAX_FEE, ClientTariff, Tariff
from foundation.storage import object_storage
from managers.history import tracked
from managers.models import Manager
from photos.models import Upload

__all__ = ["ClientTariff", "Device", "DevicePhoto", "DeviceType", "SharedDevice", "SharedDevicePhoto", "Tariff"]

MAX_PHOTOS = 10


class TooManyPhotos(Exception):
    """The device has MAX_PHOTOS photos already."""


@dataclass
class PhotoDrafts:
    """Rows to record once `objects` (content by key) are stored."""

    rows: list["DevicePhoto"] = field(default_factory=list)
    objects: dict[str, bytes] = field(default_factory=dict)


class DeviceType(models.Model):
    """A kind of device; admins edit the list. An inactive one stays on its devices and is not offered."""

    name = models.CharField("название", max_length=60, unique=True)
    position = models.PositiveSmallIntegerField("порядок", default=100)
    is_active = models.BooleanField("предлагать", default=True)

    class Meta:
        db_table = "manager_device_types"
        verbose_name = "тип устройства"
        verbose_name_plural = "типы устройств"
        ordering = ["position", "name"]

    def __str__(self):
        return self.name


@tracked("manager_devices_history", exclude=["created_at", "updated_at", "updated_by"])
class Device(models.Model):
    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    client = models.ForeignKey(Client, on_delete=models.PROTECT, related_name="devices", verbose_name="клиент")
    type = models.ForeignKey(DeviceType, on_delete=models.PROTECT, related_name="+", verbose_name="тип")
    title = models.CharField("название", max_length=120)
    description = models.TextField("описание", blank=True, max_length=2000)
    purchased_on = models.DateField("месяц покупки", null=True, blank=True, help_text="Первое число месяца.")
    serial_number = models.CharField("серийный номер", max_length=100, blank=True)
    specs = models.TextField("характеристики", blank=True, max_length=2000)
    extra_fee = models.DecimalField(
        "своя доплата, ₽", max_digits=10, decimal_places=2, null=True, blank=True,
        validators=[MinValueValidator(0, "Доплата не может быть отрицательной."), MaxValueValidator(MAX_FEE)],
    )  # fmt: skip
    created_at = models.DateTimeField("добавлено", default=timezone.now, editable=False)
    updated_at = models.DateTimeField("изменено", default=timezone.now, editable=False)
    updated_by = models.ForeignKey(
        Manager, on_delete=models.PROTECT, related_name="+", editable=False, verbose_name="кто изменил"
    )

    class Meta:
        db_table = "manager_devices"
        verbose_name = "устройство"
        verbose_name_plural = "устройства"
        ordering = ["created_at", "id"]
        indexes = [models.Index(fields=["client", "created_at", "id"], name="devices_of_client")]
        constraints = [
            models.CheckConstraint(condition=Q(extra_fee__gte=0), name="manager_devices_fee_not_negative"),
            models.CheckConstraint(condition=~Q(title=""), name="manager_devices_title_not_empty"),
        ]

    def __str__(self):
        return f"{self.type.name}: {self.title}"

    @property
    def is_kept(self) -> bool:
        return not self._state.adding

    @transaction.atomic
    def write(self, *, by: Manager) -> None:
        """Save a new or changed device, with its mirror; a client with a signed contract needs a new one."""
        client = self.client.locked()
        now = timezone.now()
        self.updated_at, self.updated_by = now, by
        self.save()
        mirror.reflect(self)
        ClientTariff.follow(client, by=by, now=now)
        client.reopen(by=by, now=now)

    @transaction.atomic
    def remove(self, *, by: Manager) -> None:
        """Delete the device with its photos and mirror; mirror.InUse when the app's service requests refer to it."""
        client = self.client.locked()
        keys = [key for photo in self.photos.all() for key in photo.keys]
        mirror.forget(self)
        self.photos.all().delete()
        self.delete()
        object_storage.remove_after_commit(*keys)
        now = timezone.now()
        ClientTariff.follow(client, by=by, now=now)
        client.reopen(by=by, now=now)

    def draft_photos(self, photos: Iterable[tuple[bytes, bytes]], *, by: Manager) -> "PhotoDrafts":
        """Photos, each a JPEG and its JPEG thumbnail, that are not kept yet."""
        drafts = PhotoDrafts()
        for picture, thumbnail in photos:
            photo = DevicePhoto(device=self, added_by=by)
            photo.key = DevicePhoto.key_for(self.pk, photo.pk)
            drafts.rows.append(photo)
            drafts.objects |= {photo.key: picture, photo.thumbnail_key: thumbnail}
        return drafts

    def accepted_photos(self, uploads: Iterable[Upload], *, by: Manager, now: datetime) -> list["DevicePhoto"]:
        """Photos of accepted uploads, not kept yet; those attached already are left out. Call it in a transaction."""
        return [
            DevicePhoto(device=self, key=upload.photo_key, added_by=by) for upload in uploads if upload.attach(now=now)
        ]

    def record_photos(self, photos: list["DevicePhoto"]) -> None:
        """Record photos whose objects are stored; TooManyPhotos. Call it in a transaction that holds the client."""
        if photos and self.photos.count() + len(photos) > MAX_PHOTOS:
            raise TooManyPhotos
        for photo in photos:
            photo.save(force_insert=True)
            mirror.reflect_photo(photo)


class DevicePhoto(models.Model):
    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    device = models.ForeignKey(Device, on_delete=models.PROTECT, related_name="photos", verbose_name="устройство")
    key = models.CharField("объект", max_length=200, unique=True, editable=False)
    created_at = models.DateTimeField("добавлено", default=timezone.now, editable=False)
    added_by = models.ForeignKey(
        Manager, on_delete=models.PROTECT, related_name="+", editable=False, verbose_name="кто добавил"
    )

    class Meta:
        db_table = "manager_device_photos"
        verbose_name = "фото устройства"
        verbose_name_plural = "фото устройств"
        ordering = ["created_at", "id"]

    def __str__(self):
        return self.key

    @staticmethod
    def key_for(device_id: uuid.UUID, name: uuid.UUID) -> str:
        return f"devices/{device_id}/{name}.jpg"

    @property
    def thumbnail_key(self) -> str:
        return self.key.replace(".jpg", "-thumbnail.jpg")

    @property
    def keys(self) -> list[str]:
        return [self.key, self.thumbnail_key]

    @transaction.atomic
    def remove(self) -> None:
        """Delete the photo, its mirror and, after the commit, its objects."""
        mirror.forget_photo(self)
        self.delete()
        object_storage.remove_after_commit(*self.keys)
