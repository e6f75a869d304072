"""The client's consent to the simple electronic signature (63-ФЗ, art. 9), in numbered editions."""

import hashlib

from django.conf import settings

FOLDER = "contracts/pep"
TEMPLATES = settings.BASE_DIR / "templates"


def current_version() -> str:
    """Return the newest edition, such as `v1`."""
    return max((path.stem for path in (TEMPLATES / FOLDER).glob("v*.html")), key=lambda name: int(name[1:]))


def current_template() -> str:
    return f"{FOLDER}/{current_version()}.html"


def text_sha256(version: str) -> str:
    """SHA-256 of the text of an edition, which has no values; 64 hexadecimal digits. "" for an unknown edition."""
    path = TEMPLATES / FOLDER / f"{version}.html"
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""
