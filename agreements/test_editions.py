"""A published edition of what clients agreed to never changes again, and says what the law asks for."""

import hashlib
from pathlib import Path

import pytest

from agreements.documents import FOLDER
from agreements.models import AgreementKind

PUBLISHED = FOLDER / "published.txt"


def published() -> dict[str, str]:
    lines = [line.split() for line in PUBLISHED.read_text().splitlines() if line and not line.startswith("#")]
    return {path: digest for digest, path in lines}


def name(edition: Path) -> str:
    return edition.relative_to(FOLDER).as_posix()


def digest(edition: Path) -> str:
    """SHA-256 over the name and content of every file, in the order of names."""
    total = hashlib.sha256()
    for file in sorted(path for path in edition.rglob("*") if path.is_file()):
        total.update(f"{name(file)}\0{file.stat().st_size}\0".encode() + file.read_bytes())
    return total.hexdigest()


EDITIONS = sorted(FOLDER.glob("*/v*"))


@pytest.mark.parametrize("edition", EDITIONS, ids=name)
def test_published_edition_is_what_it_was(edition):
    now = digest(edition)
    assert published().get(name(edition)) == now, (
        "Never edit a published edition: copy it to the next number (docs/contract-text.md). A new one is published by"
        f" the line «{now} {name(edition)}» in {PUBLISHED.name}."
    )


def test_published_edition_is_still_there():
    assert published().keys() <= {name(edition) for edition in EDITIONS}


def test_each_kind_has_an_edition():
    assert {edition.parent.name for edition in EDITIONS} == set(AgreementKind.values)
