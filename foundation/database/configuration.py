"""The connection to PostgreSQL, directly or through PgBouncer in transaction mode."""

from foundation.database import times

times.register()

# A statement, the wait for another's lock, a transaction that does nothing: what lasts longer is ended.
LIMITS = {"statement_timeout": "20s", "lock_timeout": "5s", "idle_in_transaction_session_timeout": "60s"}
# Prepared statements (prepared.py) get one generic plan. Left to choose, PostgreSQL would plan each list page again,
# because it expects a third of all rows after an unknown cursor.
PLANS = {"plan_cache_mode": "force_generic_plan"}


def settings(address: dict, *, pool_size: int | None, pgbouncer: bool) -> dict:
    """Django's DATABASES entry for what `DATABASE_URL` says ({} when it is not set).

    Directly, the limits are asked for when a connection is opened. PgBouncer refuses such parameters, or drops them,
    and hands a server's connection to another client after each transaction: there the limits belong to the role
    (`manage.py limit_statements`, which a check asks for), no cursor may outlive its transaction, and nothing is
    prepared. PgBouncer itself keeps the time zone.
    """
    options = dict(address.get("OPTIONS", {}))
    if not pgbouncer:
        asked = " ".join(f"-c {name}={value}" for name, value in (LIMITS | PLANS).items())
        # What the address itself asks for comes last, and so counts.
        options["options"] = f"{asked} {options.get('options', '')}".strip()
        options["prepare_threshold"] = 0  # allows foundation/database/prepared.py to; Django's own cursors never do
    options["pool"] = {"min_size": 1, "max_size": pool_size, "timeout": 5}
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": "",
        **address,
        "OPTIONS": options,
        "DISABLE_SERVER_SIDE_CURSORS": pgbouncer,
    }
