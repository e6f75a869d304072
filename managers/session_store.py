"""Database session store that also saves user, IP address, browser and times in their own columns.

One prepared statement (foundation/database/prepared.py) loads the session, its user and the id of the authenticator.
Every page needs all three, and Django would run three queries.

Session data, such as the text of a search, is never sent to the browser.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import cache

from django.contrib.auth import SESSION_KEY
from django.contrib.sessions.backends import db
from django.db.models import OuterRef, Subquery
from django.utils import timezone

from foundation.database import prepared
from managers.models import Authenticator, Manager, Session

TOUCH_INTERVAL = timedelta(minutes=1)


class SessionStore(db.SessionStore):
    def __init__(self, session_key: str | None = None):
        super().__init__(session_key)
        self.row = Session()

    @classmethod
    def get_model_class(cls):
        return Session

    def load(self) -> dict:
        for row in prepared.fetch_rows(_session_sql(), session_key=self.session_key, now=timezone.now()):
            self.row = prepared.build_instance(Session, row)
            manager_columns = row[len(prepared.column_names(Session)) :]
            self.row.manager = _build_manager(manager_columns) if self.row.manager_id else None
            return self.decode(self.row.session_data)
        return super().load()  # finds no session either, and resets the key

    def create_model_instance(self, data: dict) -> Session:
        instance = super().create_model_instance(data)
        self.row.session_key, self.row.session_data = instance.session_key, instance.session_data
        self.row.manager_id = data.get(SESSION_KEY)
        self.row.expire_date = self.row.expire_date or timezone.now() + Session.ADMIN_IDLE_TIMEOUT
        return self.row

    def create(self) -> None:
        """Create the session with a new key; IP address, browser and times are copied."""
        old = self.row
        self.row = Session(
            ip=old.ip,
            user_agent=old.user_agent,
            started_at=old.started_at,
            seen_at=old.seen_at,
            expire_date=old.expire_date,
        )
        super().create()

    def start(self, manager: Manager, *, ip: str, user_agent: str) -> None:
        """Record the sign-in of `manager`."""
        now = timezone.now()
        self.row.ip, self.row.user_agent, self.row.started_at = ip or None, user_agent[:300], now
        self.row.mark_seen(now, by=manager)
        self.modified = True

    def touch(self, manager: Manager) -> None:
        """Record that `manager` uses the session, at most once per TOUCH_INTERVAL, so that most pages write nothing."""
        now = timezone.now()
        if now - self.row.seen_at < TOUCH_INTERVAL:
            return
        self.row.mark_seen(now, by=manager)
        live = Session.objects.filter(session_key=self.session_key)
        live.update(seen_at=self.row.seen_at, expire_date=self.row.expire_date)


def _build_manager(columns: Sequence) -> Manager:
    manager = prepared.build_instance(Manager, columns)
    manager.authenticator_id = columns[-1]
    return manager


@cache
def _session_sql() -> str:
    """SQL for an unexpired session by key: its columns, those of its user, and the id of the user's authenticator."""
    placeholders = {"session_key": "a key", "now": datetime.min.replace(tzinfo=UTC)}
    live = Session.objects.filter(session_key=placeholders["session_key"], expire_date__gt=placeholders["now"])
    manager = prepared.column_names(Manager, "manager")
    authenticator = Authenticator.objects.filter(user=OuterRef("manager"), confirmed=True).values("pk")[:1]
    columns = live.values_list(*prepared.column_names(Session), *manager, Subquery(authenticator))
    return prepared.queryset_sql(columns, **placeholders)
