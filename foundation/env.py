"""The process environment: typed, with `.env` for those who keep one.

What is malformed reads as None and is collected for the system checks to report, with a hint for each, instead
of a traceback at import.
"""

import os
from pathlib import Path

import dj_database_url
from environs import Env, EnvError, validate

BASE_DIR = Path(__file__).resolve().parent.parent


class Environment(Env):
    def malformed(self) -> dict[str, list[str]]:
        """What could not be read so far: the name of each variable and what is wrong with it."""
        return {name: list(dict.fromkeys(messages)) for name, messages in self._errors.items()}


env = Environment(eager=False)
env.read_env(os.environ.get("PRIVET_ENV_FILE", str(BASE_DIR / ".env")), recurse=False)


def at_least(least: int) -> validate.Range:
    return validate.Range(min=least, error="Must be at least {min}.")


def between(least: int, most: int) -> validate.Range:
    return validate.Range(min=least, max=most, error="Must be from {min} to {max}.")


one_of_log_levels = validate.OneOf(
    ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"), error="Must be one of: {choices}."
)


one_of_log_formats = validate.OneOf(("line", "json"), error="Must be one of: {choices}.")


@env.parser_for("postgresql")
def _postgresql(url: str) -> dict:
    """Django's settings for a `postgresql://` or `postgresql+psycopg://` URL, with its options; {} for none."""
    if not url:
        return {}
    scheme, _, rest = url.partition("://")
    if scheme not in ("postgresql", "postgres", "postgresql+psycopg"):
        raise EnvError("Not a postgresql:// URL.")
    try:
        return dj_database_url.parse(f"postgresql://{rest}")
    except ValueError as error:
        raise EnvError("Not a valid URL: are the special characters of its password percent-encoded?") from error
