"""Where sessions are kept: Django's sessions of the database, with who, where and since when beside the data.

A session is loaded together with the person whose it is (managers/backend.py): every page asks for both.

Nothing that a session holds, such as the words of a search, is ever given to the browser.
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

NOTED_EVERY = timedelta(minutes=1)


class SessionStore(db.SessionStore):
    def __init__(self, session_key: str | None = None):
        super().__init__(session_key)
        self.row = Session()

    @classmethod
    def get_model_class(cls):
        return Session

    def _get_session_from_db(self) -> Session | None:
        for row in prepared.rows(_loading(), session_key=self.session_key, now=timezone.now()):
            self.row = prepared.instance(Session, row)
            self.row.manager = self.row.manager_id and _person(row[len(prepared.columns_of(Session)) :])
            return self.row
        self._session_key = None
        return None

    def create_model_instance(self, data: dict) -> Session:
        self.row.session_key = self._get_or_create_session_key()
        self.row.session_data = self.encode(data)
        self.row.manager_id = data.get(SESSION_KEY)
        self.row.expire_date = self.row.expire_date or timezone.now() + Session.IDLE_OF_ADMINS
        return self.row

    def create(self) -> None:
        """Under a new key, what is known of the browser stays."""
        old = self.row
        self.row = Session(
            ip=old.ip,
            user_agent=old.user_agent,
            started_at=old.started_at,
            seen_at=old.seen_at,
            expire_date=old.expire_date,
        )
        super().create()

    def begin(self, manager: Manager, *, ip: str, user_agent: str) -> None:
        """From now on it is a session of `manager`."""
        now = timezone.now()
        self.row.ip, self.row.user_agent, self.row.started_at = ip or None, user_agent[:300], now
        self.row.seen(now, by=manager)
        self.modified = True

    def touch(self, manager: Manager) -> None:
        """`manager` is here. Written at most once in NOTED_EVERY, so that reading a page costs no write."""
        now = timezone.now()
        if now - self.row.seen_at < NOTED_EVERY:
            return
        self.row.seen(now, by=manager)
        live = Session.objects.filter(session_key=self.session_key)
        live.update(seen_at=self.row.seen_at, expire_date=self.row.expire_date)


def _person(columns: Sequence) -> Manager:
    manager = prepared.instance(Manager, columns)
    manager.authenticator_id = columns[-1]
    return manager


@cache
def _loading() -> str:
    """SQL for the session with a key, unless it is over, then the columns of its person, then their authenticator."""
    stand_ins = {"session_key": "a key", "now": datetime.min.replace(tzinfo=UTC)}
    live = Session.objects.filter(session_key=stand_ins["session_key"], expire_date__gt=stand_ins["now"])
    person = prepared.columns_of(Manager, "manager")
    authenticator = Authenticator.objects.filter(user=OuterRef("manager"), confirmed=True).values("pk")[:1]
    columns = live.values_list(*prepared.columns_of(Session), *person, Subquery(authenticator))
    return prepared.sql_of(columns, **stand_ins)
