"""HTML to PDF by WeasyPrint, with the fonts of this folder, and without any other file or the network."""

import os
import threading
from contextlib import contextmanager
from functools import cache, lru_cache
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

from weasyprint import CSS, HTML, Document
from weasyprint.text.fonts import FontConfiguration
from weasyprint.urls import URLFetcher

from documents.weasyprint_internals import AnnexPage, write_pdf
from foundation.observability import metrics

FONT_FOLDER = Path(__file__).parent / "fonts"
BLANK_PAGE = '<div style="break-before: page"></div>'

# All documents of a process share Pango's font map, which two threads must not use at the same time. Waiting costs
# little: layout is Python code, and runs in one thread at a time anyway.
_lock = threading.Lock()


@metrics.PDF_SECONDS.time()
def render_pdf(html: str, stylesheet: Path, annex: str = "") -> bytes:
    """PDF of `html`, then the pages of `annex` under the page headers and numbers of `html`.

    The same input gives the same bytes. An annex is laid out once per process: its text should not differ between
    documents. Images must be in the folder of the stylesheet.
    """
    with _lock:
        annex_pages = _lay_out_annex(annex, stylesheet) if annex else ()
        document = _lay_out(html.replace("</body>", BLANK_PAGE * len(annex_pages) + "</body>"), stylesheet)
        return write_pdf(document, annex_pages)


class FolderURLFetcher(URLFetcher):
    """Loads files of one folder for a document; raises ValueError for any other URL."""

    def __init__(self, folder: Path):
        super().__init__(allowed_protocols=["file"], allow_redirects=False)
        self.folder = folder.resolve()

    def fetch(self, url, headers=None):
        parts = urlsplit(url)
        path = Path(url2pathname(parts.path)).resolve()
        if parts.scheme != "file" or parts.netloc or not path.is_relative_to(self.folder):
            raise ValueError(f"A document may not use {url}")
        return super().fetch(path.as_uri(), headers)


@lru_cache(maxsize=8)
def _lay_out_annex(html: str, stylesheet: Path) -> tuple[AnnexPage, ...]:
    return tuple(map(AnnexPage, _lay_out(html, stylesheet).pages))


def _lay_out(html: str, stylesheet: Path) -> Document:
    source = HTML(string=html, base_url=stylesheet.resolve().as_uri(), url_fetcher=_url_fetcher(stylesheet.parent))
    return source.render(stylesheets=[_load_css(stylesheet)], font_config=_font_config())


@cache  # a new one loads the certificates of the machine, 240 million instructions: half as many as a contract
def _url_fetcher(folder: Path) -> FolderURLFetcher:
    return FolderURLFetcher(folder)


@cache
def _load_css(stylesheet: Path) -> CSS:
    return CSS(filename=stylesheet, font_config=_font_config(), url_fetcher=_url_fetcher(stylesheet.parent))


@cache
def _font_config() -> FontConfiguration:
    with _environment_variable("FONTCONFIG_FILE", str(FONT_FOLDER / "fonts.conf")):
        return FontConfiguration()


@contextmanager
def _environment_variable(name: str, value: str):
    before = os.environ.get(name)
    os.environ[name] = value
    try:
        yield
    finally:
        if before is None:
            del os.environ[name]
        else:
            os.environ[name] = before
