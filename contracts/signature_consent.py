"""The client's consent to the simple electronic signature (63-ФЗ, art. 9), in numbered editions."""

from django.conf import settings

FOLDER = "contracts/pep"


def current_version() -> str:
    """Return the newest edition, such as `v1`."""
    editions = (settings.BASE_DIR / "templates" / FOLDER).glob("v*.html")
    return max((path.stem for path in editions), key=lambda name: int(name[1:]))


def current_template() -> str:
    return f"{FOLDER}/{current_version()}.html"
