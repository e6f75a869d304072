"""The people who work in Privet: managers, support staff and admins."""

import uuid

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.db import models
from django.db.models.functions import Lower
from django.utils import timezone


class Role(models.TextChoices):
    MANAGER = "manager", "Менеджер"
    SUPPORT = "support", "Поддержка"
    ADMIN = "admin", "Администратор"


class ManagerManager(BaseUserManager):
    def create_user(self, email: str, password: str | None = None, **fields) -> "Manager":
        """Create a person who signs in with `email`; without a password they must set one by e-mail."""
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


class Manager(AbstractBaseUser):
    """A person of the company. What they may do follows from `role` alone."""

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
        constraints = [
            models.UniqueConstraint(Lower("email"), name="manager_users_email_lower"),
        ]

    def __str__(self):
        return self.name

    def clean(self):
        super().clean()
        self.email = type(self).objects.normalize_email(self.email)

    @property
    def is_admin(self) -> bool:
        return self.role == Role.ADMIN

    @property
    def is_support(self) -> bool:
        """May read and answer the shared tickets."""
        return self.role in (Role.SUPPORT, Role.ADMIN)

    @property
    def is_field_manager(self) -> bool:
        """May take clients through the steps."""
        return self.role in (Role.MANAGER, Role.ADMIN)

    # Django admin asks these; it is for admins only.
    @property
    def is_staff(self) -> bool:
        return self.is_active and self.is_admin

    @property
    def is_superuser(self) -> bool:
        return self.is_staff

    def has_perm(self, perm, obj=None) -> bool:
        return self.is_staff

    def has_perms(self, perm_list, obj=None) -> bool:
        return self.is_staff

    def has_module_perms(self, app_label) -> bool:
        return self.is_staff


class Attempts(models.Model):
    """How many tries of one account, or from one network address, failed lately. Only a keyed hash says whose."""

    key = models.CharField(max_length=64, unique=True, editable=False)
    # A number that melts with time (managers/limits.py), hence not whole.
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
    """How far a person has used an allowance (managers/limits.py). Times that are over mean: not at all."""

    key = models.CharField(max_length=64, primary_key=True, editable=False)
    spent_until = models.DateTimeField()

    class Meta:
        db_table = "manager_spending"
        verbose_name = "расход"
        verbose_name_plural = "расход"

    def __str__(self):
        return f"{self.key[:8]}: {self.spent_until}"
