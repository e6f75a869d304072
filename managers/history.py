"""Rows that say what happened: written once, changed and removed by nobody."""

import pgtrigger


def append_only() -> list[pgtrigger.Trigger]:
    """The triggers of a table that only grows. Erasure, and nothing else, passes `append_only` by pgtrigger.ignore."""
    return [
        pgtrigger.Protect(name="append_only", operation=pgtrigger.Update | pgtrigger.Delete),
        pgtrigger.Trigger(
            name="no_truncate",
            operation=pgtrigger.Truncate,
            when=pgtrigger.Before,
            level=pgtrigger.Statement,
            func="RAISE EXCEPTION 'Cannot truncate table %', TG_TABLE_NAME;",
        ),
    ]
