"""Log formatters. Logs are stored by other systems, so they must not contain personal data."""

import copy
import json
import logging
import re
import traceback
from datetime import UTC, datetime

# PostgreSQL quotes values of the row in the details of an error: «Key (phone)=(9771232323) already exists.» Values may
# contain anything, empty lines included, so a detail ends only where the next part of a chained traceback starts.
DETAIL = re.compile(r"DETAIL:.*?(?=\nTraceback|\n\nThe above exception was|\n\nDuring handling of|\Z)", re.DOTALL)
PLACEHOLDER = re.compile(r"%[sdr]")


class RedactingFormatter(logging.Formatter):
    """Remove URLs, and the row values that database errors quote. For development."""

    def format(self, record: logging.LogRecord) -> str:
        if hasattr(record, "request"):  # Django's own lines have the URL, which may contain a token
            record = copy.copy(record)
            record.msg, record.args = _message(record), ()
        return DETAIL.sub("DETAIL: (left out)", super().format(record))


class JsonFormatter(logging.Formatter):
    """Format a record as one line of JSON: time (UTC), level, logger, message, request, manager, view, extra facts.

    Exceptions are reduced to their type and location, because their messages may quote user input.
    """

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": _message(record),
            **_request_fields(),
            **getattr(record, "facts", {}),
        }
        if record.exc_info and record.exc_info[1]:
            line["error"] = exception_chain(record.exc_info[1])
        return json.dumps(line, ensure_ascii=False, default=lambda value: type(value).__name__)


def _message(record: logging.LogRecord) -> str:
    """The message without URLs in Django's own lines (a URL may contain a token) and without exception messages."""
    if hasattr(record, "request"):
        return PLACEHOLDER.sub("…", str(record.msg))
    if isinstance(record.msg, BaseException):
        return type(record.msg).__name__
    values = record.args if isinstance(record.args, tuple) else (record.args,)
    args = tuple(type(value).__name__ if isinstance(value, BaseException) else value for value in values)
    return DETAIL.sub("DETAIL: (left out)", str(record.msg) % args if record.args else str(record.msg))


def _request_fields() -> dict:
    from foundation.observability import request_id, request_log

    request = request_log.current.get()
    if request is None:
        return {}
    manager = getattr(request, "manager_id", None)  # set by managers.middleware.SignInRequiredMiddleware
    return {
        "request": request_id.current.get(),
        "manager": str(manager) if manager else None,
        "view": request_log.view_name(request),
    }


def exception_chain(error: BaseException | None) -> list[dict]:
    """Describe the error and its causes, outermost first: {"type", "rule", "at": ["file:line function", …]}.

    `rule` is the name of the violated database constraint, if there is one.
    """
    entries, seen = [], set()
    while error and id(error) not in seen:
        seen.add(id(error))
        frames = traceback.extract_tb(error.__traceback__)
        # The constraint name identifies the violated rule and contains no personal data.
        rule = getattr(getattr(error, "diag", None), "constraint_name", None)
        entries.append(
            {"type": type(error).__qualname__}
            | ({"rule": rule} if rule else {})
            | {"at": [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames]}
        )
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return entries
