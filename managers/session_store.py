"""Session store: Django's database sessions, with person, IP address, browser and times in columns of their own.

A session is loaded together with its person and the id of their authenticator, by one prepared statement
(foundation/database/prepared.py): every page asks for the three, which Django loads in three queries.

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
            person = row[len(prepared.column_names(Session)) :]
            self.row.manager = _build_manager(person) if self.row.manager_id else None
            return self.decode(self.row.session_data)
        return super().load()  # finds none either, and gives the browser a new key

    def create_model_instance(self, data: dict) -> Session:
        stored = super().create_model_instance(data)
        self.row.session_key, self.row.session_data = stored.session_key, stored.session_data
        self.row.manager_id = data.get(SESSION_KEY)
        self.row.expire_date = self.row.expire_date or timezone.now() + Session.IDLE_OF_ADMINS
        return self.row

    def create(self) -> None:
        """Create the session under a new key; what is known of the browser stays."""
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
        """Make it a session of `manager`."""
        now = timezone.now()
        self.row.ip, self.row.user_agent, self.row.started_at = ip or None, user_agent[:300], now
        self.row.seen(now, by=manager)
        self.modified = True

    def touch(self, manager: Manager) -> None:
        """Record that `manager` uses the session; at most once per TOUCH_INTERVAL, so that most pages write nothing."""
        now = timezone.now()
        if now - self.row.seen_at < TOUCH_INTERVAL:
            return
        self.row.seen(now, by=manager)
        live = Session.objects.filter(session_key=self.session_key)
        live.update(seen_at=self.row.seen_at, expire_date=self.row.expire_date)


def _build_manager(columns: Sequence) -> Manager:
    manager = prepared.build_instance(Manager, columns)
    manager.authenticator_id = columns[-1]
    return manager


@cache
def _session_sql() -> str:
    """SQL for the session with a key, unless it expired: its columns, those of its person, their authenticator."""
    placeholders = {"session_key": "a key", "now": datetime.min.replace(tzinfo=UTC)}
    live = Session.objects.filter(session_key=placeholders["session_key"], expire_date__gt=placeholders["now"])
    person = prepared.column_names(Manager, "manager")
    authenticator = Authenticator.objects.filter(user=OuterRef("manager"), confirmed=True).values("pk")[:1]
    columns = live.values_list(*prepared.column_names(Session), *person, Subquery(authenticator))
    return prepared.queryset_sql(columns, **placeholders)
