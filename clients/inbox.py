"""The inbox of changes that «Привет Супер» made to accounts: sign-ups, new contact data, closed accounts.

A trigger on the app's table `users` notes the ids (clients/sql/inbox.sql). The list and the worker drain the inbox.
"""

import logging
from datetime import datetime

from django.db import DatabaseError, connection

logger = logging.getLogger(__name__)

# Changes that the list processes before it shows anything; the worker processes the rest.
BATCH_OF_PAGE = 200


def drain(batch: int = BATCH_OF_PAGE) -> int:
    """Process up to `batch` changes. Return how many were processed; those of locked clients wait."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT privet.drain_inbox(%s)", [batch])
        return cursor.fetchone()[0]


def drain_for_page() -> None:
    """Process changes so that a page shows them. An error is logged; the page then shows what was known before."""
    try:
        drain()
    except DatabaseError:
        logger.exception("The inbox of changed accounts could not be drained")


def oldest() -> datetime | None:
    """Return since when the oldest change waits."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT min(at) FROM privet_inbox.user_changes WHERE error IS NULL")
        return cursor.fetchone()[0]


def problems() -> dict[str, int]:
    """Return how many changes failed, and how many could not even be noted since the installation."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT (SELECT count(*) FROM privet_inbox.user_changes WHERE error IS NOT NULL),"
            " (SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM privet_inbox.lost_changes)"
        )
        failed, lost = cursor.fetchone()
    return {"failed": failed, "lost": lost}
