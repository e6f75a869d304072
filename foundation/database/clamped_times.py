"""Times of the app's tables that Python has no word for: infinite ones, and years before 1 or after 9999.

They are read as the nearest time that can also be shown here, so that one row of the app's never breaks a page.
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
# Not the very last: a day further east must still be a date.
LATEST = datetime(MAXYEAR, 12, 30, 23, 59, 59, 999999, UTC)


class NearestLoader(Loader):
    """Reads what `original` reads, and what it can't as `earliest` or `latest`."""

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


def register() -> None:
    """For all connections. Before Django makes its own loader out of the one of `timestamptz`."""
    _register("timestamptz", EARLIEST, LATEST)
    _register("timestamp", EARLIEST.replace(tzinfo=None), LATEST.replace(tzinfo=None))
    _register("date", date.min, date.max)


def _register(name: str, earliest: date, latest: date) -> None:
    original = adapters.get_loader(adapters.types[name].oid, Format.TEXT)
    bounds = {"original": original, "earliest": earliest, "latest": latest}
    adapters.register_loader(name, type("NearestLoader", (NearestLoader,), bounds))


def exact(moment: datetime, field: str, rows: "QuerySet") -> "datetime | QuerySet":
    """`moment`, which was read from `field` of a row, as the database has it: `rows` are that one row."""
    return moment if EARLIEST < moment < LATEST else rows.values(field)[:1]
