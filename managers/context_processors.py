from functools import partial

from django.conf import settings

from managers import second_factor


def page_context(request) -> dict:
    """Context of every page, with the base template in `layout`. HTMX requests get only the fragment that differs."""
    htmx = getattr(request, "htmx", None)  # not set if an earlier middleware rejected the request
    is_full_page = not htmx or htmx.history_restore_request
    return {
        "layout": "base.html" if is_full_page else "fragment.html",
        "app_version": settings.APP_VERSION,
        "is_let_in": partial(_is_fully_signed_in, request),
    }


def _is_fully_signed_in(request) -> bool:
    """Whether the user is signed in with all required factors; only then the page shows the navigation."""
    user = getattr(request, "user", None)
    return user is not None and user.is_authenticated and second_factor.is_verified(request)
