"""Step 2: the client's passport."""

import uuid
from datetime import date

from cryptography.fernet import InvalidToken
from django.core.validators import RegexValidator
from django.db import models
from django.db.models import Q
from django.utils import timezone

from clients.models import Client
from managers import cipher
from managers.history import track_history
from managers.models import Manager

# When the current passport form was introduced (Government decree 828 of 8 July 1997).
FIRST_ISSUED_ON = date(1997, 10, 1)
MINIMUM_AGE = 14


class PassportTaken(Exception):
    """Another client has a passport with this series and number."""


@track_history("users_passports_history", exclude=["series_and_number_hash", "updated_at", "updated_by"])
class Passport(models.Model):
    """Passport of a citizen of Russia. Series and number are stored encrypted, with a keyed hash for lookups."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    client = models.OneToOneField(Client, on_delete=models.PROTECT, related_name="passport", verbose_name="клиент")
    last_name = models.CharField("фамилия", max_length=100)
    first_name = models.CharField("имя", max_length=100)
    middle_name = models.CharField("отчество", max_length=100, blank=True)
    series_and_number = models.TextField("серия и номер", editable=False)
    series_and_number_hash = models.CharField(max_length=64, editable=False)
    issued_by = models.CharField("кем выдан", max_length=300)
    department_code = models.CharField(
        "код подразделения", max_length=7, validators=[RegexValidator(r"^\d{3}-\d{3}\Z", "Шесть цифр: 770-001.")]
    )
    issued_on = models.DateField("дата выдачи")
    birth_date = models.DateField("дата рождения", null=True, blank=True)
    registration_address = models.CharField("адрес регистрации", max_length=500)
    photo = models.CharField("фото", max_length=200, blank=True, editable=False)
    updated_at = models.DateTimeField("изменён", default=timezone.now, editable=False)
    updated_by = models.ForeignKey(
        Manager, on_delete=models.PROTECT, related_name="+", editable=False, verbose_name="кто изменил"
    )

    class Meta:
        db_table = "users_passports"
        verbose_name = "паспорт"
        verbose_name_plural = "паспорта"
        constraints = [
            models.UniqueConstraint("series_and_number_hash", name="users_passports_one_client"),
            models.CheckConstraint(condition=Q(issued_on__gte=FIRST_ISSUED_ON), name="users_passports_issued_on"),
            models.CheckConstraint(
                condition=Q(department_code__regex=r"^\d{3}-\d{3}$"), name="users_passports_department_code"
            ),
        ]

    def __str__(self):
        return self.full_name

    @property
    def full_name(self) -> str:
        return " ".join(filter(None, [self.last_name, self.first_name, self.middle_name]))

    @property
    def is_saved(self) -> bool:
        return not self._state.adding

    @property
    def digits(self) -> str:
        """Series and number, ten digits."""
        return cipher.decrypt(self.series_and_number) if self.series_and_number else ""

    @property
    def series(self) -> str:
        return self.digits[:4]

    @property
    def number(self) -> str:
        return self.digits[4:]

    @property
    def is_readable(self) -> bool:
        """False if there is no number, or no key decrypts it."""
        try:
            return bool(self.digits)
        except InvalidToken:
            return False

    @property
    def masked_digits(self) -> str:
        """The number as «46•• •••353», enough to recognize it."""
        return f"{self.digits[:2]}•• •••{self.digits[-3:]}" if self.is_readable else "не читается: нет ключа"

    @classmethod
    def for_client(cls, client: Client) -> "Passport":
        """Return the client's passport, or an unsaved one."""
        return getattr(client, "passport", None) or cls(client=client)
