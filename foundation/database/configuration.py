"""The connection to PostgreSQL, directly or through PgBouncer in transaction mode."""

from foundation.database import clamped_times

clamped_times.register_loaders()

# Timeouts of statements, lock waits and idle transactions.
TIMEOUTS = {"statement_timeout": "20s", "lock_timeout": "5s", "idle_in_transaction_session_timeout": "60s"}
# Settings that keep code of the neighbour from running in our sessions (docs/security.md).
ISOLATION = {
    # Names are looked up in our schema, never in `public`, where others define theirs; temporary tables come last.
    "search_path": "privet,pg_temp",
    # A policy on a shared table and a view in place of one raise an error instead of running their code.
    "row_security": "off",
    "restrict_nonsystem_relation_kind": "view,foreign-table",
}
SESSION_SETTINGS = ISOLATION | TIMEOUTS


def database_settings(parsed_url: dict, *, pool_size: int | None, pgbouncer: bool) -> dict:
    """Return Django's DATABASES entry for a parsed URL ({} if it is not set).

    A direct connection sets SESSION_SETTINGS when it is opened. PgBouncer rejects or ignores such parameters, and gives
    a server connection to another client after each transaction. So behind it they are set for the role
    (`manage.py create_roles` or `limit_statements`, required by a check), no cursor outlives its transaction, and no
    statement is prepared. PgBouncer itself keeps the time zone.
    """
    options = dict(parsed_url.get("OPTIONS", {}))
    if not pgbouncer:
        options_text = " ".join(f"-c {name}={value}" for name, value in SESSION_SETTINGS.items())
        # Options of the URL come last, so they override ours.
        options["options"] = f"{options_text} {options.get('options', '')}".strip()
        options["prepare_threshold"] = 0  # lets prepared.py prepare statements; Django's own cursors never do
    options["pool"] = {"min_size": 1, "max_size": pool_size, "timeout": 5}
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": "",
        **parsed_url,
        "OPTIONS": options,
        "DISABLE_SERVER_SIDE_CURSORS": pgbouncer,
    }
