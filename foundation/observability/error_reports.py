"""Error reports to Sentry, if SENTRY_DSN is set. They contain exception types and locations, never personal data."""

import sentry_sdk
from django.conf import settings
from sentry_sdk.integrations.django import DjangoIntegration

from foundation.observability import request_id, request_log

# The only keys of an event, exception and frame that are sent; the rest of what the library collects is dropped.
EVENT_KEYS = ("event_id", "timestamp", "level", "platform", "release", "logger", "sdk")
EXCEPTION_KEYS = ("type", "module")
FRAME_KEYS = ("filename", "abs_path", "function", "module", "lineno", "in_app")


def init_sentry(**options) -> None:
    """Start reporting to SENTRY_DSN, if it is set."""
    if not settings.SENTRY_DSN:
        return
    sentry_sdk.init(
        dsn=settings.SENTRY_DSN,
        release=settings.APP_VERSION,
        include_local_variables=False,
        include_source_context=False,
        max_request_body_size="never",
        max_breadcrumbs=0,
        auto_session_tracking=False,
        default_integrations=True,
        integrations=[DjangoIntegration(transaction_style="url")],
        before_send=strip_personal_data,
        before_send_transaction=lambda event, hint: None,
        **options,
    )


def strip_personal_data(event: dict, hint: dict) -> dict:
    """Return `event` reduced to exception types, code locations and our own names."""
    request = request_log.current.get()
    sent = {name: event[name] for name in EVENT_KEYS if name in event}
    sent["tags"] = {"request": request_id.current.get(), "view": request_log.view_name(request) if request else ""}
    if errors := (event.get("exception") or {}).get("values"):
        sent["exception"] = {"values": [_strip_exception(error) for error in errors]}
    if template := (event.get("logentry") or {}).get("message"):
        sent["logentry"] = {"message": template}
    return sent


def _strip_exception(error: dict) -> dict:
    frames = (error.get("stacktrace") or {}).get("frames") or []
    exception = {name: error[name] for name in EXCEPTION_KEYS if name in error}
    return exception | {"stacktrace": {"frames": [{name: frame.get(name) for name in FRAME_KEYS} for frame in frames]}}
