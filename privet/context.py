from django.conf import settings


def page(request) -> dict:
    """For every page: what it extends. HTMX moves between pages by asking for the fragment that differs."""
    whole = not request.htmx or request.htmx.history_restore_request
    return {"layout": "base.html" if whole else "fragment.html", "app_version": settings.APP_VERSION}
