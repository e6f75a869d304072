"""Erasures: requests, acts with their log extract, and pending object deletions."""

from datetime import datetime, timedelta

import pgtrigger
from django.conf import settings
from django.db import models
from django.db.models import Q
from django.urls import reverse
from django.utils import timezone

from clients.models import Client
from foundation.worker import RetriedWork
from managers.cipher import decrypt
from managers.history import append_only_triggers
from managers.models import Manager


class ErasureScope(models.TextChoices):
    """How much of a client's data is erased, in increasing order."""

    PASSPORT = "passport", "Паспорт и неподписанные договоры"
    CLIENT = "client", "Все данные, кроме документов"
    DOCUMENTS = "documents", "Документы, срок хранения которых истёк"


class ErasureReason(models.TextChoices):
    WITHDRAWN = "withdrawn", "Согласие отозвано"
    REQUEST = "request", "Требование клиента"
    UNLAWFUL = "unlawful", "Неправомерная обработка"
    UNFINISHED = "unfinished", "Договор не заключён, цель обработки утрачена"
    ENDED = "ended", "Договор прекратился, цель обработки достигнута"
    STORED = "stored", "Срок хранения документов истёк"

    @property
    def legal_basis(self) -> str:
        """The article of Law 152-ФЗ that requires the erasure."""
        return {
            ErasureReason.WITHDRAWN: "часть 5 статьи 21",
            ErasureReason.REQUEST: "часть 1 статьи 14, часть 5.1 статьи 21",
            ErasureReason.UNLAWFUL: "часть 3 статьи 21",
            ErasureReason.STORED: "часть 7 статьи 5",
        }.get(self, "часть 4 статьи 21")


# Reasons that an admin may choose; the others are those of the retention rules.
REQUESTED_REASONS = (ErasureReason.REQUEST, ErasureReason.WITHDRAWN, ErasureReason.UNLAWFUL)


class DataCategory(models.TextChoices):
    PASSPORT = (
        "passport",
        "Паспорт: фамилия, имя, отчество, дата рождения, серия, номер, кем и когда выдан, адрес регистрации",
    )
    PASSPORT_PHOTO = "passport_photo", "Фотография паспорта"
    DRAFTS = "drafts", "Неподписанные договоры"
    DEVICES = "devices", "Сведения об устройствах"
    DEVICE_PHOTOS = "device_photos", "Фотографии устройств"
    CONTACT = "contact", "Имя, телефон, электронная почта, адрес"
    # If the account stays, because the client keeps using it.
    CONTACT_HISTORY = "contact_history", "История изменений имени, телефона, почты и адреса"
    CONVERSATION = "conversation", "Сообщения в приложении «Привет Супер»"
    LOG = "log", "Записи и заметки о работе с клиентом"
    CONTRACTS = "contracts", "Подписанные договоры, доказательства подписания и счета"
    AGREEMENTS = "agreements", "Согласия и соглашения"


class Erasure(RetriedWork):
    """An erasure of a client's data. Its number is that of the act (Roskomnadzor's order 179 of 28.10.2022).

    It is inserted in the transaction that erases the rows. The act is made when the stored objects are deleted too; the
    attempts are those of the worker to do so.
    """

    number = models.BigAutoField("номер", primary_key=True)
    client = models.ForeignKey(Client, on_delete=models.PROTECT, related_name="erasures", verbose_name="клиент")
    scope = models.CharField("что уничтожено", max_length=10, choices=ErasureScope)
    reason = models.CharField("причина", max_length=10, choices=ErasureReason)
    note = models.CharField("основание", max_length=300, blank=True)
    # The client's name, which the act must contain.
    encrypted_subject = models.TextField(editable=False)
    erased_at = models.DateTimeField("когда", default=timezone.now)
    # NULL: erased by a retention rule.
    by = models.ForeignKey(Manager, on_delete=models.PROTECT, null=True, related_name="+", verbose_name="кто")
    act_key = models.CharField("объект", max_length=200, blank=True, editable=False)
    act_sha256 = models.CharField("SHA-256 акта", max_length=64, blank=True)

    class Meta:
        db_table = "manager_erasures"
        verbose_name = "акт об уничтожении данных"
        verbose_name_plural = "акты об уничтожении данных"
        ordering = ["-number"]
        indexes = [
            models.Index(fields=["client"], name="erasures_of_client"),
            models.Index(fields=["number"], name="erasures_without_act", condition=Q(act_key="")),
        ]
        constraints = [
            models.CheckConstraint(condition=Q(scope__in=ErasureScope.values), name="manager_erasures_scope_known"),
            models.CheckConstraint(condition=Q(reason__in=ErasureReason.values), name="manager_erasures_reason_known"),
        ]

    def __str__(self):
        return f"Акт № {self.number}"

    def get_absolute_url(self) -> str:
        return reverse("erasure:act", args=[self.number])

    @property
    def subject(self) -> str:
        return decrypt(self.encrypted_subject)

    @property
    def categories(self) -> list[str]:
        """Labels of the erased categories, without duplicates."""
        erased = {row.category for row in (*self.lines.all(), *self.objects_gone.all())}
        return [category.label for category in DataCategory if category in erased]

    @property
    def purged_from_backups_at(self) -> datetime:
        """When the last backup that contains the data has been deleted."""
        last_deletion = max([self.erased_at, *(row.removed_at for row in self.objects_gone.all() if row.removed_at)])
        return last_deletion + timedelta(weeks=settings.BACKUP_WEEKS, days=1)


class RequestState(models.TextChoices):
    WAITING = "waiting", "Ждёт выполнения"
    FAILED = "failed", "Не удалось, будет повторён"
    ERASED = "erased", "Записи уничтожены, акт готовится"
    DONE = "done", "Выполнен"
    REFUSED = "refused", "Отклонён"
    WITHDRAWN = "withdrawn", "Отозван"


OPEN_REQUEST = Q(erasure=None, refused_at=None, withdrawn_at=None)


class ErasureRequestQuerySet(models.QuerySet):
    def open(self) -> "ErasureRequestQuerySet":
        """Requests that are neither carried out, refused nor withdrawn."""
        return self.filter(OPEN_REQUEST)


class ErasureRequest(RetriedWork):
    """An admin's request to erase a client's data. The worker carries it out (`erasure/requests.py`)."""

    client = models.ForeignKey(Client, on_delete=models.PROTECT, related_name="erasure_requests", verbose_name="клиент")
    # What the admin confirmed. Nothing else is erased.
    scope = models.CharField("что уничтожить", max_length=10, choices=ErasureScope)
    reason = models.CharField("причина", max_length=10, choices=ErasureReason)
    note = models.CharField("основание", max_length=300, blank=True)
    ended = models.BooleanField("клиент отказался от договора")
    requested_at = models.DateTimeField("когда", default=timezone.now)
    requested_by = models.ForeignKey(Manager, on_delete=models.PROTECT, related_name="+", verbose_name="кто")
    # Why the last attempt failed; it is repeated at `next_attempt_at`.
    last_error = models.CharField("ошибка", max_length=300, blank=True)
    refused_at = models.DateTimeField("отклонён", null=True)
    refusal = models.CharField("почему отклонён", max_length=300, blank=True)
    withdrawn_at = models.DateTimeField("отозван", null=True)
    withdrawn_by = models.ForeignKey(
        Manager, on_delete=models.PROTECT, null=True, related_name="+", verbose_name="кто отозвал"
    )
    erasure = models.OneToOneField(
        Erasure, on_delete=models.PROTECT, null=True, related_name="request", verbose_name="акт"
    )

    objects = ErasureRequestQuerySet.as_manager()

    class Meta:
        db_table = "manager_erasure_requests"
        verbose_name = "запрос на уничтожение данных"
        verbose_name_plural = "запросы на уничтожение данных"
        ordering = ["-id"]
        indexes = [models.Index(fields=["next_attempt_at"], name="erasure_requests_open", condition=OPEN_REQUEST)]
        constraints = [
            models.UniqueConstraint(
                fields=["client"], name="manager_erasure_requests_one_open", condition=OPEN_REQUEST
            ),
            models.CheckConstraint(
                condition=OPEN_REQUEST
                | Q(erasure__isnull=False, refused_at=None, withdrawn_at=None)
                | Q(erasure=None, refused_at__isnull=False, withdrawn_at=None)
                | Q(erasure=None, refused_at=None, withdrawn_at__isnull=False),
                name="manager_erasure_requests_one_outcome",
            ),
        ]
        triggers = [
            pgtrigger.ReadOnly(
                name="request_is_frozen",
                fields=["client", "scope", "reason", "note", "ended", "requested_at", "requested_by"],
            )
        ]

    def __str__(self):
        return f"Запрос № {self.pk}"

    @property
    def state(self) -> RequestState:
        if self.erasure:
            return RequestState.DONE if self.erasure.act_key else RequestState.ERASED
        if self.refused_at:
            return RequestState.REFUSED
        if self.withdrawn_at:
            return RequestState.WITHDRAWN
        return RequestState.FAILED if self.last_error else RequestState.WAITING


class ErasedRows(models.Model):
    """A line of the log extract: `count` rows of this table contained data of this category. Append-only."""

    erasure = models.ForeignKey(Erasure, on_delete=models.PROTECT, related_name="lines")
    at = models.DateTimeField("когда", default=timezone.now)
    category = models.CharField("категория", max_length=20, choices=DataCategory)
    table = models.CharField("таблица", max_length=63)
    count = models.PositiveIntegerField("записей")

    class Meta:
        db_table = "manager_erased_rows"
        verbose_name = "уничтоженные записи"
        verbose_name_plural = "уничтоженные записи"
        ordering = ["id"]
        triggers = append_only_triggers()

    def __str__(self):
        return f"{self.table}: {self.count}"


class ErasedObject(models.Model):
    """A line of the log extract: a stored object, deleted at `removed_at`; NULL while the deletion is pending."""

    erasure = models.ForeignKey(Erasure, on_delete=models.PROTECT, related_name="objects_gone")
    category = models.CharField("категория", max_length=20, choices=DataCategory)
    key = models.CharField("объект", max_length=200)
    removed_at = models.DateTimeField("когда", null=True)

    class Meta:
        db_table = "manager_erased_objects"
        verbose_name = "уничтоженный файл"
        verbose_name_plural = "уничтоженные файлы"
        ordering = ["id"]

    def __str__(self):
        return self.key
