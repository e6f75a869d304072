"""Tariffs, a client's choice of one, and the surcharge that follows from it and the devices."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q
from django.utils import timezone

from clients.models import Client
from managers.history import tracked
from managers.models import Manager

if TYPE_CHECKING:
    from devices.models import Device

MAX_FEE = Decimal("1000000")
FEE_VALIDATORS = [
    MinValueValidator(0, "Сумма не может быть отрицательной."),
    MaxValueValidator(MAX_FEE, "Слишком большая сумма: не больше 1 000 000 ₽."),
]


@tracked("manager_tariffs_history")
class Tariff(models.Model):
    """What the company charges. Used ones are switched off, not deleted."""

    name = models.CharField("название", max_length=100, unique=True)
    base_fee = models.DecimalField("базовая стоимость, ₽", max_digits=10, decimal_places=2, validators=FEE_VALIDATORS)
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


@dataclass(frozen=True)
class SurchargeLine:
    title: str
    fee: Decimal
    is_own_fee: bool  # the device's own fee, not the tariff's


@dataclass(frozen=True)
class Surcharge:
    """What is due for the devices, line by line, in roubles."""

    lines: tuple[SurchargeLine, ...]

    @property
    def total(self) -> Decimal:
        return sum((line.fee for line in self.lines), Decimal("0.00"))

    @classmethod
    def of(cls, devices: Iterable["Device"], tariff: Tariff) -> "Surcharge":
        """Each device's own fee, or the tariff's where it has none."""
        return cls(
            tuple(
                SurchargeLine(
                    title=device.title,
                    fee=tariff.extra_per_device if device.extra_fee is None else device.extra_fee,
                    is_own_fee=device.extra_fee is not None,
                )
                for device in devices
            )
        )


@tracked("manager_client_tariffs_history", exclude=["computed_at", "computed_by"])
class ClientTariff(models.Model):
    """The tariff chosen for a client, with the surcharge as it was last computed."""

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

    @classmethod
    def fix(cls, client: Client, tariff: Tariff, *, by: Manager, now: datetime) -> Surcharge:
        """Compute the surcharge anew and keep it. Call it in a transaction that holds the client."""
        devices = list(client.devices.all())
        surcharge = Surcharge.of(devices, tariff)
        cls.objects.update_or_create(
            client=client,
            defaults={
                "tariff": tariff,
                "device_count": len(devices),
                "total_extra_fee": surcharge.total,
                "computed_at": now,
                "computed_by": by,
            },
        )
        return surcharge

    @classmethod
    def match(cls, client: Client, total: Decimal, *, by: Manager, now: datetime) -> bool:
        """Keep what a contract asks for, where the tariff's price has changed since the surcharge was computed."""
        others = cls.objects.filter(client=client).exclude(total_extra_fee=total)
        return bool(others.update(total_extra_fee=total, computed_at=now, computed_by=by))

    @classmethod
    def follow(cls, client: Client, *, by: Manager, now: datetime) -> None:
        """Compute the surcharge anew after a change of the devices, if a tariff is chosen."""
        choice = cls.objects.filter(client=client).select_related("tariff").first()
        if choice:
            cls.fix(client, choice.tariff, by=by, now=now)
