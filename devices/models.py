"""Step 3: devices with their photos, tariffs, and the tariff chosen for a client."""

import uuid
from decimal import Decimal

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q
from django.utils import timezone

from clients.models import Client
from devices.shared import SharedDevice, SharedDevicePhoto
from foundation.exceptions import Refusal
from managers.history import track_history
from managers.models import Manager
from photos import images

__all__ = ["ClientTariff", "Device", "DevicePhoto", "DeviceType", "SharedDevice", "SharedDevicePhoto", "Tariff"]

MAX_PHOTOS = 10
MAX_FEE = Decimal("1000000")
FEE_VALIDATORS = [
    MinValueValidator(0, "Сумма не может быть отрицательной."),
    MaxValueValidator(MAX_FEE, "Слишком большая сумма: не больше 1 000 000 ₽."),
]


class TooManyPhotos(Refusal):
    """The device already has MAX_PHOTOS photos."""

    message = f"У одного устройства может быть не больше {MAX_PHOTOS} фото. Уберите лишние."
    status = 422


class DeviceType(models.Model):
    """A device type, edited by admins. Inactive types stay on existing devices but are not offered."""

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


@track_history("manager_devices_history", exclude=["created_at", "updated_at", "updated_by", "mirror_id"])
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
    # The id of the mirrored row in the app, if it is not ours: the older system gave its rows other ids.
    mirror_id = models.UUIDField("строка в приложении", null=True, editable=False)
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
    def is_saved(self) -> bool:
        return not self._state.adding


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
    def app_copy_key(self) -> str:
        """Key of the smaller copy for the client's app. Photos of earlier versions may not have it yet."""
        return images.app_copy_key(self.key)

    @property
    def thumbnail_key(self) -> str:
        return images.thumbnail_key(self.key)

    @property
    def keys(self) -> list[str]:
        return [self.key, self.app_copy_key, self.thumbnail_key]

    def objects_by_key(self, photo: images.Photo) -> dict[str, bytes]:
        """Return the objects to store by key."""
        return dict(zip(self.keys, photo, strict=True))


class FeePeriod(models.TextChoices):
    """For which period the base fee of a tariff is paid."""

    MONTH = "month", "в месяц"
    YEAR = "year", "в год"
    ONCE = "once", "один раз"


@track_history("manager_tariffs_history")
class Tariff(models.Model):
    """A price plan. Plans in use are deactivated, not deleted."""

    name = models.CharField("название", max_length=100, unique=True)
    base_fee = models.DecimalField("базовая стоимость, ₽", max_digits=10, decimal_places=2, validators=FEE_VALIDATORS)
    period = models.CharField(
        "за какой срок базовая стоимость",
        max_length=5,
        choices=FeePeriod,
        blank=True,
        default="",
        db_default="",
        help_text="Так клиент узнаёт в договоре, сколько платить потом. Пусто: срок не указан.",
    )
    extra_per_device = models.DecimalField(
        "доплата за устройство, ₽", max_digits=10, decimal_places=2, validators=FEE_VALIDATORS
    )
    notes = models.TextField("примечания", blank=True)
    is_active = models.BooleanField("действует", default=True)

    class Meta:
        db_table = "manager_tariffs"
        verbose_name = "тариф"
        verbose_name_plural = "тарифы"
        ordering = ["base_fee", "name"]
        constraints = [
            models.CheckConstraint(
                condition=Q(base_fee__gte=0, extra_per_device__gte=0), name="manager_tariffs_not_negative"
            )
        ]

    def __str__(self):
        return self.name


@track_history("manager_client_tariffs_history", exclude=["computed_at", "computed_by"])
class ClientTariff(models.Model):
    """The tariff chosen for a client, with the last computed surcharge."""

    client = models.OneToOneField(Client, on_delete=models.PROTECT, related_name="tariff_choice", verbose_name="клиент")
    tariff = models.ForeignKey(Tariff, on_delete=models.PROTECT, related_name="+", verbose_name="тариф")
    device_count = models.PositiveIntegerField("устройств", default=0)
    total_extra_fee = models.DecimalField("доплата, ₽", max_digits=12, decimal_places=2, default=0)
    computed_at = models.DateTimeField("рассчитано", default=timezone.now)
    computed_by = models.ForeignKey(Manager, on_delete=models.PROTECT, related_name="+", verbose_name="кто рассчитал")

    class Meta:
        db_table = "manager_client_tariffs"
        verbose_name = "тариф клиента"
        verbose_name_plural = "тарифы клиентов"

    def __str__(self):
        return f"{self.tariff}, {self.device_count}"
