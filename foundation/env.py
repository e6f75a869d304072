"""Typed readers of environment variables, with `.env` for development.

A malformed variable reads as None and is recorded in `env.malformed_variables`, so that a system check can report all
of them with hints. Otherwise the first one would be a traceback at import.
"""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import dj_database_url
from environs import Env, EnvError, EnvValidationError, validate

BASE_DIR = Path(__file__).resolve().parent.parent


class Environment:
    """The readers of `environs.Env`, such as `env.str(name, default)`, `env.int`, `env.list`."""

    def __init__(self, readers: Env):
        self.malformed_variables: dict[str, list[str]] = {}  # name of the variable → messages
        self._readers = readers

    def __getattr__(self, kind: str) -> Callable[..., Any]:
        read = getattr(self._readers, kind)

        def read_or_record(name: str, *args, **options):
            try:
                return read(name, *args, **options)
            except EnvValidationError as error:
                self.malformed_variables[name] = list(error.error_messages)
                return None

        return read_or_record


_readers = Env()
_readers.read_env(os.environ.get("PRIVET_ENV_FILE", str(BASE_DIR / ".env")), recurse=False)
env = Environment(_readers)


def at_least(minimum: int) -> validate.Range:
    return validate.Range(min=minimum, error="Must be at least {min}.")


def between(minimum: int, maximum: int) -> validate.Range:
    return validate.Range(min=minimum, max=maximum, error="Must be from {min} to {max}.")


log_level = validate.OneOf(("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"), error="Must be one of: {choices}.")


app_payments = validate.OneOf(("claim", "trusted"), error="Must be one of: {choices}.")


sms_gateway = validate.OneOf(("", "exolve", "outbox"), error="Must be one of: {choices}, or empty.")


log_format = validate.OneOf(("line", "json"), error="Must be one of: {choices}.")


@_readers.parser_for("postgresql")
def _parse_postgresql_url(url: str) -> dict:
    """Django's database settings for a `postgresql://` or `postgresql+psycopg://` URL; {} if the URL is empty."""
    if not url:
        return {}
    scheme, _, rest = url.partition("://")
    if scheme not in ("postgresql", "postgres", "postgresql+psycopg"):
        raise EnvError("Not a postgresql:// URL.")
    try:
        return dj_database_url.parse(f"postgresql://{rest}")
    except ValueError as error:
        raise EnvError("Not a valid URL: are the special characters of its password percent-encoded?") from error
