"""HTML to PDF by WeasyPrint, with the fonts that we ship and nothing else of the machine or the network."""

import gc
import os
import threading
import zlib
from contextlib import contextmanager
from copy import copy
from functools import cache, lru_cache
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname
from xml.etree import ElementTree

import tinyhtml5
from cssselect2 import ElementWrapper
from weasyprint import CSS, HTML, UA_STYLESHEET, Document, Page
from weasyprint.text.fonts import FontConfiguration
from weasyprint.urls import URLFetcher

from documents import pdf_styles
from documents.pdf_writing import write
from foundation.observability import metrics

FONTS = Path(__file__).parent / "fonts"
NO_MARGIN_BOXES = {None, "@footnote", "@note-area"}
NOTES = {"footnote-call", "footnote-marker", "note-call", "note-marker", "note-callback"}
BLANK_PAGE = '<div style="break-before: page"></div>'

pdf_styles.use()

# Pango's font map, which all documents of a process share, must not be used by two threads at once. Waiting costs
# little: layout is Python code and holds the interpreter anyway.
_lock = threading.Lock()


@metrics.PDF_SECONDS.time()
def typeset(html: str, stylesheet: Path, annex: str = "") -> bytes:
    """The PDF of `html`, followed by the pages of `annex` under the page headers and numbers of `html`.

    The same input gives the same bytes. An annex is laid out once per process, so one that says the same in every
    document costs next to nothing. Pictures may lie in the folder of the stylesheet.
    """
    with _lock, _collecting_nothing():
        sheets = _annex(annex, stylesheet) if annex else ()
        document = _layout(html.replace("</body>", BLANK_PAGE * len(sheets) + "</body>"), stylesheet)
        first = len(document.pages) - len(sheets)
        document.pages[first:] = map(_Overlaid, document.pages[first:], sheets)
        return write(document)


class OwnFolder(URLFetcher):
    """Gives a document the files that lie in its own folder; every other address is refused."""

    def __init__(self, folder: Path):
        super().__init__(allowed_protocols=["file"], allow_redirects=False)
        self.folder = folder.resolve()

    def fetch(self, url, headers=None):
        parts = urlsplit(url)
        path = Path(url2pathname(parts.path)).resolve()
        if parts.scheme != "file" or parts.netloc or not path.is_relative_to(self.folder):
            raise ValueError(f"A document may not use {url}")
        return super().fetch(path.as_uri(), headers)


class _Sheet:
    """A laid-out page of an annex: drawn once, then copied."""

    def __init__(self, page: Page):
        self.page = page
        self.drawing = None

    def paint(self, stream, scale: float) -> None:
        if self.drawing is None:
            self.drawing = _Drawing(self.page, stream, scale)
        if self.drawing.fits(stream):
            self.drawing.paint(stream)
        else:
            self.page.paint(stream, scale)


class _Drawing:
    """What drawing a page writes into a file: compressed operators, graphics states, fonts with the glyphs used."""

    def __init__(self, page: Page, stream, scale: float):
        resources = {name: {} for name in ("ExtGState", "XObject", "Pattern", "Shading")}
        recorder = stream.clone(fonts={}, resources=resources | {"ColorSpace": stream._resources["ColorSpace"]})
        page.paint(recorder, scale)
        self.box = (0, 0, page.width * scale, page.height * scale)
        self.operators = zlib.compress(b"\n".join(recorder.stream), level=9)
        self.fonts = recorder._fonts
        self.states = resources.pop("ExtGState")
        self.has_pictures = any(resources.values())

    def fits(self, stream) -> bool:
        """Whether it can be copied: pictures belong to one file, and so does a font that this file has not got."""
        return not self.has_pictures and self.fonts.keys() <= stream._fonts.keys()

    def paint(self, stream) -> None:
        group = stream.add_group(*self.box)
        group.stream, group.compress = [self.operators], False
        group.extra["Filter"] = "/FlateDecode"
        group.extra["Resources"]["ExtGState"] |= self.states
        for key, font in self.fonts.items():
            own = stream._fonts[key]
            own.to_unicode = font.to_unicode | own.to_unicode
            own.widths = font.widths | own.widths
        stream.draw_x_object(group.id)


class _Overlaid:
    """A blank page of the document, which brings header and number, with a sheet of the annex drawn over it."""

    def __init__(self, page: Page, sheet: _Sheet):
        self._page, self._sheet = page, sheet

    def __getattr__(self, name):
        return getattr(self._page, name)

    def paint(self, stream, scale: float = 1) -> None:
        self._page.paint(stream, scale)
        self._sheet.paint(stream, scale)


class _Source(HTML):
    """A document whose looks are all in its stylesheet."""

    def __init__(self, html: str, stylesheet: Path):
        self.media_type, self.url_fetcher = "print", _fetcher(stylesheet.parent)
        self.base_url = stylesheet.resolve().as_uri()
        self.wrapper_element = ElementWrapper.from_html_root(_parsed(html), content_language=None)
        self.etree_element = self.wrapper_element.etree_element
        self._stylesheet = stylesheet

    def _ua_stylesheets(self, forms=False):
        return [_user_agent(self._stylesheet)]


def _parsed(html: str) -> ElementTree.Element:
    """The document's root. What is well-formed XML is read so, which takes a thirtieth of the time."""
    try:
        return ElementTree.fromstring(html)  # noqa: S314  our own templates, which escape what they are given
    except ElementTree.ParseError:
        return tinyhtml5.parse(html, namespace_html_elements=False)


@lru_cache(maxsize=8)
def _annex(html: str, stylesheet: Path) -> tuple[_Sheet, ...]:
    return tuple(map(_Sheet, _layout(html, stylesheet).pages))


def _layout(html: str, stylesheet: Path) -> Document:
    return _Source(html, stylesheet).render(stylesheets=[_css(stylesheet)], font_config=_fonts())


@cache
def _fetcher(folder: Path) -> OwnFolder:
    return OwnFolder(folder)


@cache
def _css(stylesheet: Path) -> CSS:
    return CSS(filename=stylesheet, font_config=_fonts(), url_fetcher=_fetcher(stylesheet.parent))


@cache
def _user_agent(stylesheet: Path) -> CSS:
    """WeasyPrint's own styles, without those of margin boxes and notes that the stylesheet has not got.

    There are sixteen margin boxes, and to style all takes more than half of the time of an empty page.
    """
    filled = {_box(rule) for rule in _css(stylesheet).page_rules}
    sheet = copy(UA_STYLESHEET)
    sheet.page_rules = [rule for rule in sheet.page_rules if _box(rule) in filled | NO_MARGIN_BOXES]
    if "note" not in stylesheet.read_text().lower():
        # Theirs are about each element, which would have seven styles instead of two.
        sheet.matcher = copy(sheet.matcher)
        sheet.matcher.other_selectors = [rule for rule in sheet.matcher.other_selectors if _pseudo(rule) not in NOTES]
    return sheet


def _box(page_rule) -> str | None:
    """What of a page a rule is about, such as `@bottom-right`; None for the page itself."""
    _, [(_, box, _)], _ = page_rule
    return box


def _pseudo(rule) -> str | None:
    """What of an element a rule is about, such as `marker`; None for the element itself."""
    _, _, _, pseudo_element, _ = rule
    return pseudo_element


@cache
def _fonts() -> FontConfiguration:
    with _environment("FONTCONFIG_FILE", str(FONTS / "fonts.conf")):
        return FontConfiguration()


@contextmanager
def _collecting_nothing():
    """A document's boxes all live until it is written: looking for dead ones among them takes 3 % of its time."""
    collects = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collects:
            gc.enable()


@contextmanager
def _environment(name: str, value: str):
    before = os.environ.get(name)
    os.environ[name] = value
    try:
        yield
    finally:
        if before is None:
            del os.environ[name]
        else:
            os.environ[name] = before
