"""Undocumented parts of WeasyPrint, used to lay out and draw an annex once per process instead of once per document.
`bench/tricks.py` prints what this saves.

Written for WeasyPrint 70.0 and pydyf 0.13, and depends on this; test_weasyprint_internals.py checks it:

- `Document.pages` may be replaced by objects with the attributes of `Page`; writing calls their `paint(stream, scale)`;
- a stream has `_fonts` and `_resources`, `clone(fonts=…, resources=…)`, `add_group(x, y, width, height)` and
  `draw_x_object(id)`; drawing appends bytes to `stream`, and writing compresses them only if `compress` is set;
- equal fonts have equal keys in the `_fonts` of all documents;
- a font is cut to the glyphs that are keys of its `to_unicode`, and `widths` has the width of each.
"""

import zlib
from collections.abc import Sequence
from typing import Any

from weasyprint import Document, Page
from weasyprint.pdf.stream import Stream


class AnnexPage:
    """A laid-out page of an annex; the first document draws it, the next ones copy the drawing."""

    def __init__(self, page: Page):
        self._page = page
        self._recorded: _RecordedPage | None = None

    def paint(self, stream: Stream, scale: float) -> None:
        if self._recorded is None:
            self._recorded = _RecordedPage(self._page, stream, scale)
        if self._recorded.can_be_copied_to(stream):
            self._recorded.paint(stream)
        else:
            self._page.paint(stream, scale)


def write_pdf(document: Document, annex: Sequence[AnnexPage] = ()) -> bytes:
    """PDF of the document, with the annex drawn over its last pages. Call it from one thread at a time."""
    first = len(document.pages) - len(annex)
    document.pages[first:] = map(_PageWithAnnex, document.pages[first:], annex)
    return document.write_pdf()


class _PageWithAnnex:
    """A page of the document with an annex page drawn over it: header and number come from the document."""

    def __init__(self, page: Page, annex_page: AnnexPage):
        self._page, self._annex_page = page, annex_page

    def __getattr__(self, name: str) -> Any:
        return getattr(self._page, name)

    def paint(self, stream: Stream, scale: float = 1) -> None:
        self._page.paint(stream, scale)
        self._annex_page.paint(stream, scale)


class _RecordedPage:
    """What drawing a page adds to a file: compressed operators, graphics states, fonts with the glyphs used."""

    def __init__(self, page: Page, stream: Stream, scale: float):
        resources = {name: {} for name in ("ExtGState", "XObject", "Pattern", "Shading")}
        recorder = stream.clone(fonts={}, resources=resources | {"ColorSpace": stream._resources["ColorSpace"]})
        page.paint(recorder, scale)
        self._box = (0, 0, page.width * scale, page.height * scale)
        self._operators = zlib.compress(b"\n".join(recorder.stream), level=9)
        self._fonts = recorder._fonts
        self._graphics_states = resources.pop("ExtGState")
        self._has_images = any(resources.values())

    def can_be_copied_to(self, stream: Stream) -> bool:
        """Images belong to one file, and so does a font that the document itself does not use."""
        return not self._has_images and self._fonts.keys() <= stream._fonts.keys()

    def paint(self, stream: Stream) -> None:
        group = stream.add_group(*self._box)
        group.stream, group.compress = [self._operators], False
        group.extra["Filter"] = "/FlateDecode"
        group.extra["Resources"]["ExtGState"] |= self._graphics_states
        for key, font in self._fonts.items():
            document_font = stream._fonts[key]
            document_font.to_unicode = font.to_unicode | document_font.to_unicode
            document_font.widths = font.widths | document_font.widths
        stream.draw_x_object(group.id)
