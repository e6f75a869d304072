"""Our own record of the work with a client of «Привет Супер»."""

import uuid
from datetime import datetime

import pgtrigger
from django.contrib.postgres.indexes import GinIndex, OpClass
from django.db import models, transaction
from django.db.models import F, Func, Q, Value
from django.db.models.functions import Coalesce
from django.urls import reverse
from django.utils import timezone

from clients import app_sessions
from clients.accounts import AccountStatus, AppUser
from clients.disclosure import Disclosure
from clients.exceptions import (
    AccountDeleted,
    AlreadyClaimed,
    ClientErased,
    ClientReassigned,
    ContactChanged,
    TransitionRefused,
)
from clients.search import index_condition, matches_all_words
from clients.statuses import ERASED_NAME, IN_WORK, SIGNED, TRANSITIONS, Status
from managers import cipher
from managers.history import track_history
from managers.models import Manager

__all__ = [
    "ERASED_NAME", "SIGNED", "AccountStatus", "AppUser", "Client", "ClientChange", "Disclosure", "Status",
]  # fmt: skip

NO_ACCOUNT = "Учётная запись удалена"


class Tab(models.TextChoices):
    NEW = "new", "Новые"
    IN_WORK = "work", "В работе"
    PROCESSED = "processed", "Обработанные"
    MINE = "mine", "Мои"


class ClientQuerySet(models.QuerySet):
    def visible_to(self, manager: Manager) -> "ClientQuerySet":
        """Clients that `manager` may open: unclaimed ones and their own; all for admins; none for support.

        Admins also see erased clients, whose documents must be retained by law.
        """
        if manager.is_admin:
            return self
        if manager.is_field_manager:
            return self.filter(Q(manager=manager) | Q(manager=None)).exclude(status=Status.ERASED)
        return self.none()

    def in_tab(self, tab: Tab, manager: Manager) -> "ClientQuerySet":
        """Clients that `tab` shows to `manager`. Each branch has its own index, in list order."""
        if tab == Tab.NEW:
            return self.filter(status=Status.NEW, manager=None)
        clients = self if manager.is_admin and tab != Tab.MINE else self.filter(manager=manager)
        if tab == Tab.IN_WORK:
            return clients.filter(status__in=IN_WORK)
        if tab == Tab.PROCESSED:
            return clients.filter(status=Status.PROCESSED)
        return clients.exclude(status=Status.ERASED)

    def search(self, text: str) -> "ClientQuerySet":
        """Clients whose name, phone, e-mail, addresses and contract numbers contain every word of `text`."""
        return self.filter(index_condition("search", text), matches_all_words("search", text))

    def lock(self, pk: uuid.UUID) -> "Client":
        """Lock a client until the transaction ends and return it. Raise Client.DoesNotExist."""
        locked = self.select_for_update(of=("self",), no_key=True).filter(pk=pk)
        # One query loads the account too. A second one is needed only if the app deleted the account.
        return locked.select_related("user").first() or locked.get()

    def newest_first(self) -> "ClientQuerySet":
        return self.order_by("-created_at", "-id")

    def older_than(self, created_at: datetime, pk: uuid.UUID) -> "ClientQuerySet":
        """Clients after the one with these values, newest first (keyset pagination)."""
        # The first condition is redundant, but lets the index scan start at the right position.
        return self.filter(created_at__lte=created_at).exclude(created_at=created_at, id__gte=pk)

    def card_values(self) -> models.QuerySet:
        """Tuples of the values that a card of the list shows, in the order that clients/tabs.py expects."""
        return self.values_list(
            "created_at", "id", "status", "user__name", "user__phone", "user__address",
            "passport__registration_address",
        )  # fmt: skip


@track_history(
    "manager_clients_history", exclude=["created_at", "search", "initial_password_hash", "confirmed_phone_hash"]
)
class Client(models.Model):
    """Our record of one account of «Привет Супер». `privet.sync_users` creates one per account."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    # No database constraint: the table is the app's, and a constraint would prevent the app from deleting its rows.
    user = models.OneToOneField(
        AppUser, on_delete=models.DO_NOTHING, db_constraint=False, related_name="client", verbose_name="учётная запись"
    )
    manager = models.ForeignKey(
        Manager, on_delete=models.PROTECT, null=True, blank=True, related_name="clients", verbose_name="менеджер"
    )
    status = models.CharField("статус", max_length=20, choices=Status, default=Status.NEW)
    support_ticket_id = models.UUIDField("обращение", null=True, editable=False)
    created_at = models.DateTimeField("появился", default=timezone.now, editable=False)
    claimed_at = models.DateTimeField("взят в работу", null=True, editable=False)
    # The text that search matches; maintained by triggers (clients/sql/search_text.sql).
    search = models.TextField(default="", editable=False)
    # Set for accounts that we created; "" for others. While the account still has this hash, nobody can sign in to it.
    initial_password_hash = models.CharField(max_length=60, blank=True, default="", db_default="", editable=False)
    # Keyed hash of the phone to which a code was sent that the client then knew; "" if there was none.
    confirmed_phone_hash = models.CharField(max_length=64, blank=True, default="", db_default="", editable=False)

    objects = ClientQuerySet.as_manager()

    class Meta:
        db_table = "manager_clients"
        verbose_name = "клиент"
        verbose_name_plural = "клиенты"
        triggers = [pgtrigger.FSM(name="client_status_transitions", field="status", transitions=TRANSITIONS)]
        constraints = [
            models.CheckConstraint(condition=Q(status__in=Status.values), name="manager_clients_status_known"),
            models.CheckConstraint(
                condition=Q(status__in=[Status.NEW, Status.ERASED]) | Q(manager__isnull=False),
                name="manager_clients_worked_on_by_somebody",
            ),
        ]
        indexes = [
            models.Index(fields=["-created_at", "-id"], name="clients_pool", condition=Q(status="new", manager=None)),
            models.Index(
                fields=["manager", "-created_at", "-id"], name="clients_own", condition=~Q(status=Status.ERASED)
            ),
            models.Index(
                fields=["manager", "-created_at", "-id"], name="clients_my_work", condition=Q(status__in=IN_WORK)
            ),
            models.Index(
                fields=["manager", "-created_at", "-id"], name="clients_my_done", condition=Q(status="processed")
            ),
            models.Index(fields=["-created_at", "-id"], name="clients_all_work", condition=Q(status__in=IN_WORK)),
            models.Index(fields=["-created_at", "-id"], name="clients_all_done", condition=Q(status="processed")),
            models.Index(fields=["-created_at", "-id"], name="clients_by_time"),
            GinIndex(OpClass("search", name="privet_inbox.gin_trgm_ops"), name="clients_search", fastupdate=False),
        ]

    def __str__(self):
        return self.account.name if self.account else NO_ACCOUNT

    def get_absolute_url(self) -> str:
        return reverse("clients:client", args=[self.pk])

    @property
    def account(self) -> AppUser | None:
        """The account, unless the app has deleted it."""
        try:
            return self.user
        except AppUser.DoesNotExist:
            return None

    @classmethod
    @transaction.atomic
    def add(cls, *, by: Manager, name: str, phone: str, email: str | None, address: str) -> "Client":
        """Add a client: create an account whose password nobody knows; saving it creates the client.

        The client belongs to the manager who added it; if an admin added it, it is unclaimed. Raises IntegrityError if
        another account has the phone or the e-mail.
        """
        user = AppUser(name=name, phone=phone, email=email or None, address=address)
        if email:
            user.lock_email(email)
        user.save()
        client = cls.objects.select_related("user").get(user=user)
        client.initial_password_hash = user.password_hash
        client.save(update_fields=["initial_password_hash"])
        if not by.is_admin:
            client.reassign(to=by, by=by)
        return client

    @property
    def has_password(self) -> bool:
        """Whether the client can sign in to the app: the password of an account that we created was set later."""
        return self.account is not None and self.account.password_hash != self.initial_password_hash

    @property
    def is_protected(self) -> bool:
        """Whether the client uses the account: they have a password that we did not set, or have signed in to the app.

        Changes of its phone or e-mail need the client's code or an admin (contact/changes.py).
        """
        return self.has_password or (self.account is not None and app_sessions.has_session(self.user_id))

    @property
    def has_confirmed_phone(self) -> bool:
        """Whether the client has received a code by SMS at the phone that the account has now."""
        return self.account is not None and self.confirmed_phone_hash == cipher.keyed_hash(self.account.phone)

    def mark_phone_confirmed(self, phone: str) -> None:
        """Record that a code which was sent to `phone` (ten digits) by SMS was entered."""
        self.confirmed_phone_hash = cipher.keyed_hash(phone)
        Client.objects.filter(pk=self.pk).update(confirmed_phone_hash=self.confirmed_phone_hash)

    @property
    def uses_app(self) -> bool:
        """Whether the account is not deleted and has a password or a subscription."""
        account = self.account
        return bool(account) and not account.is_deleted and (account.has_subscription or self.has_password)

    @property
    def address(self) -> str:
        """The registration address of the passport, or else the address of the account."""
        passport = getattr(self, "passport", None)
        return (passport and passport.registration_address) or self.user.address or ""

    @property
    def is_claimed(self) -> bool:
        return self.status != Status.NEW

    @transaction.atomic
    def confirm_contact(
        self, *, by: Manager, name: str, phone: str, email: str | None, address: str, original: dict | None = None
    ) -> None:
        """Save contact data that needs no confirmation by the client, and claim a new client.

        Step 1 calls contact.changes.save_contact(), which asks for a confirmation. Raises as start_confirming()
        does, and IntegrityError if another account has the phone or the e-mail.
        """
        contact, now = {"name": name, "phone": phone, "email": email, "address": address}, timezone.now()
        user = self.start_confirming(contact, by=by, original=original, now=now)
        user.update_contact(**contact, now=now)
        self.refresh_from_db()

    def start_confirming(self, contact: dict, *, by: Manager, original: dict | None, now: datetime) -> AppUser:
        """Lock the client and its account, claim a new client, and return the account. Call it in a transaction.

        `contact`: the data to save, `original`: the data when the form was opened, both by the names in CONTACT_FIELDS.

        If two managers confirm at once, exactly one wins. The other gets AlreadyClaimed and nothing is written. Raises
        ContactChanged if the account differs from `original`: the client may have corrected it in the app. Raises
        AccountDeleted if the account is closed.
        """
        # Lock our row first, as every operation does, to avoid deadlocks.
        self.lock_for_any_manager()
        user = self.lock_account()
        if user is None or user.is_deleted:
            raise AccountDeleted
        if self._claim(by=by, now=now):
            pass
        elif not Client.objects.filter(pk=self.pk).exclude(status=Status.NEW).visible_to(by).exists():
            raise AlreadyClaimed(self._current_owner_view())
        if original and (fields := user.conflicting_fields(original, contact)):
            raise ContactChanged(fields)
        return user

    def _current_owner_view(self) -> "Client":
        client = Client.objects.select_related("user", "manager").get(pk=self.pk)
        if client.status == Status.ERASED:
            raise ClientErased
        return client

    def _claim(self, *, by: Manager, now: datetime) -> bool:
        """Claim a new client that is unclaimed or already belongs to `by`. Return False if it can't be claimed.

        An admin may also claim for the assigned manager, who then stays.
        """
        new = Client.objects.filter(pk=self.pk, status=Status.NEW)
        if not by.is_admin:
            new = new.filter(Q(manager=None) | Q(manager=by))
        if not new.update(status=Status.IN_VERIFICATION, manager=Coalesce("manager", Value(by.pk)), claimed_at=now):
            return False
        before = self.manager_id
        self.refresh_from_db(fields=["status", "manager", "claimed_at"])
        ClientChange.objects.create(
            client=self, at=now, by=by, from_status=Status.NEW, to_status=Status.IN_VERIFICATION,
            from_manager_id=before, to_manager_id=self.manager_id,
        )  # fmt: skip
        return True

    def change_status(self, to: Status, *, by: Manager | None, now: datetime, allowed_from: tuple[Status, ...]) -> bool:
        """Change the status with a guarded update. Return False if it already is `to`. Call it in a transaction.

        Raises TransitionRefused if the status is neither `to` nor one of `allowed_from`.
        """
        before = self.status
        if Client.objects.filter(pk=self.pk, status__in=allowed_from, status=before).update(status=to):
            self.status = to
            ClientChange.objects.create(
                client=self, at=now, by=by, from_status=before, to_status=to,
                from_manager_id=self.manager_id, to_manager_id=self.manager_id,
            )  # fmt: skip
            return True
        self.refresh_from_db(fields=["status", "manager"])
        if self.status == to:
            return False
        if self.status in allowed_from:  # it changed after it was loaded, to another allowed status
            return self.change_status(to, by=by, now=now, allowed_from=allowed_from)
        raise TransitionRefused(self)

    def lock(self) -> "Client":
        """Lock the client until the transaction ends and return its current state.

        Operations on one client run one after another. Raises ClientErased if its data was erased, and ClientReassigned
        if its manager changed after this object was loaded: the access check may no longer hold.
        """
        client = self.lock_for_any_manager()
        if self.manager_id and client.manager_id != self.manager_id:
            raise ClientReassigned
        return client

    def lock_for_any_manager(self) -> "Client":
        """Like lock(), for operations that don't depend on the client's manager. Raises ClientErased."""
        client = Client.objects.lock(self.pk)
        if client.status == Status.ERASED:
            raise ClientErased
        return client

    def lock_account(self) -> AppUser | None:
        """Lock the account until the transaction ends and reload it; None if the app deleted its row.

        Lock the client first. The app can't close the account before the transaction ends.
        """
        account = AppUser.objects.select_for_update(no_key=True).filter(pk=self.user_id).first()
        if account:
            self.user = account
        else:
            self.refresh_from_db(fields=["user"])  # forget the account that was loaded before
        return account

    def require_new_contract(self, *, by: Manager, now: datetime) -> None:
        """Move a signed client back to awaiting_contract after a change. Earlier contracts stay."""
        if self.status in SIGNED:
            self.change_status(Status.AWAITING_CONTRACT, by=by, now=now, allowed_from=SIGNED)

    @transaction.atomic
    def reassign(self, *, to: Manager | None, by: Manager) -> None:
        """Reassign the client to another manager, or to none. For admins only; the caller checks.

        Raises TransitionRefused if a claimed client would have no manager, or if the client's data was erased.
        """
        client = Client.objects.select_for_update().get(pk=self.pk)
        if client.status == Status.ERASED or (to is None and client.status != Status.NEW):
            raise TransitionRefused(client)
        if client.manager_id == (to and to.pk):
            return
        ClientChange.objects.create(
            client=client, at=timezone.now(), by=by, from_status=client.status, to_status=client.status,
            from_manager_id=client.manager_id, to_manager=to,
        )  # fmt: skip
        Client.objects.filter(pk=self.pk).update(manager=to)
        self.manager = to

    def return_to_pool(self, *, by: Manager | None, now: datetime) -> None:
        """Reset the client to new and unclaimed after erasure, because they still use the app. In a transaction."""
        with pgtrigger.ignore("clients.Client:client_status_transitions"):
            Client.objects.filter(pk=self.pk).update(status=Status.NEW, manager=None, claimed_at=None)
        ClientChange.objects.create(
            client=self, at=now, by=by, from_status=self.status, to_status=Status.NEW,
            from_manager_id=self.manager_id, to_manager=None,
        )  # fmt: skip
        self.refresh_from_db(fields=["status", "manager", "claimed_at"])

    def refresh_search(self) -> None:
        """Rebuild the search text after a passport was deleted. The triggers handle only inserts and updates."""
        Client.objects.filter(pk=self.pk).update(search=Func(F("pk"), function="privet_search_text"))


class ClientChange(models.Model):
    """One change of a client's status or manager: who, when, from, to. Written with the change, never edited."""

    client = models.ForeignKey(Client, on_delete=models.PROTECT, related_name="changes", verbose_name="клиент")
    at = models.DateTimeField("когда")
    # NULL: erased by retention.
    by = models.ForeignKey(Manager, on_delete=models.PROTECT, null=True, related_name="+", verbose_name="кто")
    from_status = models.CharField("был статус", max_length=20, choices=Status)
    to_status = models.CharField("стал статус", max_length=20, choices=Status)
    from_manager = models.ForeignKey(
        Manager, on_delete=models.PROTECT, null=True, related_name="+", verbose_name="был менеджер"
    )
    to_manager = models.ForeignKey(
        Manager, on_delete=models.PROTECT, null=True, related_name="+", verbose_name="стал менеджер"
    )

    class Meta:
        db_table = "manager_client_changes"
        verbose_name = "изменение клиента"
        verbose_name_plural = "история клиентов"
        ordering = ["at", "id"]
        indexes = [models.Index(fields=["to_status", "at"], include=["id", "client"], name="changes_by_step")]
        triggers = [pgtrigger.Protect(name="append_only", operation=pgtrigger.Update | pgtrigger.Delete)]

    def __str__(self):
        if self.from_status != self.to_status:
            return f"{self.get_from_status_display()} → {self.get_to_status_display()}"
        return f"Менеджер: {self.from_manager or 'нет'} → {self.to_manager or 'нет'}"
