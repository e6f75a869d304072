"""Users of Privet (managers, support, admins), their sessions, second factors and attempt counts."""

import uuid
from collections.abc import Iterator
from datetime import datetime, timedelta
from importlib import import_module

import pgtrigger
from django.conf import settings
from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.models import PermissionsMixin
from django.contrib.sessions.base_session import AbstractBaseSession, BaseSessionManager
from django.db import models
from django.db.models.functions import Lower
from django.utils import timezone
from django.utils.crypto import salted_hmac
from django.utils.functional import cached_property
from django_otp.plugins.otp_totp.models import TOTPDevice

from managers import cipher
from managers.history import track_history
from managers.user_agent import describe_browser


class Role(models.TextChoices):
    MANAGER = "manager", "Менеджер"
    SUPPORT = "support", "Поддержка"
    ADMIN = "admin", "Администратор"


class Right(models.TextChoices):
    SERVE_CLIENTS = "serve_clients", "Вести клиентов"
    ANSWER_TICKETS = "answer_tickets", "Отвечать на обращения"
    ADMINISTER = "administer", "Администрировать"


# The same rights are permissions of the roles' groups (managers/roles.py). Reading them here needs no query.
ROLE_RIGHTS = {
    Role.MANAGER: {Right.SERVE_CLIENTS},
    Role.SUPPORT: {Right.ANSWER_TICKETS},
    Role.ADMIN: {Right.SERVE_CLIENTS, Right.ANSWER_TICKETS, Right.ADMINISTER},
}


class ManagerManager(BaseUserManager):
    def create_user(self, email: str, password: str | None = None, **fields) -> "Manager":
        """Create a user. Without a password the user must set one through an e-mailed link."""
        manager = self.model(email=self.normalize_email(email), **fields)
        manager.set_password(password)
        manager.save(using=self._db)
        return manager

    def create_superuser(self, email: str, password: str | None = None, **fields) -> "Manager":
        return self.create_user(email, password, role=Role.ADMIN, **fields)

    @classmethod
    def normalize_email(cls, email: str) -> str:
        return (email or "").strip().lower()

    def get_by_natural_key(self, username: str) -> "Manager":
        return self.get(email=self.normalize_email(username))


@track_history("manager_users_history", exclude=["password", "last_login", "created_at"])
class Manager(AbstractBaseUser, PermissionsMixin):
    """A person of the company. Permissions depend only on `role`, which names the group."""

    groups = user_permissions = None
    is_superuser = False

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    email = models.EmailField("электронная почта", unique=True)
    name = models.CharField("имя", max_length=150)
    role = models.CharField("роль", max_length=16, choices=Role, default=Role.MANAGER)
    is_active = models.BooleanField("работает", default=True, help_text="Снимите, когда человек уходит.")
    created_at = models.DateTimeField("добавлен", default=timezone.now, editable=False)

    objects = ManagerManager()

    USERNAME_FIELD = "email"
    REQUIRED_FIELDS = ["name"]

    class Meta:
        db_table = "manager_users"
        verbose_name = "сотрудник"
        verbose_name_plural = "сотрудники"
        ordering = ["name"]
        permissions = Right.choices
        constraints = [
            models.UniqueConstraint(Lower("email"), name="manager_users_email_lower"),
        ]
        # End all sessions if password, role or is_active changes, whatever code updates the row.
        triggers = [
            pgtrigger.Trigger(
                name="end_sessions",
                when=pgtrigger.After,
                operation=pgtrigger.UpdateOf("password", "role", "is_active"),
                condition=pgtrigger.AnyChange("password", "role", "is_active"),
                func="DELETE FROM manager_sessions WHERE manager_id = NEW.id; RETURN NULL;",
            ),
        ]

    def __str__(self):
        return self.name

    def clean(self):
        super().clean()
        self.email = type(self).objects.normalize_email(self.email)

    def get_session_auth_hash(self) -> str:
        """Return the hash that a session stores at sign-in. The session ends if the current hash differs.

        Covers sessions that start while the row changes, which the trigger misses.
        """
        return self._hash_for_sessions()

    def get_session_auth_fallback_hash(self) -> Iterator[str]:
        """Yield the same hash for each of SECRET_KEY_FALLBACKS."""
        return map(self._hash_for_sessions, settings.SECRET_KEY_FALLBACKS)

    def _hash_for_sessions(self, secret: str | None = None) -> str:
        return salted_hmac(
            "managers.Manager", f"{self.password} {self.role}", secret=secret, algorithm="sha256"
        ).hexdigest()

    @cached_property
    def authenticator_id(self) -> int | None:
        """Id of the user's authenticator; None until it is set up. The session store loads it with the user."""
        return Authenticator.objects.filter(user=self, confirmed=True).values_list("pk", flat=True).first()

    @property
    def is_admin(self) -> bool:
        return self._has_right(Right.ADMINISTER)

    @property
    def is_support(self) -> bool:
        """May read and answer the shared tickets."""
        return self._has_right(Right.ANSWER_TICKETS)

    @property
    def is_field_manager(self) -> bool:
        """May work with clients."""
        return self._has_right(Right.SERVE_CLIENTS)

    @property
    def is_staff(self) -> bool:
        """May open Django admin. The permissions of the group decide what is allowed there."""
        return self.is_active and self.is_admin

    def _has_right(self, right: Right) -> bool:
        return right in ROLE_RIGHTS.get(self.role, ())


class Attempts(models.Model):
    """Recent failed attempts of an account or from a network address, identified only by a keyed hash."""

    key = models.CharField(max_length=64, unique=True, editable=False)
    # Decays over time (managers/limits.py), so it is not an integer.
    failures = models.FloatField(default=0)
    counted_at = models.DateTimeField(db_index=True)
    wait_until = models.DateTimeField(null=True)

    class Meta:
        db_table = "manager_attempts"
        verbose_name = "попытки входа"
        verbose_name_plural = "попытки входа"

    def __str__(self):
        return f"{self.key[:8]}: {self.failures:.1f}"


class Spending(models.Model):
    """Use of a rate limit by a user (managers/limits.py). A time in the past means unused."""

    key = models.CharField(max_length=64, primary_key=True, editable=False)
    spent_until = models.DateTimeField()

    class Meta:
        db_table = "manager_spending"
        verbose_name = "расход"
        verbose_name_plural = "расход"

    def __str__(self):
        return f"{self.key[:8]}: {self.spent_until}"


class Authenticator(TOTPDevice):
    """A TOTP app on the user's phone (RFC 6238). Its key is stored encrypted, and `key` stays empty."""

    encrypted_key = models.TextField(editable=False)

    class Meta:
        db_table = "manager_authenticators"
        verbose_name = "второй фактор"
        verbose_name_plural = "вторые факторы"

    @property
    def bin_key(self) -> bytes:
        return bytes.fromhex(cipher.decrypt(self.encrypted_key))


class Session(AbstractBaseSession):
    """A signed-in browser. The session expires when idle, and after 12 hours in any case.

    OWASP ASVS 5.0, 7.3: inactivity timeout, absolute maximum lifetime.
    """

    MAX_AGE = timedelta(hours=12)
    IDLE_TIMEOUT = timedelta(hours=1)
    ADMIN_IDLE_TIMEOUT = timedelta(minutes=30)

    # Used in URLs, because the session key is a secret.
    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    manager = models.ForeignKey(Manager, models.CASCADE, null=True, related_name="sessions")
    ip = models.GenericIPAddressField(null=True)
    user_agent = models.CharField(max_length=300)
    started_at = models.DateTimeField(default=timezone.now)
    seen_at = models.DateTimeField(default=timezone.now)

    objects = BaseSessionManager()

    class Meta:
        db_table = "manager_sessions"
        verbose_name = "сеанс"
        verbose_name_plural = "сеансы"

    def __str__(self):
        return f"{self.public_id}"

    @classmethod
    def get_session_store_class(cls):
        return import_module(settings.SESSION_ENGINE).SessionStore

    @property
    def browser(self) -> str:
        return describe_browser(self.user_agent)

    def mark_seen(self, now: datetime, *, by: Manager) -> None:
        """Set, unsaved, the time of the last use by the user `by`, and the expiry."""
        self.seen_at = now
        self.expire_date = min(
            now + (self.ADMIN_IDLE_TIMEOUT if by.is_admin else self.IDLE_TIMEOUT), self.started_at + self.MAX_AGE
        )
