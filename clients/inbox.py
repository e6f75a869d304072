"""The inbox of changes that «Привет Супер» made to accounts: sign-ups, new contact data, closed accounts.

A trigger on the app's table `users` adds the ids (clients/sql/inbox.sql). The list of clients and the worker drain the
inbox: they read these accounts and bring our clients up to date (clients/sql/accounts.sql).
"""

import logging
from datetime import datetime

from django.db import DatabaseError, connection

logger = logging.getLogger(__name__)

# Changes that the list processes before it shows anything; the worker processes the rest.
BATCH_OF_PAGE = 200


def drain(batch: int = BATCH_OF_PAGE) -> int:
    """Process up to `batch` changes. Return the number of accounts; those whose client is locked wait."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT privet.drain_inbox(%s)", [batch])
        return cursor.fetchone()[0]


def drain_for_page() -> None:
    """Process changes before a page is shown. An error is logged; the page then lacks the newest changes."""
    try:
        drain()
    except DatabaseError:
        logger.exception("The inbox of changed accounts could not be drained")


def oldest() -> datetime | None:
    """Return since when the oldest pending change has been waiting, or None."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT min(at) FROM privet_inbox.user_changes WHERE error IS NULL")
        return cursor.fetchone()[0]


def problems() -> dict[str, int]:
    """Return how many changes failed, and how many could not be added to the inbox since the installation."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT (SELECT count(*) FROM privet_inbox.user_changes WHERE error IS NOT NULL),"
            " (SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM privet_inbox.lost_changes)"
        )
        failed, lost = cursor.fetchone()
    return {"failed": failed, "lost": lost}
