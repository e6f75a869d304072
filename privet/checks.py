"""What must be right before Privet runs, as system checks: each says what to do about it.

Errors stop every command and the server; warnings are for `manage.py check --deploy`.
"""

import sys
from collections.abc import Iterable, Iterator
from contextlib import suppress
from urllib.parse import urlsplit

from django.conf import settings
from django.core import checks
from django.core.checks import Error, Tags, Warning, register
from django.core.exceptions import ImproperlyConfigured
from django.db import DatabaseError, connections
from django.db.backends.utils import CursorWrapper

from foundation.database.configuration import TIMEOUTS
from foundation.env import env
from foundation.storage import object_storage
from operations import capacity

SECRETS = ("SECRET_KEY", "CONTRACT_SIGNATURE_SECRET", "PERSONAL_DATA_KEYS", "PERSONAL_DATA_HASH_KEY")
GENERATE_SECRET_COMMAND = "python -c 'import secrets; print(secrets.token_urlsafe(48))'"  # noqa: S105
SECRET_MIN_LENGTH = 32
PASSWORD_MIN_LENGTH = 16


@register()
def check_environment(app_configs, **kwargs) -> list[Error]:
    return [
        Error(f"{name}: {' '.join(messages)}", hint=f"Correct {name}; .env.example explains it.", id="privet.E001")
        for name, messages in env.malformed_variables.items()
    ]


@register()
def check_database_url(app_configs, **kwargs) -> list[Error]:
    if settings.DATABASES["default"]["NAME"] or "DATABASE_URL" in env.malformed_variables:
        return []
    hint = "Set DATABASE_URL=postgresql://user:password@host/database, or DEBUG=1 for the embedded PostgreSQL."
    return [Error("DATABASE_URL names no database.", hint=hint, id="privet.E002")]


@register()
def check_secrets_set(app_configs, **kwargs) -> list[Error]:
    return [
        Error(
            f"{name} is not set.", hint=f"Make one with {GENERATE_SECRET_COMMAND} and keep it safe.", id="privet.E003"
        )
        for name in SECRETS
        if not all(_secret_values(name))
    ]


@register()
def check_storage_credentials(app_configs, **kwargs) -> list[Error]:
    if not settings.S3_ENDPOINT:
        return []
    return [
        Error(f"S3_ENDPOINT is set, but {name} is not.", hint=f"Set {name}.", id="privet.E004")
        for name in ("S3_ACCESS_KEY", "S3_SECRET_KEY", "S3_BUCKET")
        if not getattr(settings, name)
    ]


@register()
def check_base_url(app_configs, **kwargs) -> list[Error]:
    try:
        url = urlsplit(settings.APP_BASE_URL)
        if url.scheme in ("http", "https") and url.hostname:
            return []
    except ValueError:
        pass
    hint = "Set it to what people type, such as https://privet.example."
    return [Error("APP_BASE_URL is not an http:// or https:// address.", hint=hint, id="privet.E005")]


@register(Tags.database)
def check_cyrillic_ctype(app_configs, databases=None, **kwargs) -> list[Error]:
    found = []
    for alias in databases or ():
        try:
            with connections[alias].cursor() as cursor:
                cursor.execute("SELECT lower('Ё') = 'ё' AND 'ё' ~ '^[[:alpha:]]$', current_database()")
                knows, name = cursor.fetchone()
        except ImproperlyConfigured:  # named nowhere, which is another check's error
            continue
        except DatabaseError as error:
            hint = "Is it running, and is DATABASE_URL right?"
            found.append(Error(f"The database does not answer: {error}", hint=hint, id="privet.E006"))
            continue
        if not knows:
            message = f"The character type of the database {name} has no Cyrillic letters: search would find nothing."
            hint = f"Make it anew: CREATE DATABASE {name} TEMPLATE template0 ENCODING 'UTF8' LOCALE 'C.UTF-8'."
            found.append(Error(message, hint=hint, id="privet.E007"))
    return found


@register(Tags.database)
def check_statement_timeouts(app_configs, databases=None, **kwargs) -> list[Error]:
    found = []
    for alias, name, cursor in _reachable_databases(databases):
        cursor.execute("SELECT name FROM pg_settings WHERE name = ANY(%s) AND setting = '0'", [list(TIMEOUTS)])
        unlimited = ", ".join(sorted(setting for (setting,) in cursor.fetchall()))
        if unlimited:
            message = f"Nothing ends what lasts too long in the database {name}: {unlimited} is 0."
            hint = "Behind PgBouncer the limits belong to the role: run manage.py limit_statements."
            found.append(Error(message, hint=hint, id="privet.E020", obj=alias))
    return found


@register(Tags.database)
def check_connection_limit(app_configs, databases=None, **kwargs) -> list[Warning]:
    if settings.PGBOUNCER:  # which shares out what there is
        return []
    found = []
    for alias, name, cursor in _reachable_databases(databases):
        cursor.execute(
            "SELECT sum(CASE name WHEN 'max_connections' THEN setting::int ELSE -setting::int END) FROM pg_settings"
            " WHERE name IN ('max_connections', 'superuser_reserved_connections', 'reserved_connections')"
        )
        free, wanted = cursor.fetchone()[0] - capacity.RESERVED_CONNECTIONS, capacity.max_connections()
        if wanted > free:
            message = (
                f"{capacity.WORKERS} processes with {capacity.POOL_SIZE} connections each are {wanted};"
                f" {name} has {free} for them and {capacity.RESERVED_CONNECTIONS} for others."
            )
            hint = "Lower WEB_CONCURRENCY or WEB_THREADS, raise max_connections, or put PgBouncer between."
            found.append(Warning(message, hint=hint, id="privet.W020", obj=alias))
    return found


@register(Tags.security, deploy=True)
def check_code_masking(app_configs, **kwargs) -> list[Warning]:
    if settings.MASK_CODE_IN_MANAGER_LOG:
        return []
    message = "Managers can read the client's one-time code in their own log and sign in the client's place."
    return [Warning(message, hint="Set MASK_CODE_IN_MANAGER_LOG=True.", id="privet.W001")]


@register(Tags.security, deploy=True)
def check_secret_strength(app_configs, **kwargs) -> list[Warning]:
    found, seen = [], {}
    for name in SECRETS:
        for value in filter(None, _secret_values(name)):
            if value == settings.DEVELOPMENT_SECRET or len(value) < SECRET_MIN_LENGTH:
                message = f"{name} is easy to guess: it is short or the one for development."
                found.append(Warning(message, hint=f"Make one with {GENERATE_SECRET_COMMAND}.", id="privet.W002"))
            elif value in seen:
                message = f"{name} is the same as {seen[value]}."
                found.append(Warning(message, hint="Give each secret one job.", id="privet.W003"))
            seen[value] = name
    return found


@register(Tags.security, deploy=True)
def check_service_passwords(app_configs, **kwargs) -> list[Warning]:
    passwords = {"DATABASE_URL": settings.DATABASES["default"].get("PASSWORD", "")}
    if settings.S3_ENDPOINT:
        passwords["S3_SECRET_KEY"] = settings.S3_SECRET_KEY
    return [
        Warning(
            f"The password in {name} is easy to guess.",
            hint=f"Make one with {GENERATE_SECRET_COMMAND}.",
            id="privet.W008",
        )
        for name, password in passwords.items()
        # None at all: the server trusts the socket or a certificate.
        if password and len(password) < PASSWORD_MIN_LENGTH
    ]


@register(Tags.security, deploy=True)
def check_second_factor(app_configs, **kwargs) -> list[Warning]:
    if settings.SECOND_FACTOR:
        return []
    message = "Whoever learns a password is in: nobody is asked for a second factor."
    return [Warning(message, hint="Remove SECOND_FACTOR, or set it to True.", id="privet.W009")]


@register(Tags.security, deploy=True)
def check_https_origins(app_configs, **kwargs) -> list[Warning]:
    if not settings.HTTPS:
        return []  # said by another check
    open_ones = [origin for origin in settings.CSRF_TRUSTED_ORIGINS if not origin.startswith("https://")]
    hint = "List https:// origins alone."
    found = [Warning(f"CSRF_TRUSTED_ORIGINS trusts {origin}.", hint=hint, id="privet.W010") for origin in open_ones]
    if settings.S3_ENDPOINT and not settings.S3_PUBLIC_ENDPOINT.startswith("https://"):
        message = "Browsers would get photos openly, and refuse them: S3_PUBLIC_ENDPOINT is not https."
        hint = "Set S3_PUBLIC_ENDPOINT to the https:// address of the storage."
        found.append(Warning(message, hint=hint, id="privet.W011"))
    return found


@register(Tags.database, deploy=True)
def check_bucket_private(app_configs, databases=None, **kwargs) -> list[Warning]:
    """Asks the bucket as a stranger would: only `check --deploy --database default` asks anybody outside."""
    if not settings.S3_ENDPOINT:
        return []
    try:
        if not object_storage.is_public():
            return []
    except object_storage.StorageUnavailable as error:
        hint = "Is it running, and are S3_PUBLIC_ENDPOINT and S3_BUCKET right?"
        return [Warning(f"Could not ask the storage what it shows to strangers: {error}", hint=hint, id="privet.W013")]
    message = f"The bucket {settings.S3_BUCKET} shows passports and contracts to anybody."
    hint = "Remove its public policy: `mc anonymous set none`, or AWS's Block Public Access."
    return [Warning(message, hint=hint, id="privet.W012")]


@register(Tags.security, deploy=True)
def check_public_url(app_configs, **kwargs) -> list[Warning]:
    found = []
    if not settings.HTTPS:
        hint = "Set APP_BASE_URL to the https:// address that people use."
        found.append(Warning("APP_BASE_URL is not https: passwords would travel openly.", hint=hint, id="privet.W004"))
    elif not settings.TRUSTED_PROXIES:
        message = (
            "No proxy is trusted, so nothing tells Privet that a request came by HTTPS: it would redirect for ever."
        )
        hint = "Set TRUSTED_PROXIES to the number of reverse proxies in front (1 with compose.full.yaml)."
        found.append(Warning(message, hint=hint, id="privet.W005"))
    if any("*" in host or host.startswith(".") for host in settings.ALLOWED_HOSTS):
        hint = "List the host names that Privet answers to."
        found.append(Warning("ALLOWED_HOSTS takes any host.", hint=hint, id="privet.W006"))
    return found


@register(Tags.security, deploy=True)
def check_company_details(app_configs, **kwargs) -> list[Warning]:
    made_up = [name for name, demo in settings.DEMO_COMPANY.items() if getattr(settings, name) in ("", demo)]
    if not made_up:
        return []
    message = f"Contracts and invoices would name a made-up company: {', '.join(made_up)}."
    return [Warning(message, hint="Set them to the requisites of the contractor.", id="privet.W007")]


def _reachable_databases(databases: Iterable[str] | None) -> Iterator[tuple[str, str, CursorWrapper]]:
    """Of these databases, those that can be asked: alias, name, cursor. The others are database_knows_cyrillic's."""
    for alias in databases or ():
        with suppress(ImproperlyConfigured, DatabaseError), connections[alias].cursor() as cursor:
            yield alias, connections[alias].settings_dict["NAME"], cursor


def exit_on_check_errors() -> None:
    """Run the checks as a command would, for servers that run none; on an error, print and exit.

    The database is not asked: one that is away for a moment must not keep the server from starting.
    """
    errors = [message for message in checks.run_checks() if message.is_serious() and not message.is_silenced()]
    if errors:
        print("Privet can't start:", *errors, sep="\n\n", file=sys.stderr)  # noqa: T201
        # The status by which gunicorn knows that starting another worker is no use.
        sys.exit(3)


def _secret_values(name: str) -> list[str]:
    """The secret's values; [""] for one that is not set."""
    try:
        value = getattr(settings, name)
    except ImproperlyConfigured:  # that is how Django answers for an empty SECRET_KEY
        return [""]
    return (value if isinstance(value, list) else [value]) or [""]
