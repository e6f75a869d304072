"""Published editions never change, because clients have agreed to them."""

import hashlib
import re
from pathlib import Path

import pytest
from django.conf import settings

from agreements.documents import FOLDER
from agreements.models import AgreementKind

PUBLISHED = FOLDER / "published.txt"


def published() -> dict[str, str]:
    lines = [line.split() for line in PUBLISHED.read_text().splitlines() if line and not line.startswith("#")]
    return {path: digest for digest, path in lines}


def name(edition: Path) -> str:
    return edition.relative_to(FOLDER).as_posix()


def digest(edition: Path) -> str:
    """Return SHA-256 over names and contents of all files, ordered by name."""
    total = hashlib.sha256()
    for file in sorted(path for path in edition.rglob("*") if path.is_file()):
        total.update(f"{name(file)}\0{file.stat().st_size}\0".encode() + file.read_bytes())
    return total.hexdigest()


EDITIONS = sorted(FOLDER.glob("*/v*"))


@pytest.mark.parametrize("edition", EDITIONS, ids=name)
def test_published_edition_is_unchanged(edition):
    now = digest(edition)
    assert published().get(name(edition)) == now, (
        "Never edit a published edition: copy it to the next number (docs/contract-text.md). To publish a new one, add"
        f" the line «{now} {name(edition)}» to {PUBLISHED.name}."
    )


def test_published_edition_exists():
    assert published().keys() <= {name(edition) for edition in EDITIONS}


def test_each_kind_has_an_edition():
    assert {edition.parent.name for edition in EDITIONS} == set(AgreementKind.values)


def test_templates_use_only_documented_values():
    guide = (settings.BASE_DIR / "docs" / "contract-text.md").read_text()
    used = set()
    for template in FOLDER.glob("*/v*/*.html"):
        used |= set(re.findall(r"{{ ([a-z_.]+)", template.read_text()))
    used -= {"title", "text"}  # made from the kind and from text.html
    assert not [name for name in used if f"`{name}`" not in guide]
