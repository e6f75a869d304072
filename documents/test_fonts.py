"""Signed documents use these fonts: a published font never changes."""

import hashlib

from documents.rendering import FONT_FOLDER


def test_published_fonts_are_unchanged():
    published = dict(reversed(line.split()) for line in (FONT_FOLDER / "SHA256SUMS").read_text().splitlines())
    assert published == {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in FONT_FOLDER.glob("*.ttf")}
