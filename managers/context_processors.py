from functools import partial

from django.conf import settings

from managers import second_factor


def page_context(request) -> dict:
    """For every page: what it extends. HTMX moves between pages by asking for the fragment that differs."""
    htmx = getattr(request, "htmx", None)  # a request that is refused at the door has none
    whole = not htmx or htmx.history_restore_request
    return {
        "layout": "base.html" if whole else "fragment.html",
        "app_version": settings.APP_VERSION,
        "is_let_in": partial(_is_fully_signed_in, request),
    }


def _is_fully_signed_in(request) -> bool:
    """Whether the person showed all that signing in asks for; only then is there anything to go to."""
    user = getattr(request, "user", None)
    return user is not None and user.is_authenticated and second_factor.is_verified(request)
