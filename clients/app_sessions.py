"""Whether a client has signed in to the app: its table `sessions`, of which we may read the column `user_id` only.

The other columns are secrets of the clients. The table is missing where there is no app.
"""

import uuid

from django.db import connection
from django.db.backends.utils import CursorWrapper

EXISTS = """
    SELECT EXISTS (SELECT FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relname = 'sessions')
"""
# Only a plain table with a plain column is read: anything else could run code of the app (docs/security.md).
IS_READABLE = """
    SELECT EXISTS (
        SELECT FROM pg_class JOIN pg_attribute ON attrelid = pg_class.oid
        WHERE relnamespace = 'public'::regnamespace AND relname = 'sessions' AND relkind = 'r' AND NOT relrowsecurity
            AND attname = 'user_id' AND NOT attisdropped AND atttypid = 'uuid'::regtype
            AND has_column_privilege(pg_class.oid, attnum, 'SELECT')
    )
"""


def exists(cursor: CursorWrapper) -> bool:
    cursor.execute(EXISTS)
    return cursor.fetchone()[0]


def is_readable(cursor: CursorWrapper) -> bool:
    """Whether this role may read which accounts have a session."""
    cursor.execute(IS_READABLE)
    return cursor.fetchone()[0]


def has_session(user_id: uuid.UUID) -> bool:
    """Whether the account has a session in the app. False if the table is missing or we may not read it."""
    with connection.cursor() as cursor:
        if not is_readable(cursor):
            return False
        cursor.execute("SELECT EXISTS (SELECT FROM public.sessions WHERE user_id = %s)", [user_id])
        return cursor.fetchone()[0]
