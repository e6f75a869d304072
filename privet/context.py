from django.conf import settings


def page(request) -> dict:
    """For every page: what it extends. HTMX moves between pages by asking for the fragment that differs."""
    htmx = getattr(request, "htmx", None)  # a request that is refused at the door has none
    whole = not htmx or htmx.history_restore_request
    return {"layout": "base.html" if whole else "fragment.html", "app_version": settings.APP_VERSION}
