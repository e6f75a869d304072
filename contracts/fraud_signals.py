"""Fraud signals: what is unusual about a signature or a contact change.

Only admins see them; they prove nothing and change nothing.
"""

import uuid

from django.db import models
from django.utils import timezone

from clients.models import Client
from managers.history import append_only_triggers
from managers.models import Manager


class SignalKind(models.TextChoices):
    FAST = "fast", "Подписан слишком быстро"
    SHARED_PHONE = "shared_phone", "Телефон нескольких клиентов"
    SHARED_BROWSER = "shared_browser", "Браузер нескольких клиентов"
    CONTACT_CHANGED = "contact_changed", "Контакт изменён перед подписью"
    CONTACT_UNCONFIRMED = "contact_unconfirmed", "Изменение контакта не подтверждено"
    CONTACT_BY_ONLY_ADMIN = "contact_by_only_admin", "Контакт изменил единственный администратор"
    LOW_SURCHARGE = "low_surcharge", "Доплата ниже тарифа"
    CONSENT_BY_MANAGER = "consent_by_manager", "Согласие отметил менеджер"
    CODE_BY_MANAGER = "code_by_manager", "Код ввёл менеджер"

    @property
    def meaning(self) -> str:
        """What the signal may mean, with an innocent reason, for admins."""
        return MEANINGS[self]


MEANINGS = {
    SignalKind.FAST: (
        "Между открытием страницы и подписью прошло не больше 10 секунд: договор, возможно, не читали. Бывает, если "
        "клиент прочитал его раньше, по другой ссылке или в распечатке."
    ),
    SignalKind.SHARED_PHONE: (
        "На этот телефон приходили коды и для подписанного договора другого клиента: возможно, телефон не клиента. "
        "Бывает, если одним телефоном пользуется семья."
    ),
    SignalKind.SHARED_BROWSER: (
        "В том же браузере открывались страницы других клиентов: возможно, это телефон менеджера. Бывает, если одним "
        "телефоном пользуется семья или у клиента нет смартфона."
    ),
    SignalKind.CONTACT_CHANGED: (
        "Менеджер изменил телефон или почту клиента меньше чем за сутки до подписи: возможно, код получил не клиент. "
        "Бывает, если в контакте исправили ошибку."
    ),
    SignalKind.CONTACT_UNCONFIRMED: (
        "Менеджер хотел изменить телефон или почту клиента, но подтверждения нет: клиент не назвал код, администратор "
        "не разрешил. Возможно, менеджер хотел получить коды клиента. Бывает, если клиент передумал или в новом "
        "контакте ошиблись."
    ),
    SignalKind.CONTACT_BY_ONLY_ADMIN: (
        "Единственный администратор сам изменил телефон или почту клиента, и проверить его было некому. Бывает, если "
        "других администраторов нет: добавьте второго."
    ),
    SignalKind.LOW_SURCHARGE: (
        "Доплата меньше половины той, что даёт тариф: возможно, устройствам занизили цену. Бывает при согласованной "
        "скидке."
    ),
    SignalKind.CONSENT_BY_MANAGER: (
        "Хотя бы одно согласие отметил менеджер, а не клиент на своей странице: клиент мог о нём не знать. Бывает, "
        "если у клиента нет телефона с интернетом."
    ),
    SignalKind.CODE_BY_MANAGER: (
        "Код ввёл менеджер, а не клиент на своей странице: клиент мог не понять, что подписывает. Бывает, если клиент "
        "сам попросил об этом."
    ),
}


class FraudSignal(models.Model):
    """A signal, recorded once and never changed. `details` has no personal data, so erasures leave the row as it is."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    client = models.ForeignKey(Client, on_delete=models.PROTECT, related_name="signals", verbose_name="клиент")
    # NULL: the signal is about the client and no contract.
    contract = models.ForeignKey(
        "contracts.Contract",
        on_delete=models.PROTECT,
        null=True,
        related_name="signals",
        db_index=False,  # the unique constraint has an index
        verbose_name="договор",
    )
    kind = models.CharField("сигнал", max_length=30, choices=SignalKind)
    at = models.DateTimeField("когда")
    manager = models.ForeignKey(Manager, on_delete=models.PROTECT, related_name="+", verbose_name="менеджер")
    details = models.CharField("подробности", max_length=300)

    class Meta:
        db_table = "manager_fraud_signals"
        verbose_name = "сигнал"
        verbose_name_plural = "сигналы"
        ordering = ["-at", "-id"]
        indexes = [
            # Also for the statistics, which read nothing else.
            models.Index(fields=["-at", "-id"], include=["kind", "manager"], name="signals_by_time"),
            models.Index(fields=["kind", "-at", "-id"], name="signals_of_kind"),
        ]
        constraints = [
            models.UniqueConstraint("contract", "kind", name="manager_fraud_signals_once"),
            models.UniqueConstraint(
                "client", "kind", "at", name="manager_fraud_signals_of_client_once", condition=models.Q(contract=None)
            ),
        ]
        triggers = append_only_triggers()

    def __str__(self):
        return f"{self.get_kind_display()}, {timezone.localtime(self.at):%d.%m.%Y %H:%M}"
