"""Undocumented behaviour of WeasyPrint that weasyprint_internals.py depends on. An upgrade that changes it fails here,
with a message that names what changed.
"""

from pathlib import Path

import pydyf
import pytest
import weasyprint
from weasyprint import Document
from weasyprint.pdf.fonts import Font
from weasyprint.pdf.stream import Stream

from documents import rendering


def changed(what: str) -> str:
    versions = f"WeasyPrint {weasyprint.__version__}, pydyf {pydyf.__version__}"
    return f"{versions} changed {what}: adapt documents/weasyprint_internals.py, which was written for WeasyPrint 70.0"


@pytest.fixture
def document(tmp_path) -> Document:
    stylesheet = Path(tmp_path / "page.css")
    stylesheet.write_text('html { font: 10pt "PT Serif" } p { color: rgb(0 0 0 / 50%) }')
    return rendering._lay_out("<html><body>Ёж<p>Текст</body></html>", stylesheet)


@pytest.fixture
def painted(document, monkeypatch) -> list[tuple[Stream, float]]:
    """The stream and scale with which writing paints the one page of the document; the page is drawn as well."""
    calls = []

    class ReplacedPage:
        def __init__(self, page):
            self.page = page

        def __getattr__(self, name):
            return getattr(self.page, name)

        def paint(self, stream, scale=1):
            calls.append((stream, scale))
            self.page.paint(stream, scale)

    document.pages[:] = map(ReplacedPage, document.pages)
    document.write_pdf()
    return calls


def test_pages_can_be_replaced_and_are_painted_once(painted):
    assert len(painted) == 1, changed("how pages of Document.pages are painted")
    stream, scale = painted[0]
    assert isinstance(stream, Stream), changed("the stream that Page.paint gets")
    assert scale == 0.75, changed("the scale that Page.paint gets")


def test_fonts_are_cut_to_the_glyphs_of_to_unicode(document, monkeypatch):
    cut = []
    subset = Font.subset

    def record(font, to_unicode, hinting):
        assert to_unicode == font.to_unicode, changed("that writing calls Font.subset with Font.to_unicode")
        cut.append(set(to_unicode.values()))
        subset(font, to_unicode, hinting)

    monkeypatch.setattr(Font, "subset", record)
    document.write_pdf()
    (font,) = document.fonts.values()
    assert cut == [set("ЁжТекст")], changed("Font.to_unicode, the glyphs in use with their letters")
    assert set(font.to_unicode) <= set(font.widths), changed("Font.widths, the width of each glyph in use")


def test_stream_can_be_cloned_with_fonts_and_resources_of_its_own(document, painted):
    stream, _ = painted[0]
    assert stream._fonts is document.fonts, changed("Stream._fonts, the fonts of the document")
    assert {"ExtGState", "XObject", "Pattern", "Shading", "ColorSpace"} <= stream._resources.keys(), changed(
        "the names in Stream._resources"
    )

    resources = {name: {} for name in ("ExtGState", "XObject", "Pattern", "Shading")}
    recorder = stream.clone(fonts={}, resources=resources | {"ColorSpace": stream._resources["ColorSpace"]})
    document.pages[0].page.paint(recorder, 0.75)

    assert recorder._fonts.keys() == document.fonts.keys(), changed("the keys of fonts: equal for equal fonts")
    assert recorder._fonts is not document.fonts, changed("Stream.clone(fonts=…)")
    assert resources["ExtGState"], changed("Stream.clone(resources=…)")
    assert all(isinstance(operator, bytes) for operator in recorder.stream), changed("Stream.stream, a list of bytes")


def test_group_has_its_own_operators_and_can_be_drawn(painted):
    stream, _ = painted[0]
    group = stream.add_group(0, 0, 100, 100)
    assert group.compress is True, changed("Stream.compress of a group")
    assert "ExtGState" in group.extra["Resources"], changed("the resources of Stream.add_group")

    before = len(stream.stream)
    stream.draw_x_object(group.id)
    assert stream.stream[before:] == [f"/{group.id} Do".encode()], changed("Stream.draw_x_object")
