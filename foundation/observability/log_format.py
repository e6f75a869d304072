"""How log lines are written. They are kept by others, so they name nobody."""

import json
import logging
import re
import traceback
from datetime import UTC, datetime

# PostgreSQL quotes values of the row in the details of an error: «Key (phone)=(9771232323) already exists.» They may
# hold anything, empty lines included; what surely comes after them is the next part of a chained traceback.
DETAIL = re.compile(r"DETAIL:.*?(?=\nTraceback|\n\nThe above exception was|\n\nDuring handling of|\Z)", re.DOTALL)
PLACEHOLDER = re.compile(r"%[sdr]")


class RedactingFormatter(logging.Formatter):
    """Leaves out what a database error says about rows. For development."""

    def format(self, record: logging.LogRecord) -> str:
        return DETAIL.sub("DETAIL: (left out)", super().format(record))


class JsonFormatter(logging.Formatter):
    """One JSON object a line: time (UTC), level, logger, message, request, manager, view, and the facts of the line.

    Of an exception only its type and where it was raised are told: its words may quote what somebody typed.
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
    """Django's own lines about a request hold its address, and that may hold a token; exceptions lose their words."""
    if hasattr(record, "request"):
        return PLACEHOLDER.sub("…", str(record.msg))
    if isinstance(record.msg, BaseException):
        return type(record.msg).__name__
    args = record.args if isinstance(record.args, tuple) else (record.args,)
    told = tuple(type(value).__name__ if isinstance(value, BaseException) else value for value in args)
    return DETAIL.sub("DETAIL: (left out)", str(record.msg) % told if record.args else str(record.msg))


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
    """The error and those behind it, the outermost first: {"type", "at": ["file:line function", …]}."""
    told, seen = [], set()
    while error and id(error) not in seen:
        seen.add(id(error))
        frames = traceback.extract_tb(error.__traceback__)
        # By its name a rule of the database says what was refused, and nothing about whom.
        rule = getattr(getattr(error, "diag", None), "constraint_name", None)
        told.append(
            {"type": type(error).__qualname__}
            | ({"rule": rule} if rule else {})
            | {"at": [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames]}
        )
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return told
