"""Where clients get copies of their documents: the page of the app `copies`, with a number and a new code."""

from django.conf import settings
from django.urls import reverse


def copy_url() -> str:
    """Return the URL of the page, to be read and typed by people."""
    return settings.APP_BASE_URL + reverse("copies:start")


def copy_hint(number: str) -> str:
    """Return the sentence that ends a message about the document with this number."""
    return f"Копия для вас: {copy_url()}, номер {number}."
