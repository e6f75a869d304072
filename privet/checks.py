"""System checks of the configuration. Each message has a hint.

Errors stop every command and the server; warnings are for `manage.py check --deploy`.
"""

import re
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
from foundation.russian import requisites
from foundation.storage import object_storage
from operations import capacity

SECRETS = ("SECRET_KEY", "CONTRACT_SIGNATURE_SECRET", "PERSONAL_DATA_KEYS", "PERSONAL_DATA_HASH_KEY")
GENERATE_SECRET_COMMAND = "python -c 'import secrets; print(secrets.token_urlsafe(48))'"  # noqa: S105
# A number, or a name with a letter.
SMS_SENDER = re.compile(r"\d{11}|(?=.*[A-Za-z])[\w .-]{1,11}", re.ASCII)
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
            f"{name} is not set.",
            hint=f"Generate one with {GENERATE_SECRET_COMMAND} and keep it safe.",
            id="privet.E003",
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
def check_app_bucket(app_configs, **kwargs) -> list[Error]:
    """A client can name any object of the app's bucket, so it must not be the one with passports and contracts."""
    if not settings.APP_S3_BUCKET:
        return []
    messages = [
        Error(f"APP_S3_BUCKET is set, but {name} is not.", hint=f"Set {name}, or that of S3_….", id="privet.E008")
        for name in ("APP_S3_ENDPOINT", "APP_S3_ACCESS_KEY", "APP_S3_SECRET_KEY")
        if not getattr(settings, name)
    ]
    ours = {url.rstrip("/") for url in (settings.S3_ENDPOINT, settings.S3_PUBLIC_ENDPOINT) if url}
    if settings.APP_S3_BUCKET == settings.S3_BUCKET and settings.APP_S3_ENDPOINT.rstrip("/") in ours:
        message = "APP_S3_BUCKET is our own bucket: support staff could be shown passports as attachments."
        messages.append(Error(message, hint="Set S3_BUCKET to a bucket of its own.", id="privet.E009"))
    return messages


@register()
def check_sms_gateway(app_configs, **kwargs) -> list[Error]:
    if settings.SMS_GATEWAY == "outbox" and not settings.DEBUG:
        hint = "Set SMS_GATEWAY=exolve, or leave it empty: then nobody is offered SMS."
        return [Error("SMS_GATEWAY=outbox sends nothing; it is for development.", hint=hint, id="privet.E010")]
    if settings.SMS_GATEWAY != "exolve":
        return []
    messages = [
        Error(f"SMS_GATEWAY=exolve is set, but {name} is not.", hint=f"Set {name}.", id="privet.E011")
        for name in ("EXOLVE_API_KEY", "EXOLVE_SENDER")
        if not getattr(settings, name)
    ]
    if not settings.DEBUG and not settings.EXOLVE_URL.startswith("https://"):
        message = "EXOLVE_URL is not https: phones, codes and the API key would be sent unencrypted."
        messages.append(Error(message, hint="Remove EXOLVE_URL, or set an https:// URL.", id="privet.E012"))
    return messages


@register(Tags.security, deploy=True)
def check_sms_sender(app_configs, **kwargs) -> list[Warning]:
    sender = settings.EXOLVE_SENDER
    if settings.SMS_GATEWAY != "exolve" or not sender or SMS_SENDER.fullmatch(sender):
        return []
    message = "EXOLVE_SENDER is neither a number nor a sender name: the gateway would refuse every SMS."
    hint = "Set eleven digits, such as 79990000000, or the approved name of up to 11 Latin characters."
    return [Warning(message, hint=hint, id="privet.W015")]


@register()
def check_base_url(app_configs, **kwargs) -> list[Error]:
    try:
        url = urlsplit(settings.APP_BASE_URL)
        if url.scheme in ("http", "https") and url.hostname:
            return []
    except ValueError:
        pass
    hint = "Set it to the URL that people open, such as https://privet.example."
    return [Error("APP_BASE_URL is not an http:// or https:// URL.", hint=hint, id="privet.E005")]


@register(Tags.database)
def check_cyrillic_ctype(app_configs, databases=None, **kwargs) -> list[Error]:
    messages = []
    for alias in databases or ():
        try:
            with connections[alias].cursor() as cursor:
                cursor.execute("SELECT lower('Ё') = 'ё' AND 'ё' ~ '^[[:alpha:]]$', current_database()")
                knows_cyrillic, name = cursor.fetchone()
        except ImproperlyConfigured:  # no database is configured, which check_database_url reports
            continue
        except DatabaseError as error:
            hint = "Is it running, and is DATABASE_URL right?"
            messages.append(Error(f"The database does not answer: {error}", hint=hint, id="privet.E006"))
            continue
        if not knows_cyrillic:
            message = f"LC_CTYPE of the database {name} has no Cyrillic letters: search would find nothing."
            hint = f"Create it again: CREATE DATABASE {name} TEMPLATE template0 ENCODING 'UTF8' LOCALE 'C.UTF-8'."
            messages.append(Error(message, hint=hint, id="privet.E007"))
    return messages


@register(Tags.database)
def check_statement_timeouts(app_configs, databases=None, **kwargs) -> list[Error]:
    messages = []
    for alias, name, cursor in _reachable_databases(databases):
        cursor.execute("SELECT name FROM pg_settings WHERE name = ANY(%s) AND setting = '0'", [list(TIMEOUTS)])
        unlimited = ", ".join(sorted(setting for (setting,) in cursor.fetchall()))
        if unlimited:
            message = f"The database {name} has no limit for {unlimited}."
            hint = "Behind PgBouncer the limits must be set for the role: run manage.py limit_statements."
            messages.append(Error(message, hint=hint, id="privet.E020", obj=alias))
    return messages


@register(Tags.database)
def check_connection_limit(app_configs, databases=None, **kwargs) -> list[Warning]:
    if settings.PGBOUNCER:  # it limits the connections itself
        return []
    messages = []
    for alias, name, cursor in _reachable_databases(databases):
        cursor.execute(
            "SELECT sum(CASE name WHEN 'max_connections' THEN setting::int ELSE -setting::int END) FROM pg_settings"
            " WHERE name IN ('max_connections', 'superuser_reserved_connections', 'reserved_connections')"
        )
        free, needed = cursor.fetchone()[0] - capacity.RESERVED_CONNECTIONS, capacity.max_connections()
        if needed > free:
            message = (
                f"{capacity.WORKERS} processes with {capacity.POOL_SIZE} connections each need {needed} connections;"
                f" {name} has {free} for them and {capacity.RESERVED_CONNECTIONS} for others."
            )
            hint = "Lower WEB_CONCURRENCY or WEB_THREADS, raise max_connections, or use PgBouncer."
            messages.append(Warning(message, hint=hint, id="privet.W020", obj=alias))
    return messages


@register(Tags.security, deploy=True)
def check_code_masking(app_configs, **kwargs) -> list[Warning]:
    if settings.MASK_CODE_IN_MANAGER_LOG:
        return []
    message = "Staff can read the client's one-time code in the client log and sign in place of the client."
    return [Warning(message, hint="Remove MASK_CODE_IN_MANAGER_LOG=False.", id="privet.W001")]


@register(Tags.security, deploy=True)
def check_secret_strength(app_configs, **kwargs) -> list[Warning]:
    messages, seen = [], {}
    for name in SECRETS:
        for value in filter(None, _secret_values(name)):
            if value == settings.DEVELOPMENT_SECRET or len(value) < SECRET_MIN_LENGTH:
                message = f"{name} is easy to guess: it is short or the development secret."
                messages.append(
                    Warning(message, hint=f"Generate one with {GENERATE_SECRET_COMMAND}.", id="privet.W002")
                )
            elif value in seen:
                message = f"{name} is the same as {seen[value]}."
                messages.append(Warning(message, hint="Use a different value for each secret.", id="privet.W003"))
            seen[value] = name
    return messages


@register(Tags.security, deploy=True)
def check_service_passwords(app_configs, **kwargs) -> list[Warning]:
    passwords = {"DATABASE_URL": settings.DATABASES["default"].get("PASSWORD", "")}
    if settings.S3_ENDPOINT:
        passwords["S3_SECRET_KEY"] = settings.S3_SECRET_KEY
    return [
        Warning(
            f"The password in {name} is easy to guess.",
            hint=f"Generate one with {GENERATE_SECRET_COMMAND}.",
            id="privet.W008",
        )
        for name, password in passwords.items()
        # Without a password the server trusts the socket or a certificate.
        if password and len(password) < PASSWORD_MIN_LENGTH
    ]


@register(Tags.security, deploy=True)
def check_second_factor(app_configs, **kwargs) -> list[Warning]:
    if settings.SECOND_FACTOR:
        return []
    message = "The second factor is off: a password alone is enough to sign in."
    return [Warning(message, hint="Remove SECOND_FACTOR, or set it to True.", id="privet.W009")]


@register(Tags.security, deploy=True)
def check_https_origins(app_configs, **kwargs) -> list[Warning]:
    if not settings.HTTPS:
        return []  # check_public_url reports it
    insecure = [origin for origin in settings.CSRF_TRUSTED_ORIGINS if not origin.startswith("https://")]
    hint = "List only https:// origins."
    messages = [Warning(f"CSRF_TRUSTED_ORIGINS trusts {origin}.", hint=hint, id="privet.W010") for origin in insecure]
    if settings.S3_ENDPOINT and not settings.S3_PUBLIC_ENDPOINT.startswith("https://"):
        message = "S3_PUBLIC_ENDPOINT is not https: browsers would not load photos from it."
        hint = "Set S3_PUBLIC_ENDPOINT to the https:// URL of the storage."
        messages.append(Warning(message, hint=hint, id="privet.W011"))
    return messages


@register(Tags.database, deploy=True)
def check_bucket_private(app_configs, databases=None, **kwargs) -> list[Warning]:
    """Query the bucket without credentials.

    Runs only with `check --deploy --database default`, because it needs the network.
    """
    if not settings.S3_ENDPOINT:
        return []
    try:
        if not object_storage.is_public():
            return []
    except object_storage.StorageUnavailable as error:
        hint = "Is it running, and are S3_PUBLIC_ENDPOINT and S3_BUCKET right?"
        return [Warning(f"Could not check whether the bucket is public: {error}", hint=hint, id="privet.W013")]
    message = f"The bucket {settings.S3_BUCKET} is public: anyone can read passports and contracts."
    hint = "Remove its public policy: `mc anonymous set none`, or AWS's Block Public Access."
    return [Warning(message, hint=hint, id="privet.W012")]


@register(Tags.security, deploy=True)
def check_public_url(app_configs, **kwargs) -> list[Warning]:
    messages = []
    if not settings.HTTPS:
        hint = "Set APP_BASE_URL to the https:// URL that people open."
        message = "APP_BASE_URL is not https: passwords would be sent unencrypted."
        messages.append(Warning(message, hint=hint, id="privet.W004"))
    elif not settings.TRUSTED_PROXIES:
        message = "No proxy is trusted, so Privet can't know that a request used HTTPS and would redirect forever."
        hint = "Set TRUSTED_PROXIES to the number of reverse proxies in front (1 with compose.full.yaml)."
        messages.append(Warning(message, hint=hint, id="privet.W005"))
    if any("*" in host or host.startswith(".") for host in settings.ALLOWED_HOSTS):
        hint = "List the host names of Privet."
        messages.append(Warning("ALLOWED_HOSTS accepts any host.", hint=hint, id="privet.W006"))
    return messages


@register(Tags.security, deploy=True)
def check_company_details(app_configs, **kwargs) -> list[Warning]:
    made_up = [name for name, demo in settings.DEMO_COMPANY.items() if getattr(settings, name) in ("", demo)]
    if not made_up:
        return []
    message = f"Contracts and invoices would contain details of a made-up company: {', '.join(made_up)}."
    return [Warning(message, hint="Set them to the details of the contractor.", id="privet.W007")]


@register(Tags.security, deploy=True)
def check_company_check_digits(app_configs, **kwargs) -> list[Warning]:
    bik = settings.COMPANY_BANK_BIK
    found = {
        "COMPANY_INN": requisites.is_inn(settings.COMPANY_INN),
        "COMPANY_KPP": not settings.COMPANY_KPP or requisites.is_kpp(settings.COMPANY_KPP),
        "COMPANY_OGRN": requisites.is_ogrn(settings.COMPANY_OGRN),
        "COMPANY_BANK_BIK": requisites.is_bik(bik),
        "COMPANY_BANK_ACCOUNT": requisites.is_account(settings.COMPANY_BANK_ACCOUNT, bik),
        "COMPANY_BANK_CORRESPONDENT": requisites.is_correspondent_account(settings.COMPANY_BANK_CORRESPONDENT, bik),
    }
    # Empty ones are reported by check_company_details.
    wrong = [name for name, is_right in found.items() if getattr(settings, name) and not is_right]
    if not wrong:
        return []
    message = f"Typing errors in the details of the company: {', '.join(wrong)}. Payments would not arrive."
    hint = "Compare them with the bank's document. The accounts are checked together with COMPANY_BANK_BIK."
    return [Warning(message, hint=hint, id="privet.W014")]


def _reachable_databases(databases: Iterable[str] | None) -> Iterator[tuple[str, str, CursorWrapper]]:
    """Yield alias, name and cursor of the databases that answer. check_cyrillic_ctype reports the others."""
    for alias in databases or ():
        with suppress(ImproperlyConfigured, DatabaseError), connections[alias].cursor() as cursor:
            yield alias, connections[alias].settings_dict["NAME"], cursor


def exit_on_check_errors() -> None:
    """Run the checks as a management command does; print errors and exit. For servers, which run no checks.

    Does not run the database checks: a short outage must not prevent the server from starting.
    """
    errors = [message for message in checks.run_checks() if message.is_serious() and not message.is_silenced()]
    if errors:
        print("Privet can't start:", *errors, sep="\n\n", file=sys.stderr)  # noqa: T201
        # Gunicorn does not restart a worker that exits with this status.
        sys.exit(3)


def _secret_values(name: str) -> list[str]:
    """Return the values of the secret; [""] if it is not set."""
    try:
        value = getattr(settings, name)
    except ImproperlyConfigured:  # Django raises it for an empty SECRET_KEY
        return [""]
    return (value if isinstance(value, list) else [value]) or [""]
