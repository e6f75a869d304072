"""Signed documents were set in these fonts: a published font never changes."""

import hashlib

from documents.rendering import FONTS


def test_published_fonts_are_unchanged():
    published = dict(reversed(line.split()) for line in (FONTS / "SHA256SUMS").read_text().splitlines())
    assert published == {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in FONTS.glob("*.ttf")}
