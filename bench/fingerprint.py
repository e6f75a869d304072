"""Prints a line for every table (rows, MD5 of all of them in order) and for every object (SHA-256), then the totals.

    python -m bench.fingerprint

Two installations with equal output have equal data.
"""

import hashlib
import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "privet.settings")

from foundation.database import embedded, roles

os.environ[roles.PROCESS_ROLE] = roles.Role.OWNER  # reads all tables
embedded.ensure_database()

import django  # noqa: E402

django.setup()

from django.db import connection  # noqa: E402

from foundation.storage import object_storage  # noqa: E402


def tables() -> int:
    total_rows = 0
    with connection.cursor() as cursor:
        cursor.execute("SET statement_timeout = 0")
        cursor.execute(
            "SELECT schemaname, tablename FROM pg_tables WHERE schemaname IN ('privet', 'public') ORDER BY 1, 2"
        )
        for schema, table in cursor.fetchall():
            quoted = f"{schema}.{connection.ops.quote_name(table)}"
            cursor.execute(f"SELECT count(*), md5(string_agg(t::text, '' ORDER BY t::text)) FROM {quoted} t")
            rows, digest = cursor.fetchone()
            total_rows += rows
            print(f"{table} {rows} {digest}")
    return total_rows


def objects() -> tuple[int, int]:
    keys, size = sorted(listed.key for listed in object_storage.list_objects()), 0
    for key in keys:
        content = object_storage.get(key)
        size += len(content)
        print(f"{key} {hashlib.sha256(content).hexdigest()}")
    return len(keys), size


rows = tables()
count, size = objects()
print(f"{rows:,} rows and {count:,} objects ({size / 1e6:.1f} MB), each compared")
