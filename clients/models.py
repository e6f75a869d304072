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

from clients.accounts import AccountStatus, AppUser
from clients.disclosure import Disclosure
from clients.exceptions import AlreadyClaimed, ClientErased, ClientReassigned, ContactChanged, TransitionRefused
from clients.search import index_condition, matches_all_words
from clients.statuses import ERASED_NAME, IN_WORK, SIGNED, TRANSITIONS, Status
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
        """The clients whom `manager` may open: unclaimed ones and their own; admins all; support none.

        Of those whose data was erased, admins still see the documents that the law has us keep.
        """
        if manager.is_admin:
            return self
        if manager.is_field_manager:
            return self.filter(Q(manager=manager) | Q(manager=None)).exclude(status=Status.ERASED)
        return self.none()

    def in_tab(self, tab: Tab, manager: Manager) -> "ClientQuerySet":
        """The clients that `tab` shows to `manager`. Each branch has an index of its own, in list order."""
        if tab == Tab.NEW:
            return self.filter(status=Status.NEW, manager=None)
        own = self if manager.is_admin and tab != Tab.MINE else self.filter(manager=manager)
        if tab == Tab.IN_WORK:
            return own.filter(status__in=IN_WORK)
        return own.filter(status=Status.PROCESSED) if tab == Tab.PROCESSED else own.exclude(status=Status.ERASED)

    def search(self, text: str) -> "ClientQuerySet":
        """Those in whose name, phone, e-mail, addresses or contract numbers every word of `text` occurs."""
        return self.filter(index_condition("search", text), matches_all_words("search", text))

    def held(self, pk: uuid.UUID) -> "Client":
        """That client, held until the transaction ends. Raises Client.DoesNotExist."""
        held = self.select_for_update(of=("self",), no_key=True).filter(pk=pk)
        # With the account in one query; only where the app has deleted it, without.
        return held.select_related("user").first() or held.get()

    def newest_first(self) -> "ClientQuerySet":
        return self.order_by("-created_at", "-id")

    def before(self, created_at: datetime, pk: uuid.UUID) -> "ClientQuerySet":
        """The rest of the list after the card with these values (keyset pagination)."""
        # The first condition is implied by the second; it is what lets the index start at the right place.
        return self.filter(created_at__lte=created_at).exclude(created_at=created_at, id__gte=pk)

    def cards(self) -> models.QuerySet:
        """All that a card of the list shows, row by row: what clients/tabs.py makes one of."""
        return self.values_list(
            "created_at", "id", "status", "user__name", "user__phone", "user__address",
            "passport__registration_address",
        )  # fmt: skip


@track_history("manager_clients_history", exclude=["created_at", "search"])
class Client(models.Model):
    """Our record of one account of «Привет Супер»; a trigger on `users` makes it, once for each account."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    # No constraint in the database: the table is the app's, and a constraint would stop it deleting its own rows.
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
    # What search looks through; written by triggers alone (clients/sql/search.sql).
    search = models.TextField(default="", editable=False)

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
            GinIndex(OpClass("search", name="gin_trgm_ops"), name="clients_search", fastupdate=False),
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
        """A client whom a manager brings: an account that no password opens, and its client from the trigger.

        A manager's new client is theirs; an admin's waits in the pool. IntegrityError when phone or e-mail is taken.
        """
        user = AppUser(name=name, phone=phone, email=email or None, address=address)
        if email:
            user.lock_email(email)
        user.save()
        client = cls.objects.select_related("user").get(user=user)
        if not by.is_admin:
            client.reassign(to=by, by=by)
        return client

    @property
    def address(self) -> str:
        """The registration address of the passport, or else the account's."""
        passport = getattr(self, "passport", None)
        return (passport and passport.registration_address) or self.user.address or ""

    @property
    def is_claimed(self) -> bool:
        return self.status != Status.NEW

    @transaction.atomic
    def confirm_contact(
        self, *, by: Manager, name: str, phone: str, email: str | None, address: str, shown: dict | None = None
    ) -> None:
        """Step 1: write the confirmed contact data and, for a new client, claim them.

        Of two managers at once exactly one wins; the other gets ClaimedByAnother and nothing of theirs is written.
        Raises ContactChanged when the account is not as it was `shown`: the client may have corrected it in the app.
        """
        contact = {"name": name, "phone": phone, "email": email, "address": address}
        now = timezone.now()
        # Our row first, like all deeds on a client: another one that holds it and waits for the account would keep the
        # trigger on `users` from writing what search finds.
        self.lock_for_any_manager()
        user = AppUser.objects.select_for_update().get(pk=self.user_id)
        if self._claim(by=by, now=now):
            pass
        elif not Client.objects.filter(pk=self.pk).exclude(status=Status.NEW).visible_to(by).exists():
            raise AlreadyClaimed(self._current_owner_view())
        if shown and (fields := user.conflicting_fields(shown, contact)):
            raise ContactChanged(fields)
        user.update_contact(**contact, now=now)
        self.refresh_from_db()

    def _current_owner_view(self) -> "Client":
        client = Client.objects.select_related("user", "manager").get(pk=self.pk)
        if client.status == Status.ERASED:
            raise ClientErased
        return client

    def _claim(self, *, by: Manager, now: datetime) -> bool:
        """Take a new client who is nobody's or already `by`'s; an admin takes also what is assigned to another."""
        free = Client.objects.filter(pk=self.pk, status=Status.NEW)
        if not by.is_admin:
            free = free.filter(Q(manager=None) | Q(manager=by))
        if not free.update(status=Status.IN_VERIFICATION, manager=Coalesce("manager", Value(by.pk)), claimed_at=now):
            return False
        before = self.manager_id
        self.refresh_from_db(fields=["status", "manager", "claimed_at"])
        ClientChange.objects.create(
            client=self, at=now, by=by, from_status=Status.NEW, to_status=Status.IN_VERIFICATION,
            from_manager_id=before, to_manager_id=self.manager_id,
        )  # fmt: skip
        return True

    def change_status(self, to: Status, *, by: Manager | None, now: datetime, start: tuple[Status, ...]) -> bool:
        """Change the status in one guarded update; False when the client already is in `to`.

        Raises TransitionRefused when the status is neither `to` nor one of `start`. Call it in a transaction.
        """
        before = self.status
        if Client.objects.filter(pk=self.pk, status__in=start, status=before).update(status=to):
            self.status = to
            ClientChange.objects.create(
                client=self, at=now, by=by, from_status=before, to_status=to,
                from_manager_id=self.manager_id, to_manager_id=self.manager_id,
            )  # fmt: skip
            return True
        self.refresh_from_db(fields=["status", "manager"])
        if self.status == to:
            return False
        if self.status in start:  # it changed since it was loaded, to another status that is fine
            return self.change_status(to, by=by, now=now, start=start)
        raise TransitionRefused(self)

    def lock(self) -> "Client":
        """This client as it is now, held until the transaction ends: deeds on one client come one after another.

        Raises ClientErased, so that nothing is written about somebody whose data is gone, and ClientReassigned when the
        manager whom this was loaded with is not theirs now: whoever was let in then may have no right to go on.
        """
        held = self.lock_for_any_manager()
        if self.manager_id and held.manager_id != self.manager_id:
            raise ClientReassigned
        return held

    def lock_for_any_manager(self) -> "Client":
        """The same for a deed that no manager's right to the client is asked for. Raises ClientErased."""
        held = Client.objects.held(self.pk)
        if held.status == Status.ERASED:
            raise ClientErased
        return held

    def reopen(self, *, by: Manager, now: datetime) -> None:
        """After a change of what was signed: the client needs a new contract; earlier ones stay."""
        if self.status in SIGNED:
            self.change_status(Status.AWAITING_CONTRACT, by=by, now=now, start=SIGNED)

    @transaction.atomic
    def reassign(self, *, to: Manager | None, by: Manager) -> None:
        """Give the client to another manager (admins only; the caller checks). Only a new client can be nobody's.

        Raises TransitionRefused when a client in work would be left without a manager, or the client's data was erased.
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
        """After erasure, for a client who goes on using the app: new again, and nobody's. Call it in a transaction."""
        with pgtrigger.ignore("clients.Client:client_status_transitions"):
            Client.objects.filter(pk=self.pk).update(status=Status.NEW, manager=None, claimed_at=None)
        ClientChange.objects.create(
            client=self, at=now, by=by, from_status=self.status, to_status=Status.NEW,
            from_manager_id=self.manager_id, to_manager=None,
        )  # fmt: skip
        self.refresh_from_db(fields=["status", "manager", "claimed_at"])

    def refresh_search(self) -> None:
        """After a passport was removed: what search looks through, made anew. Triggers do so for what is added."""
        Client.objects.filter(pk=self.pk).update(search=Func(F("pk"), function="privet_search_text"))


class ClientChange(models.Model):
    """One change of a client's status or manager: who, when, from, to. Written with the change, never edited."""

    client = models.ForeignKey(Client, on_delete=models.PROTECT, related_name="changes", verbose_name="клиент")
    at = models.DateTimeField("когда")
    # Nobody: the retention time of the data was over.
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
