"""Clamp times that Python cannot represent: infinite ones, and years before 1 or after 9999.

The app may write such times to its tables. They are read as the nearest valid time, so that one row breaks no page.
"""

from datetime import MAXYEAR, UTC, date, datetime
from typing import TYPE_CHECKING

from psycopg import DataError, adapters
from psycopg.abc import AdaptContext, Buffer
from psycopg.adapt import Loader
from psycopg.pq import Format

if TYPE_CHECKING:
    from django.db.models import QuerySet

EARLIEST = datetime.min.replace(tzinfo=UTC)
# A day earlier than the maximum, so that the conversion to an eastern time zone stays valid.
LATEST = datetime(MAXYEAR, 12, 30, 23, 59, 59, 999999, UTC)


class ClampingLoader(Loader):
    """Load a value with `original`; return `earliest` or `latest` if it is out of range."""

    original: type[Loader]
    earliest: date
    latest: date

    def __init__(self, oid: int, context: AdaptContext | None = None):
        super().__init__(oid, context)
        self.read = self.original(oid, context).load

    def load(self, data: Buffer) -> date:
        try:
            value = self.read(data)
        except DataError:
            text = bytes(data)
            return self.earliest if text.startswith(b"-") or text.endswith(b"BC") else self.latest
        return value if value.year < MAXYEAR else min(value, self.latest)


def register_loaders() -> None:
    """Register the loaders for all connections, before Django derives its own loader from that of `timestamptz`."""
    _register_loader("timestamptz", EARLIEST, LATEST)
    _register_loader("timestamp", EARLIEST.replace(tzinfo=None), LATEST.replace(tzinfo=None))
    _register_loader("date", date.min, date.max)


def _register_loader(name: str, earliest: date, latest: date) -> None:
    original = adapters.get_loader(adapters.types[name].oid, Format.TEXT)
    bounds = {"original": original, "earliest": earliest, "latest": latest}
    adapters.register_loader(name, type("ClampingLoader", (ClampingLoader,), bounds))


def database_value(moment: datetime, field: str, rows: "QuerySet") -> "datetime | QuerySet":
    """Return `moment` as the database stores it, for use in a query.

    `moment` was read from `field` of the only row in `rows`. If it was clamped, return a subquery of that field.
    """
    return moment if EARLIEST < moment < LATEST else rows.values(field)[:1]
